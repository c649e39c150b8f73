//! The session of a request's browser. Every change of a browser's identity goes through
//! [`BrowserSession`], which also marks the other credentials that the response must remove.

use std::collections::HashMap;
use std::future::{Ready, ready};

use actix_session::{Session, SessionExt, SessionStatus};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::cookie_content::{DOMAIN_KEY, STATE_KEY, SessionState, fit_into_cookie};
use crate::clock::Timestamp;
use crate::ids::SessionId;

/// The session of this request's browser.
pub struct BrowserSession {
    session: Session,
    request: HttpRequest,
}

/// The id of the session whose cookie this request's response updates, as a request extension. If the
/// browser starts another session meanwhile, a late response must not overwrite its cookie.
pub struct UpdatedSession(pub SessionId);

/// The credentials that the response removes from the browser, except those that it sets, as a request
/// extension. The middleware `remove_credentials` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CredentialRemoval {
    /// The cookies with tokens of this site, which stay valid elsewhere.
    ForeignTokens,
    /// The cookies with tokens of this site, which are revoked.
    Tokens,
    /// These, and the cookie of a log-in whose code is missing.
    TokensAndLoginCode,
    /// These, and the cookies of pending sign-ins, which end.
    TokensAndPendingSignIns,
    /// These, and the cookies of every other unfinished sign-in.
    TokensAndSignIns,
}

/// The content of a session cookie.
pub struct SessionCookieContent(HashMap<String, String>);

impl SessionCookieContent {
    /// Reads the plain text that actix-session writes.
    pub fn read(plain: &str) -> Self {
        Self(serde_json::from_str(plain).unwrap_or_default())
    }

    /// The session; `None` if there is none that can be read.
    pub fn state(&self) -> Option<SessionState> {
        serde_json::from_str(self.0.get(STATE_KEY)?).ok()
    }

    /// See [`BrowserSession::set_domain_mark`].
    pub fn domain_mark(&self) -> Option<String> {
        serde_json::from_str(self.0.get(DOMAIN_KEY)?).ok()
    }
}

impl BrowserSession {
    /// Starts a session: the response replaces the cookie and everything in it, and removes the tokens and
    /// the unfinished sign-ins of the browser's previous user.
    pub fn start(&self, state: SessionState) -> Result<(), serde_json::Error> {
        self.begin(state, CredentialRemoval::TokensAndPendingSignIns)
    }

    /// As [`start`](Self::start), for the last step of a pending sign-in. The browser's pending sign-ins go
    /// on: the form may be sent twice, and another tab may wait for a code.
    pub fn start_after_step(&self, state: SessionState) -> Result<(), serde_json::Error> {
        self.begin(state, CredentialRemoval::TokensAndLoginCode)
    }

    fn begin(
        &self,
        state: SessionState,
        removal: CredentialRemoval,
    ) -> Result<(), serde_json::Error> {
        let state = fit_into_cookie(state)?;
        self.session.clear();
        self.session.renew();
        self.mark(removal);
        // The state was serialised before, to measure it, so this does not fail because of its content.
        self.session
            .insert(STATE_KEY, state)
            .map_err(serde::ser::Error::custom)
    }

    /// Replaces the state; the response carries the new cookie.
    pub fn update(&self, state: SessionState) -> Result<(), serde_json::Error> {
        let state = fit_into_cookie(state)?;
        self.session
            .insert(STATE_KEY, state)
            .map_err(serde::ser::Error::custom)
    }

    /// The state of the session at `now`. An expired or unreadable session is removed.
    pub fn current(&self, now: Timestamp) -> Option<SessionState> {
        let state = self.peek(now);
        if state.is_none() && self.session.contains_key(STATE_KEY) {
            self.remove();
        }
        state
    }

    /// As [`current`](Self::current), without removing anything. actix-session cannot start a session
    /// after it has removed one in the same request.
    pub fn peek(&self, now: Timestamp) -> Option<SessionState> {
        let state = self.session.get::<SessionState>(STATE_KEY).ok().flatten();
        state.filter(|state| now < state.expires_at)
    }

    /// Removes a session that has ended by itself: the response removes its cookie and those of its
    /// tokens.
    pub fn remove(&self) {
        self.session.purge();
        self.mark(CredentialRemoval::Tokens);
    }

    /// Removes the session because the user logs out: the response removes all credentials, so that the
    /// next person at this computer finds none.
    pub fn log_out(&self) {
        self.session.purge();
        self.mark(CredentialRemoval::TokensAndSignIns);
    }

    /// Removes the session, if there is one, because tokens in cookies replace it. The response sets them;
    /// the previous ones are revoked, and the browser's pending sign-ins end.
    pub fn replace_by_tokens(&self) {
        self.mark(CredentialRemoval::TokensAndPendingSignIns);
        if self.session.contains_key(STATE_KEY) {
            self.remove();
        } else {
            self.remove_tokens();
        }
    }

    /// Removes the cookies of tokens that are not this session's. Another browser may hold the same tokens,
    /// so they are not revoked.
    pub fn remove_foreign_tokens(&self) {
        self.mark(CredentialRemoval::ForeignTokens);
    }

    /// Removes and revokes tokens in cookies. The session goes on.
    pub fn remove_tokens(&self) {
        self.mark(CredentialRemoval::Tokens);
    }

    /// Encrypts the unchanged state again, with the newest key and for the present domain; returns the session's id.
    pub(crate) fn reseal(&self, now: Timestamp) -> Result<Option<SessionId>, serde_json::Error> {
        let Some(state) = self.peek(now) else {
            return Ok(None);
        };
        let id = state.session_id.clone();
        let sealed = self.session.insert(STATE_KEY, state);
        sealed.map_err(serde::ser::Error::custom)?;
        Ok(Some(id))
    }

    /// If the response writes the cookie: stores with it for which domain it is written, as a short mark. `None`: only
    /// for its host. A cookie with another mark than the setting has now is written again.
    pub(crate) fn set_domain_mark(&self, mark: Option<&str>) -> Result<(), serde_json::Error> {
        let is_written = matches!(
            self.session.status(),
            SessionStatus::Changed | SessionStatus::Renewed
        );
        if !is_written || !self.session.contains_key(STATE_KEY) {
            return Ok(());
        }
        match mark {
            Some(mark) => {
                let stored = self.session.insert(DOMAIN_KEY, mark);
                stored.map_err(serde::ser::Error::custom)
            }
            None => {
                self.session.remove(DOMAIN_KEY);
                Ok(())
            }
        }
    }

    fn mark(&self, removal: CredentialRemoval) {
        let mut extensions = self.request.extensions_mut();
        let marked = extensions.get::<CredentialRemoval>().copied();
        extensions.insert(marked.map_or(removal, |marked| marked.max(removal)));
    }
}

impl FromRequest for BrowserSession {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self {
            session: request.get_session(),
            request: request.clone(),
        }))
    }
}
