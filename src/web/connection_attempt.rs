//! Attempts to connect a provider, each in one encrypted cookie. A new attempt replaces the previous one.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::cookie::time::Duration;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::http::encrypted_cookie;
use crate::ids::SessionId;
use crate::keys::Keys;
use crate::middleware::CONNECTION_ATTEMPT;
use crate::oidc::ProviderName;
use crate::random::{RandomnessError, random_text};
use crate::workos::Pkce;

const COOKIE: &str = CONNECTION_ATTEMPT.prefix;
/// As long as an attempt to sign in.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// One attempt to connect a provider.
#[derive(Serialize, Deserialize)]
pub struct ConnectionAttempt {
    provider: ProviderName,
    state: String,
    nonce: String,
    code_verifier: String,
    session_id: SessionId,
    started_at: i64,
}

impl ConnectionAttempt {
    /// Creates an attempt of this session.
    pub fn start(
        provider: ProviderName,
        session_id: SessionId,
        now: Timestamp,
    ) -> Result<Self, RandomnessError> {
        let Pkce { verifier } = Pkce::generate()?;
        Ok(Self {
            provider,
            state: random_text()?,
            nonce: random_text()?,
            code_verifier: verifier,
            session_id,
            started_at: now.seconds(),
        })
    }

    /// The open attempt of this browser, if it has this `state` and was started by this session.
    pub fn find(
        request: &HttpRequest,
        keys: &Keys,
        state: &str,
        session_id: &SessionId,
        now: Timestamp,
    ) -> Option<Self> {
        let cookie = request.cookie(COOKIE)?;
        let attempt: Self = encrypted_cookie::decrypt(&cookie, keys.login_attempt())?;
        let age = now.seconds().abs_diff(attempt.started_at);
        let is_same_state =
            verify_slices_are_equal(attempt.state.as_bytes(), state.as_bytes()).is_ok();
        let is_valid = is_same_state
            && age < LIFETIME.num_seconds().unsigned_abs()
            && attempt.session_id == *session_id;
        is_valid.then_some(attempt)
    }

    /// The provider.
    pub fn provider(&self) -> ProviderName {
        self.provider
    }

    /// The `state` parameter, which the provider returns unchanged.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The nonce, which the ID token must contain.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The PKCE pair of this attempt.
    pub fn pkce(&self) -> Pkce {
        Pkce {
            verifier: self.code_verifier.clone(),
        }
    }

    /// The cookie of this attempt; `None` if it cannot be encrypted.
    pub fn cookie(&self, keys: &Keys, secure: bool) -> Option<Cookie<'static>> {
        let mut cookie = encrypted_cookie::encrypt(COOKIE, self, keys.login_attempt())?;
        CONNECTION_ATTEMPT.set_attributes(&mut cookie, secure);
        cookie.set_max_age(Duration::seconds(LIFETIME.num_seconds()));
        Some(cookie)
    }

    /// A cookie that removes the attempt.
    pub fn removal(secure: bool) -> Cookie<'static> {
        CONNECTION_ATTEMPT.removal(COOKIE.to_owned(), secure)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::settings::{Settings, Source};

    #[test]
    fn an_attempt_is_found_for_ten_minutes_whichever_clock_is_ahead() {
        let settings = Settings::read(&Source::from_pairs([
            ("WORKOS_API_KEY", "sk_1"),
            ("WORKOS_CLIENT_ID", "client_1"),
            (
                "SECRET_KEY",
                "made-up-0123456789abcdefghijklmnopqrstuvwxyzABCDEF",
            ),
        ]));
        let keys = Keys::derive(&settings.unwrap());
        let session_id = SessionId::from("0");
        let now = Timestamp::from_seconds(1_800_000_000).unwrap();
        for (started_at, is_found) in [
            (now.seconds() - 599, true),
            (now.seconds() + 599, true),
            (now.seconds() - 600, false),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            let started = ConnectionAttempt::start(ProviderName::Google, session_id.clone(), now);
            let attempt = ConnectionAttempt {
                started_at,
                ..started.unwrap()
            };
            let cookie = attempt.cookie(&keys, true).unwrap();
            let request = TestRequest::default().cookie(cookie).to_http_request();
            let found = ConnectionAttempt::find(&request, &keys, attempt.state(), &session_id, now);
            assert_eq!(found.is_some(), is_found, "{started_at}");
        }
    }
}
