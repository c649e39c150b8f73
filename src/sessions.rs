//! Browser sessions. The cookie holds who is signed in; the row holds what must survive the loss of the
//! cookie, such as WorkOS's refresh token.

mod active;
mod activity;
mod browser_session;
mod cookie_content;
mod facts;
mod fingerprint;
mod generation;
mod recent_changes;
mod renewal_lease;
mod revocation_cache;
mod row;
mod serde_time;
mod sql_ended_sessions;
mod token_session;
mod user_agent;
mod workos_access_token;
mod workos_revocation;

pub use active::{ActiveSession, SessionOrigin};
pub use activity::IdleTimeout;
pub use browser_session::{
    BrowserSession, CredentialRemoval, SessionCookieContent, UpdatedSession,
};
pub use cookie_content::{Impersonator, SessionState};
pub use facts::SessionFacts;
pub use fingerprint::{SessionFingerprint, fingerprint};
pub use generation::SessionGeneration;
pub use renewal_lease::{Confirmation, LeaseCondition, RenewalFailure};
pub use revocation_cache::{RevocationCache, RevocationStatus};
pub use row::{NewSession, SessionRow};
pub use sql_ended_sessions::delete_expired_tombstones;
pub use token_session::TokenSession;
pub use user_agent::{device_description, truncate_user_agent};
pub use workos_access_token::StoredAccessToken;
pub use workos_revocation::WorkosRevocation;
