//! What a browser finds its unfinished sign-ins by: one cookie for each, so that two tabs do not
//! disturb each other.

use std::cmp::Reverse;

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::cookie::time::Duration;
use aws_lc_rs::error::Unspecified;

use crate::clock::Timestamp;
use crate::keys::random_text;
use crate::sign_in::Unfinished;
use crate::web::attempt::{self, hash};

/// Every cookie is called this and its handle.
const PREFIX: &str = "vestibule_step_";
/// The only route that reads it.
const PATH: &str = "/auth/step";
/// Hexadecimal digits of a handle: enough to tell a browser's sign-ins apart.
const HANDLE: usize = 16;
/// More unfinished sign-ins than anyone has open; the rest is not looked for.
const MOST: usize = 5;

/// A fresh secret of a browser's, behind the time of its making.
pub(super) struct Secret(String);

impl Secret {
    /// 256 random bits.
    pub(super) fn generate(now: Timestamp) -> Result<Self, Unspecified> {
        Ok(Self(format!("{}.{}", now.seconds(), random_text()?)))
    }

    /// What its row is called.
    pub(super) fn id(&self) -> String {
        hash(&self.0)
    }

    /// The cookie that brings it back.
    pub(super) fn cookie(self, secure: bool) -> Cookie<'static> {
        let mut cookie = Cookie::new(name(&self.id()), self.0);
        attempt::scope(&mut cookie, PATH, secure);
        cookie.set_max_age(Duration::seconds(Unfinished::REMEMBERED_SECONDS));
        cookie
    }
}

/// The rows that this browser's cookies stand for: the one that is asked for, or else the newest.
pub(super) fn ids(request: &HttpRequest, handle: Option<&str>) -> Vec<String> {
    let ids = ours(request).into_iter().map(|(value, _)| hash(&value));
    let wanted = ids.filter(|id| handle.is_none_or(|wanted| handle_of(id) == wanted));
    wanted.take(MOST).collect()
}

/// Removals of the oldest cookies, without which they would pile up until HTTP 431.
pub(super) fn surplus(request: &HttpRequest, secure: bool) -> Vec<Cookie<'static>> {
    let names = ours(request).into_iter().skip(MOST).map(|(_, name)| name);
    names
        .map(|name| attempt::removal(name, PATH, secure))
        .collect()
}

/// Value and name of each of our cookies, the newest first. Whoever alters a time alters the hash.
fn ours(request: &HttpRequest) -> Vec<(String, String)> {
    let cookies = request.cookies();
    let cookies = cookies.iter().flat_map(|cookies| cookies.iter());
    let named = cookies.filter(|cookie| cookie.name() == name(&hash(cookie.value())));
    let mut ours: Vec<_> = named
        .map(|cookie| (cookie.value().to_owned(), cookie.name().to_owned()))
        .collect();
    ours.sort_by_key(|(value, _)| Reverse(made_at(value)));
    ours
}

fn made_at(value: &str) -> i64 {
    let time = value.split('.').next().unwrap_or_default();
    time.parse().unwrap_or_default()
}

/// The part of a row's name that may stand in an address: it opens nothing.
pub(super) fn handle_of(id: &str) -> &str {
    id.get(..HANDLE).unwrap_or_default()
}

/// Takes the cookie of this row out of the browser.
pub(super) fn removal(id: &str, secure: bool) -> Cookie<'static> {
    attempt::removal(name(id), PATH, secure)
}

fn name(id: &str) -> String {
    format!("{PREFIX}{}", handle_of(id))
}
