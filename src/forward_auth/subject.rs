//! The user of a request behind a proxy.

use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest};

use crate::api::ApiError;
use crate::api::api_user::ApiUser;
use crate::api::bearer::{bearer_token, user_of_token};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::session_user::MaybeUser;
use crate::known_sessions::KnownSession;
use crate::sessions::{Impersonator, SessionFacts, SessionState};
use crate::state::AppState;
use crate::tokens::ForwardGrant;

/// The user of a request, and what the session knows.
pub(super) struct Subject {
    pub(super) known: Arc<KnownSession>,
    email: String,
    email_verified: bool,
    pub(super) name: String,
    impersonator: Option<Impersonator>,
    not_after: Option<Timestamp>,
}

impl Subject {
    /// The user of the access token in the `Authorization` header, else of the browser session, else of the access token
    /// in the policy cookie; `None` without any of them that is valid. As on a page, the policy cookie of a browser that
    /// has a session does not matter: it may have expired.
    pub(super) async fn of(request: &HttpRequest, app: &AppState) -> Result<Option<Self>, Error> {
        let Ok(bearer) = bearer_token(request, &app.settings.api) else {
            return Ok(None);
        };
        if bearer.is_none() {
            let MaybeUser(state) = MaybeUser::extract(request).await?;
            if let Some(state) = state {
                // Without a row the session was deleted a moment ago.
                let known = app.known_sessions.of(&state).await?;
                return Ok(known.map(|known| Self::of_session(state, known)));
            }
        }
        match user_of_token(request, app).await {
            Ok(user) => Ok(user.map(Self::of_token)),
            Err(ApiError::Other(error)) => Err(error),
            // The token is not valid, which the log has told.
            Err(_) => Ok(None),
        }
    }

    fn of_token(user: ApiUser) -> Self {
        let ApiUser {
            user,
            groups,
            facts,
            sid,
            impersonator,
        } = user;
        let known = KnownSession {
            user_key: user.key(),
            username: user.username,
            token_version: user.token_version,
            groups,
            workos_sid: sid,
            facts,
        };
        Self {
            known: Arc::new(known),
            email: user.email,
            email_verified: user.email_verified,
            name: full_name(&user.first_name, &user.last_name),
            impersonator,
            not_after: None,
        }
    }

    fn of_session(state: SessionState, known: Arc<KnownSession>) -> Self {
        Self {
            known,
            name: full_name(&state.first_name, &state.last_name),
            email: state.email,
            email_verified: state.email_verified,
            impersonator: state.impersonator,
            not_after: Some(state.expires_at),
        }
    }

    /// What the token of this user says.
    pub(super) fn token_grant(&self) -> ForwardGrant<'_> {
        ForwardGrant {
            known: &self.known,
            email: &self.email,
            email_verified: self.email_verified,
            name: &self.name,
            impersonator: self.impersonator.as_ref().map(|one| one.email.as_str()),
            not_after: self.not_after,
        }
    }

    /// The email address, if it is verified: an address that is not may be another person's. Empty otherwise.
    pub(super) fn verified_email(&self) -> &str {
        match self.email_verified {
            true => &self.email,
            false => "",
        }
    }

    /// The account's id, as in tokens.
    pub(super) fn user_key(&self) -> String {
        self.known.user_key.to_string()
    }

    /// What people know the account by: the username, else the verified email address, else the id.
    pub(super) fn login(&self) -> String {
        match (&self.known.username, self.verified_email()) {
            (Some(username), _) => username.clone(),
            (None, "") => self.user_key(),
            (None, email) => email.to_owned(),
        }
    }

    /// The roles in the organisation, and the groups that the account had in Django.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        let SessionFacts { role, workos, .. } = &self.known.facts;
        let role = role.iter().filter(|role| !workos.roles.contains(role));
        let all = role.chain(&workos.roles).chain(&self.known.groups);
        all.map(String::as_str)
    }
}

fn full_name(first: &str, last: &str) -> String {
    format!("{first} {last}").trim().to_owned()
}
