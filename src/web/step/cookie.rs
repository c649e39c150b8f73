//! Cookies that identify a browser's unfinished sign-ins: one for each, so that two tabs do not
//! interfere with each other.

use std::cmp::Reverse;

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::cookie::time::Duration;

use crate::clock::Timestamp;
use crate::middleware::{MOST_REMOVALS, PENDING_SIGN_IN, pending_sign_in_id};
use crate::random::{RandomnessError, random_text};
use crate::sign_in::PendingSignIn;

/// The hexadecimal digits of a handle: enough to distinguish one browser's sign-ins.
const HANDLE_DIGITS: usize = 16;
/// The most unfinished sign-ins of a browser; older ones are ignored and their cookies removed.
const MAX_SIGN_INS: usize = 5;

/// A new cookie's secret value, and whether the cookie is for https.
pub(super) struct StepSecret {
    /// When it was created, and random text.
    value: String,
    secure: bool,
}

impl StepSecret {
    /// Creates a secret of 256 random bits. `secure`: for https.
    pub(super) fn generate(now: Timestamp, secure: bool) -> Result<Self, RandomnessError> {
        let value = format!("{}.{}", now.seconds(), random_text()?);
        Ok(Self { value, secure })
    }

    /// The id of the row that belongs to the secret.
    pub(super) fn row_id(&self) -> String {
        pending_sign_in_id(&PENDING_SIGN_IN.name("", self.secure), &self.value)
    }

    /// The cookie with this secret.
    pub(super) fn cookie(self) -> Cookie<'static> {
        let name = PENDING_SIGN_IN.name(handle_of(&self.row_id()), self.secure);
        let mut cookie = Cookie::new(name, self.value);
        PENDING_SIGN_IN.set_attributes(&mut cookie, self.secure);
        cookie.set_max_age(Duration::seconds(PendingSignIn::COOKIE_MAX_AGE));
        cookie
    }
}

/// The row ids that belong to the request's cookies, newest first; only that with `handle` if it is
/// given.
pub(in crate::web) fn row_ids(request: &HttpRequest, handle: Option<&str>) -> Vec<String> {
    let ids = step_cookies(request)
        .into_iter()
        .map(|cookie| pending_sign_in_id(cookie.name(), cookie.value()));
    let wanted = ids.filter(|id| handle.is_none_or(|wanted| handle_of(id) == wanted));
    wanted.take(MAX_SIGN_INS).collect()
}

/// Cookies that remove the oldest step cookies. Otherwise they would accumulate until requests fail
/// with HTTP 431.
pub(super) fn surplus_removals(request: &HttpRequest, secure: bool) -> Vec<Cookie<'static>> {
    let surplus = step_cookies(request)
        .into_iter()
        .skip(MAX_SIGN_INS)
        .take(MOST_REMOVALS);
    surplus
        .map(|cookie| PENDING_SIGN_IN.removal(cookie.name().to_owned(), secure))
        .collect()
}

/// The step cookies, newest first. The name contains a hash of the value, so a cookie with a changed time is
/// ignored.
fn step_cookies(request: &HttpRequest) -> Vec<Cookie<'static>> {
    let cookies = PENDING_SIGN_IN.in_request(request.headers());
    let genuine = cookies.filter(|cookie| {
        let id = pending_sign_in_id(cookie.name(), cookie.value());
        cookie.name().ends_with(handle_of(&id))
    });
    let mut found: Vec<_> = genuine.collect();
    found.sort_by_key(|cookie| Reverse(created_at(cookie.value())));
    found
}

fn created_at(value: &str) -> i64 {
    let time = value.split('.').next().unwrap_or_default();
    time.parse().unwrap_or_default()
}

/// The part of a row's id that is used in addresses. It gives no access to the row.
pub(super) fn handle_of(id: &str) -> &str {
    id.get(..HANDLE_DIGITS).unwrap_or_default()
}

/// A cookie that removes the cookie of this row from the browser.
pub(super) fn removal(id: &str, secure: bool) -> Cookie<'static> {
    let name = PENDING_SIGN_IN.name(handle_of(id), secure);
    PENDING_SIGN_IN.removal(name, secure)
}
