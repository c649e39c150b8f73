//! Login attempts. Each one has an encrypted cookie of its own with its `state`, its PKCE verifier
//! and the page to return to, so that two tabs do not overwrite each other.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::cookie::time::Duration;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::hex::sha256_hex;
use crate::http::encrypted_cookie;
use crate::ids::OrganizationId;
use crate::keys::Keys;
use crate::middleware::{LOGIN_ATTEMPT, MOST_REMOVALS};
use crate::random::{RandomnessError, random_text};
use crate::sign_in::SignInRequirement;
use crate::workos::Pkce;

/// Longer than any sign-in takes, including MFA.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// The most attempts that a browser keeps. Without a limit the cookies accumulate until requests
/// fail with HTTP 431.
const MAX_ATTEMPTS: usize = 5;
/// The most bytes of all attempts' cookies, names and values: half of the usual limit for headers.
const MAX_COOKIE_BYTES: usize = 4_096;
/// WorkOS's ids are `org_` and 26 characters. A longer value is dropped to keep the cookie small.
const MAX_ORGANIZATION_ID: usize = 64;

/// One attempt to sign in.
#[derive(Clone, Serialize, Deserialize)]
pub struct LoginAttempt {
    state: String,
    code_verifier: String,
    next: String,
    started_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization_id: Option<OrganizationId>,
    // The serialized name is part of cookies that earlier versions have set.
    #[serde(default, rename = "continues", skip_serializing_if = "is_false")]
    is_continuation: bool,
    #[serde(default, skip_serializing_if = "SignInRequirement::is_empty")]
    requirement: SignInRequirement,
    // A link on another site started the attempt.
    #[serde(default, skip_serializing_if = "is_false")]
    foreign: bool,
}

impl LoginAttempt {
    /// Creates an attempt that returns to `next`.
    pub fn start(next: &str, now: Timestamp) -> Result<Self, RandomnessError> {
        let Pkce { verifier } = Pkce::generate()?;
        Ok(Self {
            state: random_text()?,
            code_verifier: verifier,
            next: next.to_owned(),
            started_at: now.seconds(),
            organization_id: None,
            is_continuation: false,
            requirement: SignInRequirement::default(),
            foreign: false,
        })
    }

    /// Sets the organisation to sign in to.
    pub fn into_organization(self, id: Option<OrganizationId>) -> Self {
        let id = id.filter(|id| id.len() <= MAX_ORGANIZATION_ID);
        Self {
            organization_id: id,
            ..self
        }
    }

    /// Marks the attempt as one that this server started by itself, because WorkOS asked for a fresh
    /// sign-in. If WorkOS asks again, the user is shown a page, so that the browser is not redirected
    /// back and forth for ever.
    pub fn into_continuation(self) -> Self {
        Self {
            is_continuation: true,
            ..self
        }
    }

    /// Sets what the sign-in must show.
    pub fn requiring(self, requirement: SignInRequirement) -> Self {
        Self {
            requirement,
            ..self
        }
    }

    /// Says whether the user started the attempt on this site, and not a link on another one.
    pub fn wanted(self, wanted: bool) -> Self {
        Self {
            foreign: !wanted,
            ..self
        }
    }

    /// What the sign-in must show.
    pub fn requirement(&self) -> &SignInRequirement {
        &self.requirement
    }

    /// Whether a link on another site started the attempt. Its callback must not replace a session that
    /// has begun meanwhile.
    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Whether this server started the attempt by itself.
    pub fn is_continuation(&self) -> bool {
        self.is_continuation
    }

    /// The requested organisation.
    pub fn organization_id(&self) -> Option<&OrganizationId> {
        self.organization_id.as_ref()
    }

    /// The `state` parameter, which WorkOS returns unchanged.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The PKCE pair of this attempt.
    pub fn pkce(&self) -> Pkce {
        Pkce {
            verifier: self.code_verifier.clone(),
        }
    }

    /// The page to return to. It was validated when the attempt was created.
    pub fn next(&self) -> &str {
        &self.next
    }

    /// When the attempt began at the latest: its cookie holds whole seconds.
    pub fn began_at(&self) -> Option<Timestamp> {
        Timestamp::from_seconds(self.started_at.saturating_add(1))
    }

    /// The hash that the session's row stores, so that one attempt creates one session only.
    pub fn fingerprint(&self) -> String {
        sha256_hex(&self.state)
    }

