//! What each page shows: one struct per template, filled in by the views and rendered by Askama.
//!
//! The structs borrow, so a view keeps its data in locals and renders at once. Every text is
//! escaped by Askama; nothing here is trusted HTML. A template has no inline style or script, so
//! that the pages work under a strict Content-Security-Policy; pictures come from the identity
//! provider's hosts, so `img-src` needs `https:` beside `'self'`.

use std::borrow::Cow;

use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::sign_in;

mod organization;
mod password;
mod sessions;
mod step;

pub use organization::Organizations;
pub use password::{Login, LoginForm, PasswordErrors};
pub use sessions::{ListedSession, Sessions};
pub use step::{Ask, Choice, Elsewhere, Step};

#[cfg(test)]
mod tests;

/// The name in the header, in the footer and after each title.
pub const SITE_NAME: &str = "Vestibule";

/// What `base.html` needs, whatever the page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The style sheet's address, e.g. `/static/style.css?v=1a2b3c`.
    pub style_url: &'a str,
    /// The icon's address; it is the browser tab's icon and the header's mark.
    pub icon_url: &'a str,
    /// What the header offers.
    pub nav: Nav<'a>,
    /// A message above the page's own content, such as "You cancelled the sign-in."
    pub notice: Option<Notice<'a>>,
}

impl<'a> Page<'a> {
    /// The person signed in, if the page knows of one.
    pub fn visitor(&self) -> Option<&Visitor<'a>> {
        match &self.nav {
            Nav::SignedIn(visitor) => Some(visitor),
            Nav::Hidden | Nav::SignedOut => None,
        }
    }
}

/// The header's navigation.
#[derive(Clone, Copy, Debug)]
pub enum Nav<'a> {
    /// Nothing but the site's name: for pages that cannot tell, such as most errors.
    Hidden,
    /// A log-in link.
    SignedOut,
    /// The account link and a log-out link; with an impersonator, the banner too.
    SignedIn(Visitor<'a>),
}

/// The person who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// The e-mail address, as given.
    pub email: &'a str,
    /// The given name; may be empty.
    pub first_name: &'a str,
    /// The family name; may be empty.
    pub last_name: &'a str,
    /// The picture's address; anything but `https:` and `http:` counts as none.
    pub picture_url: Option<&'a str>,
    /// Who is really behind this session, when it is impersonated.
    pub impersonator: Option<Impersonator<'a>>,
}

impl<'a> Visitor<'a> {
    /// Both names, one of them, or else the e-mail address.
    pub fn name(&self) -> Cow<'a, str> {
        match (self.first_name.trim(), self.last_name.trim()) {
            ("", "") => Cow::Borrowed(self.email),
            (name, "") | ("", name) => Cow::Borrowed(name),
            (first, last) => Cow::Owned(format!("{first} {last}")),
        }
    }

    /// Whether there is a name besides the e-mail address.
    pub fn has_name(&self) -> bool {
        !self.first_name.trim().is_empty() || !self.last_name.trim().is_empty()
    }

    /// One or two letters that stand in for the picture.
    pub fn initials(&self) -> String {
        let names = [self.first_name, self.last_name];
        let letters: String = names.into_iter().filter_map(first_letter).collect();
        let letters = if letters.is_empty() {
            first_letter(self.email)
                .map(String::from)
                .unwrap_or_default()
        } else {
            letters
        };
        letters.to_uppercase()
    }

    /// The picture, when a browser could load it.
    pub fn picture(&self) -> Option<&'a str> {
        // A `data:` or `javascript:` address would only be refused by the policy and logged.
        self.picture_url
            .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
    }
}

fn first_letter(text: &str) -> Option<char> {
    text.chars().find(|letter| letter.is_alphanumeric())
}

/// The member of staff behind an impersonated session.
#[derive(Clone, Copy, Debug)]
pub struct Impersonator<'a> {
    /// The e-mail address of whoever is impersonating.
    pub email: &'a str,
    /// The reason given for it in WorkOS's dashboard.
    pub reason: Option<&'a str>,
}

/// A message above the page's own content.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// How it is coloured and marked.
    pub level: Level,
    /// One or two sentences.
    pub text: &'a str,
}

/// The weight of a [`Notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something to know.
    Info,
    /// Something that did not go as asked.
    Warning,
    /// Something that is done.
    Success,
}

impl Level {
    /// The class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Success => "success",
        }
    }
}

