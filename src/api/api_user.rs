//! The user of an API request.

use crate::accounts::User;
use crate::ids::{SessionId, WorkosSid};
use crate::sessions::{Impersonator, SessionFacts};

/// The user of the access token in the `Authorization` header, else of the access token in the policy
/// cookie, else of the browser session. Without any of them the response is 401.
pub struct ApiUser {
    /// The account.
    pub user: User,
    /// The names of the groups that the account had in Django.
    pub groups: Vec<String>,
    /// The session of the browser, or that of the token at WorkOS.
    pub session_id: Option<SessionId>,
    /// What the session knows besides.
    pub facts: SessionFacts,
    /// WorkOS's id of the session.
    pub sid: Option<WorkosSid>,
    /// The impersonator, in an impersonated session.
    pub impersonator: Option<Impersonator>,
}
