//! What each page shows: one struct per template, filled in by the handlers and rendered by Askama.
//!
//! The structs borrow their data, so a handler keeps it in local variables and renders at once.
//! Askama escapes every text; nothing here is trusted HTML. The templates contain no inline style or
//! script, so that the pages work under a strict Content-Security-Policy. Pictures are loaded from the
//! identity provider's hosts, so `img-src` needs `https:` beside `'self'`.

mod account;
mod authenticator;
mod error;
mod frame;
mod home;
mod organization;
mod password;
mod sessions;
mod step_page;

pub use account::{AccountPage, ProviderConnection, machine_time, readable_time};
pub use authenticator::{
    AuthenticatorForms, AuthenticatorPage, AuthenticatorSection, AuthenticatorSetupPage,
    LoginCodePage, QrCode, RecoveryCodesPage,
};
pub use error::ErrorPage;
pub use frame::{
    ActionLink, CurrentUser, ImpersonationBanner, Nav, Notice, NoticeLevel, PageFrame, SITE_NAME,
};
pub use home::{HomePage, LogoutConfirmPage, ReplaceSessionPage};
pub use organization::OrganizationSection;
pub use password::{LoginForm, LoginPage, PasswordChangeErrors};
pub use sessions::{ListedSession, SessionList};
pub use step_page::{ContinueAtWorkosPage, OrganizationChoice, StepPage, StepPrompt};

#[cfg(test)]
mod tests;
