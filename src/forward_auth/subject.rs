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
            ..
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

    /// What people know the account by: the username, else the verified email address, else the id. An application may
    /// have nothing else to tell its users by, so a username that looks like one of the others does not count: in
    /// Django people choose it, and it could be another person's address.
    pub(super) fn login(&self) -> String {
        let username = self.known.username.as_ref();
        let username = username.filter(|name| !looks_like_id(name) && !looks_like_address(name));
        match (username, self.verified_email()) {
            (Some(username), _) => username.clone(),
            // Django's keys may be texts of any kind.
            (None, "") => Some(self.user_key())
                .filter(|key| looks_like_id(key))
                .unwrap_or_default(),
            (None, email) => email.to_owned(),
        }
    }

    /// The roles in the session's organisation, each as `ORGANIZATION:ROLE`, and the groups that the account had in
    /// Django. Every organisation may appoint its own `admin`, so a role alone would not say of what.
    pub(super) fn groups(&self) -> Vec<String> {
        let SessionFacts {
            organization_id,
            role,
            workos,
        } = &self.known.facts;
        let role = role.iter().filter(|role| !workos.roles.contains(role));
        let roles = role.chain(&workos.roles);
        let roles = organization_id
            .iter()
            .flat_map(|id| roles.clone().map(move |role| format!("{id}:{role}")));
        let groups = self.known.groups.iter();
        let groups = groups.filter(|name| !looks_like_role(name)).cloned();
        roles.chain(groups).collect()
    }
}

/// Whether a text could be an account's id: a number or a UUID.
fn looks_like_id(text: &str) -> bool {
    let is_number = text.chars().all(char::is_numeric);
    let is_hex = text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_number || is_hex && text.len() >= 32
}

/// Whether a text could be an email address. By normalisation, the second and third character become the first.
fn looks_like_address(text: &str) -> bool {
    text.contains(['@', '\u{ff20}', '\u{fe6b}'])
}

/// Whether the name of a Django group could be a role of an organisation.
fn looks_like_role(name: &str) -> bool {
    name.starts_with("org_") && name.contains(':')
}

fn full_name(first: &str, last: &str) -> String {
    format!("{first} {last}").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_addresses_and_ids_are_told_apart() {
        for name in ["ada", "Ada.Sample", "2000001a", "bea-1", "zo\u{eb}"] {
            assert!(!looks_like_id(name) && !looks_like_address(name), "{name}");
        }
        for address in ["ada@example.com", "ada@", "ada\u{ff20}example.com"] {
            assert!(looks_like_address(address), "{address}");
        }
        for id in [
            "",
            "2000001",
            "007",
            "\u{662}",
            "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "1B4E28BA2FA111D2883F0016D3CCA427",
        ] {
            assert!(looks_like_id(id), "{id}");
        }
    }
}
