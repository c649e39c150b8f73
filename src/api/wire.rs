//! The JSON of successful responses and of unfinished sign-ins. The order of the fields is Django REST
//! framework's and simplejwt's.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::api_user::ApiUser;
use crate::accounts::{User, UserKey};
use crate::ids::OrganizationId;
use crate::sessions::Impersonator;
use crate::workos::Organization;

/// A user.
#[derive(Serialize)]
pub struct UserJson {
    /// An integer, or a text if the key in Django is one.
    pub(super) id: UserKey,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
}

impl From<User> for UserJson {
    fn from(user: User) -> Self {
        Self {
            id: user.key(),
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
        }
    }
}

/// The response of `/api/users/me`.
#[derive(Serialize)]
pub struct CurrentUserJson {
    #[serde(flatten)]
    pub(super) user: UserJson,
    pub(super) email_verified: bool,
    pub(super) picture_url: Option<String>,
    pub(super) organization_id: Option<OrganizationId>,
    /// `None` too if WorkOS cannot be asked.
    pub(super) organization_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) permissions: Vec<String>,
    pub(super) entitlements: Vec<String>,
    pub(super) feature_flags: Vec<String>,
    pub(super) claims: Map<String, Value>,
    pub(super) impersonator: Option<Impersonator>,
    pub(super) is_staff: bool,
    pub(super) is_superuser: bool,
    pub(super) groups: Vec<String>,
}

impl CurrentUserJson {
    /// A user, and the name of the session's organisation.
    pub(super) fn new(user: ApiUser, organization_name: Option<String>) -> Self {
        let ApiUser {
            user,
            groups,
            facts,
            impersonator,
            ..
        } = user;
        let workos = facts.workos;
        Self {
            email_verified: user.email_verified,
            picture_url: user.picture_url.clone(),
            organization_id: facts.organization_id,
            organization_name,
            role: facts.role,
            roles: workos.roles,
            permissions: workos.permissions,
            entitlements: workos.entitlements,
            feature_flags: workos.feature_flags,
            claims: workos.claims,
            impersonator,
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
            groups,
            user: user.into(),
        }
    }
}

/// The response of a sign-in.
#[derive(Serialize)]
pub struct SignedInJson<'a> {
    pub(super) access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<&'a str>,
    pub(super) user: UserJson,
}

/// The response of `/api/token`.
#[derive(Serialize)]
pub struct TokenPairJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh: Option<&'a str>,
    pub(super) access: &'a str,
}

/// The response of `/api/token/refresh`.
#[derive(Serialize)]
pub struct RefreshedJson<'a> {
    pub(super) access: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh: Option<&'a str>,
}

/// The response of `/api/auth/workos/token`.
#[derive(Serialize)]
pub struct WorkosTokenJson<'a> {
    pub(super) access_token: &'a str,
    /// In UTC, such as `2026-11-30T12:00:00Z`.
    pub(super) expires_at: String,
}

/// The response of `/api/auth/logout`.
#[derive(Serialize)]
pub struct LoggedOutJson<'a> {
    pub(super) message: &'static str,
    pub(super) workos_logout_url: Option<String>,
    pub(super) redirect_to: &'a str,
}

/// The 403 of a sign-in that needs one more step.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NextStepJson {
    /// A sentence for people.
    pub detail: &'static str,
    /// WorkOS's code for the step.
    pub code: String,
    /// Must be sent back with the answer to the step. Absent if the step is taken at WorkOS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_authentication_token: Option<String>,
    /// The organisations that the user can choose from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<Organization>,
    /// The address that a code was sent to, or the user's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The challenge that the authenticator's code answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_challenge_id: Option<String>,
    /// The single sign-on connections; a new sign-in must name one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connection_ids: Vec<String>,
}

impl fmt::Display for NextStepJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}
