//! JSON bodies that more than one route or the OpenAPI document uses.

use std::fmt;

use serde::Serialize;

use crate::accounts::User;
use crate::workos::Organization;

/// A user, as every answer under `/api/` shows one.
#[derive(Serialize)]
pub struct UserJson {
    pub(super) id: i64,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
}

impl From<User> for UserJson {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
        }
    }
}

/// What a page is told of a sign-in that needs one more step.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UnfinishedJson {
    /// For people.
    pub detail: &'static str,
    /// WorkOS's code.
    pub code: String,
    /// To be sent back with the answer; absent where the sign-in goes on at WorkOS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_authentication_token: Option<String>,
    /// Those to choose from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<Organization>,
    /// Where a code was sent to, or whose sign-in it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The challenge that an authenticator's code answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_challenge_id: Option<String>,
    /// The single sign-on connections, of which a fresh sign-in is to name one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connection_ids: Vec<String>,
}

impl fmt::Display for UnfinishedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}
