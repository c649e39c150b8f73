//! A login attempt: its `state`, PKCE verifier and way back, in an encrypted cookie of its own, so
//! that two tabs do not overwrite each other.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, SameSite};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, error::Unspecified};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::keys::Keys;
use crate::keys::random_text;
use crate::workos::Pkce;

/// Every attempt's cookie is called this and the beginning of its state's hash.
const PREFIX: &str = "vestibule_login_";
/// The only routes that read it.
const PATH: &str = "/auth";
/// Longer than anyone takes to sign in, MFA included.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// More open tabs than anyone signs in from; without a bound they pile up until HTTP 431.
const MOST: usize = 5;
/// All attempts' cookies together, names and values: half of what servers commonly take as headers.
const MOST_BYTES: usize = 4_096;
/// `org_` and 26 characters are WorkOS's; what is longer has no room in a cookie.
const LONGEST_ORGANIZATION_ID: usize = 64;

/// One attempt to sign in.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attempt {
    state: String,
    code_verifier: String,
    next: String,
    started_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    continues: bool,
}

impl Attempt {
    /// A fresh attempt that will return to `next`.
    pub fn start(next: &str, now: Timestamp) -> Result<Self, Unspecified> {
        let Pkce { verifier } = Pkce::generate()?;
        Ok(Self {
            state: random_text()?,
            code_verifier: verifier,
            next: next.to_owned(),
            started_at: now.seconds(),
            organization_id: None,
            continues: false,
        })
    }

    /// The same, into this organisation.
    pub fn into_organization(self, id: Option<&str>) -> Self {
        let id = id.filter(|id| id.len() <= LONGEST_ORGANIZATION_ID);
        Self {
            organization_id: id.map(str::to_owned),
            ..self
        }
    }

    /// The same, begun by ourselves because WorkOS wanted a fresh sign-in: the next time it does, the
    /// person is asked, lest browser and WorkOS send each other round for ever.
    pub fn continuing(self) -> Self {
        Self {
            continues: true,
            ..self
        }
    }

    /// Whether it was begun by ourselves.
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// The organisation that was asked for.
    pub fn organization_id(&self) -> Option<&str> {
        self.organization_id.as_deref()
    }

    /// What WorkOS brings back unchanged.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The PKCE pair of this attempt.
    pub fn pkce(&self) -> Pkce {
        Pkce {
            verifier: self.code_verifier.clone(),
        }
    }

    /// The way back, checked when the attempt began.
    pub fn next(&self) -> &str {
        &self.next
    }

    /// What the session's row remembers the attempt by, so that it makes one session only.
    pub fn fingerprint(&self) -> String {
        hash(&self.state)
    }

    /// The answer to WorkOS's return: this attempt's cookie goes.
    pub fn removal(&self, secure: bool) -> Cookie<'static> {
        removal(cookie_name(&self.state), PATH, secure)
    }

    fn is_live(&self, now: Timestamp) -> bool {
        let age = now.seconds() - self.started_at;
        // Below zero: the clock was set back, or another replica's is ahead. Only we make attempts.
        age.abs() < LIFETIME.num_seconds()
    }

    fn cookie(&self, keys: &Keys, secure: bool) -> Option<Cookie<'static>> {
        let name = cookie_name(&self.state);
        let text = serde_json::to_string(self).ok()?;
        let mut jar = CookieJar::new();
        jar.private_mut(keys.login_attempt().next()?)
            .add(Cookie::new(name.clone(), text));
        let mut cookie = jar.get(&name)?.clone();
        scope(&mut cookie, PATH, secure);
        cookie.set_max_age(Duration::seconds(LIFETIME.num_seconds()));
        Some(cookie)
    }
}

/// The attempts that a browser has open, oldest first.
pub struct Attempts {
    live: Vec<(Attempt, usize)>,
    dead: Vec<String>,
}

