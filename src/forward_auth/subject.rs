//! The user of a request behind a proxy.

use actix_web::{FromRequest, HttpRequest};

use crate::api::ApiError;
use crate::api::api_user::ApiUser;
use crate::api::bearer::user_of_token;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::session_user::MaybeUser;
use crate::ids::WorkosSid;
use crate::known_sessions::KnownSession;
use crate::sessions::{Impersonator, SessionFacts, SessionState};
use crate::state::AppState;
use crate::tokens::ForwardGrant;

/// The user of a request, and what the session knows.
pub(super) struct Subject {
    pub(super) user_key: String,
    email: String,
    pub(super) name: String,
    username: Option<String>,
    email_verified: bool,
    groups: Vec<String>,
    token_version: i64,
    sid: Option<WorkosSid>,
    impersonator: Option<Impersonator>,
    not_after: Option<Timestamp>,
    pub(super) facts: SessionFacts,
}

impl Subject {
    /// The user of the access token in the `Authorization` header, else of that in the policy cookie, else of the
    /// browser session; `None` without any of them that is valid.
    pub(super) async fn of(request: &HttpRequest, app: &AppState) -> Result<Option<Self>, Error> {
        match user_of_token(request, app).await {
            Ok(Some(user)) => return Ok(Some(Self::of_token(user))),
            Ok(None) => {}
            Err(ApiError::Other(error)) => return Err(error),
            // The token is not valid, which the log has told.
            Err(_) => return Ok(None),
        }
        let MaybeUser(state) = MaybeUser::extract(request).await?;
        let Some(state) = state else {
            return Ok(None);
        };
        // Without a row the session was deleted a moment ago.
        let known = app.known_sessions.of(&state).await?;
        Ok(known.map(|known| Self::of_session(state, &known)))
    }

    fn of_token(user: ApiUser) -> Self {
        let ApiUser {
            user,
            groups,
            facts,
            sid,
            impersonator,
        } = user;
        Self {
            user_key: user.key().to_string(),
            name: full_name(&user.first_name, &user.last_name),
            username: user.username.clone(),
            email_verified: user.email_verified,
            groups,
            facts,
            token_version: user.token_version,
            sid,
            impersonator,
            not_after: None,
            email: user.email,
        }
    }

    fn of_session(state: SessionState, known: &KnownSession) -> Self {
        Self {
            user_key: known.user_key.to_string(),
            name: full_name(&state.first_name, &state.last_name),
            username: known.username.clone(),
            email_verified: state.email_verified,
            groups: known.groups.clone(),
            facts: known.facts.clone(),
            token_version: known.token_version,
            sid: known.workos_sid.clone(),
            impersonator: state.impersonator,
            not_after: Some(state.expires_at),
            email: state.email,
        }
    }

    /// What the token of this user says.
    pub(super) fn token_grant(&self) -> ForwardGrant<'_> {
        ForwardGrant {
            user_key: &self.user_key,
            token_version: self.token_version,
            email: &self.email,
            email_verified: self.email_verified,
            name: &self.name,
            groups: &self.groups,
            sid: self.sid.as_ref(),
            impersonator: self.impersonator.as_ref().map(|one| one.email.as_str()),
            not_after: self.not_after,
            facts: &self.facts,
        }
    }

    /// The email address, if it is verified: an address that is not may be another person's. Empty otherwise.
    pub(super) fn verified_email(&self) -> &str {
        match self.email_verified {
            true => &self.email,
            false => "",
        }
    }

    /// What people know the account by: the username, else the verified email address, else the id.
    pub(super) fn login(&self) -> &str {
        match (&self.username, self.verified_email()) {
            (Some(username), _) => username,
            (None, "") => &self.user_key,
            (None, email) => email,
        }
    }

    /// The roles in the organisation, and the groups that the account had in Django.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        let workos = &self.facts.workos;
        let role = self
            .facts
            .role
            .iter()
            .filter(|role| !workos.roles.contains(role));
        let all = role.chain(&workos.roles).chain(&self.groups);
        all.map(String::as_str)
    }
}

fn full_name(first: &str, last: &str) -> String {
    format!("{first} {last}").trim().to_owned()
}
