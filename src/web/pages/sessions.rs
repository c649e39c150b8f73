//! The list of sessions on the account page.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::ids::SessionId;
use crate::sessions::SessionOrigin;

/// A user's open sessions, as `account_sessions.html` shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionList {
    /// The current session first.
    pub list: Vec<ListedSession>,
    /// Whether there are more sessions than are listed.
    pub more: bool,
    /// Whether the viewer is the user. An impersonator sees and ends only the current session.
    pub own: bool,
}

/// One session of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// The session's id, which its form sends.
    pub id: SessionId,
    /// Whether it is this browser's session.
    pub current: bool,
    /// A short description of the device.
    pub device: String,
    /// The address that the user signed in from.
    pub ip_address: Option<String>,
    /// When the session started.
    pub began_at: DateTime<Utc>,
    /// The sign-in method.
    pub began: SessionOrigin,
    /// The impersonator's email address.
    pub impersonator: Option<String>,
}

impl ListedSession {
    /// The sign-in method or the impersonator, in words.
    pub fn beginning(&self) -> Cow<'static, str> {
        if let Some(email) = &self.impersonator {
            return format!("Impersonated by {email}").into();
        }
        match self.began {
            SessionOrigin::WorkosSignIn => "WorkOS",
            SessionOrigin::PasswordSignIn => "Password of this site",
            SessionOrigin::CodeExchange => "WorkOS, in an application that uses tokens",
        }
        .into()
    }
}