impl Attempts {
    /// Reads the attempts of this browser; what is expired or does not open is marked for removal.
    pub fn of(request: &HttpRequest, keys: &Keys, now: Timestamp) -> Self {
        let mut attempts = Self {
            live: Vec::new(),
            dead: Vec::new(),
        };
        let Ok(cookies) = request.cookies() else {
            return attempts;
        };
        for cookie in cookies.iter().filter(|cookie| is_ours(cookie.name())) {
            match open(cookie, keys).filter(|attempt| attempt.is_live(now)) {
                Some(attempt) => attempts.live.push((attempt, size(cookie))),
                None => attempts.dead.push(cookie.name().to_owned()),
            }
        }
        attempts.live.sort_by_key(|(attempt, _)| attempt.started_at);
        attempts
    }

    /// Whether this browser has no open attempt.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// The attempt that `state` belongs to, compared in constant time.
    pub fn find(&self, state: &str) -> Option<&Attempt> {
        let same = |attempt: &&Attempt| {
            verify_slices_are_equal(attempt.state.as_bytes(), state.as_bytes()).is_ok()
        };
        self.live.iter().map(|(attempt, _)| attempt).find(same)
    }

    /// The cookies to send when `new` joins: its own, and the removal of what has no room beside it.
    pub fn join(mut self, mut new: Attempt, keys: &Keys, secure: bool) -> Vec<Cookie<'static>> {
        let Some(mut cookie) = new.cookie(keys, secure) else {
            return Vec::new();
        };
        if size(&cookie) > MOST_BYTES {
            log::warn!("a login attempt's way back does not fit into its cookie, so it is dropped");
            new.next = String::new();
            match new.cookie(keys, secure) {
                Some(shorter) => cookie = shorter,
                None => return Vec::new(),
            }
        }
        let mut bytes = size(&cookie) + self.live.iter().map(|(_, size)| size).sum::<usize>();
        while !self.live.is_empty() && (self.live.len() >= MOST || bytes > MOST_BYTES) {
            let (oldest, size) = self.live.remove(0);
            bytes -= size;
            self.dead.push(cookie_name(&oldest.state));
        }
        let removals = self
            .dead
            .into_iter()
            .map(|name| removal(name, PATH, secure));
        removals.chain(std::iter::once(cookie)).collect()
    }
}

fn open(cookie: &Cookie<'static>, keys: &Keys) -> Option<Attempt> {
    let jar = CookieJar::new();
    let opened = keys
        .login_attempt()
        .find_map(|key| jar.private(key).decrypt(cookie.clone()))?;
    serde_json::from_str(opened.value()).ok()
}

/// Whether a cookie is called as ours are; another name is not repeated in an answer.
fn is_ours(name: &str) -> bool {
    let hash = name.strip_prefix(PREFIX).unwrap_or_default();
    hash.len() == 16 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn size(cookie: &Cookie<'_>) -> usize {
    cookie.name().len() + cookie.value().len()
}

/// Takes a cookie of a sign-in out of the browser.
pub(super) fn removal(name: String, path: &'static str, secure: bool) -> Cookie<'static> {
    let mut cookie = Cookie::new(name, "");
    scope(&mut cookie, path, secure);
    cookie.make_removal();
    cookie
}

/// Where a cookie of a sign-in goes.
pub(super) fn scope(cookie: &mut Cookie<'static>, path: &'static str, secure: bool) {
    cookie.set_path(path);
    cookie.set_http_only(true);
    cookie.set_secure(secure);
    // WorkOS's redirect back is a cross-site navigation, on which Strict cookies stay at home.
    cookie.set_same_site(SameSite::Lax);
}

fn cookie_name(state: &str) -> String {
    format!("{PREFIX}{}", &hash(state)[..16])
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// SHA-256 in hex.
pub(super) fn hash(secret: &str) -> String {
    let hash = digest::digest(&digest::SHA256, secret.as_bytes());
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
