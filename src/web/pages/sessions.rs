//! The sessions on the account page.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::sessions::Beginning;

/// A user's open sessions, as `account_sessions.html` shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// The present one first.
    pub list: Vec<ListedSession>,
    /// Whether there are more than these.
    pub more: bool,
    /// Whether it is the person's own to end them; whoever acts for somebody else sees and ends the
    /// present one alone.
    pub own: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// What its form sends.
    pub id: String,
    /// Whether it is this browser's.
    pub present: bool,
    /// The device in a few words.
    pub device: String,
    /// Where the person signed in from.
    pub ip_address: Option<String>,
    /// When.
    pub began_at: DateTime<Utc>,
    /// By which door.
    pub began: Beginning,
    /// Who acts for the person there.
    pub impersonator: Option<String>,
}

impl ListedSession {
    /// By which door, or by whom, in words.
    pub fn beginning(&self) -> Cow<'static, str> {
        if let Some(email) = &self.impersonator {
            return format!("Impersonated by {email}").into();
        }
        match self.began {
            Beginning::Workos => "WorkOS",
            Beginning::Password => "Password of this site",
            Beginning::Exchange => "WorkOS, for an application without a cookie",
        }
        .into()
    }
}