/// `GET /`: a greeting to whoever is signed in, else the way in.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "home.html")]
pub struct Home<'a> {
    /// What every page needs; its `nav` decides between greeting and way in.
    pub page: Page<'a>,
    /// The log-in link's address, with `next` encoded in it where there is one.
    pub login_url: &'a str,
    /// The other door, where passwords are in use.
    pub password_login_url: Option<&'a str>,
}

impl Home<'_> {
    /// The log-in address with WorkOS's hint that a new account is wanted.
    pub fn sign_up_url(&self) -> String {
        let separator = if self.login_url.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{separator}screen_hint=sign-up", self.login_url)
    }
}

/// `GET /account`: who am I, and how did I get in. Its `page` must have a visitor.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "account.html")]
pub struct Account<'a> {
    /// What every page needs; the profile shown is its visitor's.
    pub page: Page<'a>,
    /// Whether the e-mail address is known to be theirs.
    pub email_verified: bool,
    /// The id in the user table.
    pub user_id: i64,
    /// WorkOS's id, for accounts that are linked to one.
    pub workos_user_id: Option<&'a str>,
    /// The organisation of this session.
    pub organization_id: Option<&'a str>,
    /// The organisations to switch to.
    pub organizations: Organizations<'a>,
    /// The roles held in that organisation.
    pub roles: &'a [String],
    /// WorkOS's `authentication_method`, as received.
    pub authentication_method: Option<&'a str>,
    /// When this session began.
    pub signed_in_at: DateTime<Utc>,
    /// When this session ends by itself.
    pub expires_at: DateTime<Utc>,
    /// The user's open sessions; `None` where they could not be read.
    pub sessions: Option<&'a Sessions>,
    /// The form that changes the password, and what is wrong with it; `None` where there is nothing
    /// to change.
    pub password: Option<&'a PasswordErrors>,
}

impl<'a> Account<'a> {
    /// Whether one of its forms was filled in wrongly.
    pub fn is_wrong(&self) -> bool {
        let password = self.password.is_some_and(PasswordErrors::any);
        password || !self.organizations.errors.is_empty()
    }

    /// The authentication method in words.
    pub fn method(&self) -> Option<&'a str> {
        self.authentication_method.map(method_in_words)
    }
}

/// Says WorkOS's `authentication_method` in words; the set is open, so an unknown one is shown
/// as it came, less the ending that all providers share.
fn method_in_words(method: &str) -> &str {
    match method {
        sign_in::LOCAL_PASSWORD => "Password of this site",
        "Password" => "Password",
        "SSO" => "Single sign-on",
        "MagicAuth" => "Code by e-mail",
        "Passkey" => "Passkey",
        "Impersonation" => "Impersonation",
        "MigratedSession" => "Migrated session",
        "ExternalAuth" => "External sign-in",
        "CrossAppAuth" => "Another application",
        other => other
            .strip_suffix("OAuth")
            .filter(|name| !name.is_empty())
            .unwrap_or(other),
    }
}

/// A time as people read it, e.g. `21 November 2026, 19:10 UTC`.
fn readable(time: &DateTime<Utc>) -> String {
    time.format("%-d %B %Y, %H:%M UTC").to_string()
}

/// A time as the `datetime` attribute wants it, e.g. `2026-11-21T19:10:09Z`.
fn machine(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Any failure, as a page.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// The HTTP status, e.g. 503.
    pub status: u16,
    /// What happened, in a few words; the page's title too.
    pub heading: &'a str,
    /// One or two sentences: what happened, and what to do.
    pub message: &'a str,
    /// The id under which the log tells the rest.
    pub request_id: Option<&'a str>,
    /// The way on; without one the page leads home.
    pub action: Option<Action<'a>>,
    /// A second way on, beside the first.
    pub other: Option<Action<'a>>,
}

impl<'a> ErrorPage<'a> {
    /// The way on, for no error page is a dead end.
    pub fn way_on(&self) -> Action<'a> {
        self.action.unwrap_or(Action {
            label: "Go home",
            url: "/",
        })
    }
}

/// A link that looks like a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action<'a> {
    /// Its words, e.g. "Try again".
    pub label: &'a str,
    /// Where it leads.
    pub url: &'a str,
}

/// `GET /auth/logout` from another site: asks before it signs anyone out.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "logout_confirm.html")]
pub struct LogoutConfirm<'a> {
    /// What every page needs.
    pub page: Page<'a>,
}
