//! The account page.

use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};

use super::authenticator::AuthenticatorSection;
use super::frame::PageFrame;
use super::organization::OrganizationSection;
use super::password::PasswordChangeErrors;
use super::sessions::SessionList;
use crate::authentication_method::AuthenticationMethod;
use crate::ids::UserId;

/// `GET /account`: the user, and how and when they signed in. Its `page` must have a user.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "account.html")]
pub struct AccountPage<'a> {
    /// The page's frame; the profile shown is its user's.
    pub page: PageFrame<'a>,
    /// Whether the email address is verified.
    pub email_verified: bool,
    /// The id in the user table.
    pub user_id: UserId,
    /// WorkOS's id, for accounts that are linked to a WorkOS user.
    pub workos_user_id: Option<&'a str>,
    /// The session's organisation.
    pub organization_id: Option<&'a str>,
    /// The organisations to switch to.
    pub organizations: OrganizationSection<'a>,
    /// The user's roles in the session's organisation.
    pub roles: &'a [String],
    /// The permissions of the roles.
    pub permissions: &'a [String],
    /// How the user signed in.
    pub authentication_method: Option<&'a AuthenticationMethod>,
    /// When this session started.
    pub signed_in_at: DateTime<Utc>,
    /// When the user last entered credentials.
    pub authenticated_at: DateTime<Utc>,
    /// When this session expires.
    pub expires_at: DateTime<Utc>,
    /// The user's open sessions; `None` if they could not be read.
    pub sessions: Option<&'a SessionList>,
    /// Further verified addresses by which providers find the account.
    pub addresses: &'a [String],
    /// The providers that the user can connect.
    pub providers: &'a [ProviderConnection],
    /// The errors of the password form; `None` hides the form.
    pub password: Option<&'a PasswordChangeErrors>,
    /// The log-in that the password form needs first; `None` if the user has logged in recently.
    pub log_in_again_url: Option<&'a str>,
    /// The section about the second factor.
    pub authenticator: AuthenticatorSection,
}

/// A provider on the account page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderConnection {
    /// The name in addresses.
    pub name: &'static str,
    /// The name on the page.
    pub title: &'static str,
    /// Whether the user has an identity there.
    pub connected: bool,
}

/// With more permissions than these the page shows them only on demand.
const FEW_PERMISSIONS: usize = 12;

impl<'a> AccountPage<'a> {
    /// Whether all permissions are shown at once.
    pub fn has_few_permissions(&self) -> bool {
        self.permissions.len() <= FEW_PERMISSIONS
    }

    /// Whether one of the page's forms was filled in incorrectly.
    pub fn has_errors(&self) -> bool {
        let password = self.password.is_some_and(PasswordChangeErrors::any);
        password || !self.organizations.errors.is_empty()
    }

    /// Whether there is anything to show about organisations. An account without one does not get an
    /// empty section.
    pub fn shows_organization(&self) -> bool {
        let OrganizationSection {
            choices,
            unavailable,
            errors,
            ..
        } = self.organizations;
        self.organization_id.is_some() || !choices.is_empty() || unavailable || !errors.is_empty()
    }

    /// The authentication method in words.
    pub fn method(&self) -> Option<&'a str> {
        self.authentication_method
            .map(AuthenticationMethod::in_words)
    }
}

/// A time for readers, e.g. `21 November 2026, 19:10 UTC`.
pub fn readable_time(time: &DateTime<Utc>) -> String {
    time.format("%-d %B %Y, %H:%M UTC").to_string()
}

/// A time for the `datetime` attribute, e.g. `2026-11-21T19:10:09Z`.
pub fn machine_time(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