    /// A cookie that removes this attempt's cookie.
    pub fn removal(&self, secure: bool) -> Cookie<'static> {
        LOGIN_ATTEMPT.removal(cookie_name(&self.state, secure), secure)
    }

    fn is_live(&self, now: Timestamp) -> bool {
        // The attempt is in the future if the clock was set back, or if another replica's clock is ahead.
        // The cookie is encrypted, so the time is genuine.
        let age = now.seconds().abs_diff(self.started_at);
        age < LIFETIME.num_seconds().unsigned_abs()
    }

    fn cookie(&self, keys: &Keys, secure: bool) -> Option<Cookie<'static>> {
        let name = cookie_name(&self.state, secure);
        let mut cookie = encrypted_cookie::encrypt(&name, self, keys.login_attempt())?;
        LOGIN_ATTEMPT.set_attributes(&mut cookie, secure);
        cookie.set_max_age(Duration::seconds(LIFETIME.num_seconds()));
        Some(cookie)
    }
}

/// The attempts whose cookies a request carries, oldest first.
pub struct LoginAttempts {
    /// Each with its cookie.
    live: Vec<(LoginAttempt, Cookie<'static>)>,
    /// Names of the cookies to remove.
    dead: Vec<String>,
}

impl LoginAttempts {
    /// Reads the attempts from a request's cookies. Cookies that have expired or cannot be decrypted
    /// are marked for removal.
    pub fn from_request(request: &HttpRequest, keys: &Keys, now: Timestamp) -> Self {
        let mut attempts = Self {
            live: Vec::new(),
            dead: Vec::new(),
        };
        for cookie in LOGIN_ATTEMPT.in_request(request.headers()) {
            match decrypt(&cookie, keys).filter(|attempt| attempt.is_live(now)) {
                Some(attempt) => attempts.live.push((attempt, cookie)),
                None => attempts.dead.push(cookie.name().to_owned()),
            }
        }
        attempts.live.sort_by_key(|(attempt, _)| attempt.started_at);
        attempts
    }

    /// Whether the browser has no open attempt.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Finds the attempt with this `state`; compares in constant time.
    pub fn find(&self, state: &str) -> Option<&LoginAttempt> {
        let matches = |attempt: &&LoginAttempt| {
            verify_slices_are_equal(attempt.state.as_bytes(), state.as_bytes()).is_ok()
        };
        self.live.iter().map(|(attempt, _)| attempt).find(matches)
    }

    /// Adds `new` and returns the cookies to set: that of the new attempt, and removals of expired and
    /// surplus ones.
    pub fn add(mut self, mut new: LoginAttempt, keys: &Keys, secure: bool) -> Vec<Cookie<'static>> {
        let Some(mut cookie) = new.cookie(keys, secure) else {
            return Vec::new();
        };
        if size(&cookie) > MAX_COOKIE_BYTES {
            log::warn!(
                "dropped the return address of a login attempt, which was too long for its cookie"
            );
            new.next = String::new();
            match new.cookie(keys, secure) {
                Some(shorter) => cookie = shorter,
                None => return Vec::new(),
            }
        }
        let live = self.live.iter().map(|(_, cookie)| size(cookie));
        let mut bytes = size(&cookie) + live.sum::<usize>();
        while !self.live.is_empty() && (self.live.len() >= MAX_ATTEMPTS || bytes > MAX_COOKIE_BYTES)
        {
            let (_, oldest) = self.live.remove(0);
            bytes -= size(&oldest);
            self.dead.push(oldest.name().to_owned());
        }
        let removals = self
            .dead
            .into_iter()
            .rev()
            .take(MOST_REMOVALS)
            .map(|name| LOGIN_ATTEMPT.removal(name, secure));
        removals.chain(std::iter::once(cookie)).collect()
    }
}

fn decrypt(cookie: &Cookie<'static>, keys: &Keys) -> Option<LoginAttempt> {
    encrypted_cookie::decrypt(cookie, keys.login_attempt())
}

fn size(cookie: &Cookie<'_>) -> usize {
    cookie.name().len() + cookie.value().len()
}

/// The prefix and the first digits of the hash of the attempt's `state`.
fn cookie_name(state: &str, secure: bool) -> String {
    LOGIN_ATTEMPT.name(&sha256_hex(state)[..16], secure)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_live_for_ten_minutes_whichever_clock_is_ahead() {
        let now = Timestamp::from_seconds(1_800_000_000).unwrap();
        let mut attempt = LoginAttempt::start("/", now).unwrap();
        for (started_at, is_live) in [
            (now.seconds(), true),
            (now.seconds() - 599, true),
            (now.seconds() + 599, true),
            (now.seconds() - 600, false),
            (now.seconds() + 600, false),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            attempt.started_at = started_at;
            assert_eq!(attempt.is_live(now), is_live, "{started_at}");
        }
    }
}
