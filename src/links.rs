//! Addresses of ours that more than one room writes.

use url::form_urlencoded::Serializer;

/// Where WorkOS's side of a log-in begins.
const LOGIN: &str = "/auth/login";
/// The log-in by a password of this site.
const PASSWORD_LOGIN: &str = "/login";
/// The id of the notice that a session has ended.
pub const SESSION_OVER: &str = "session-ended";
/// The id of the notice that a sign-in was cancelled.
pub const SIGN_IN_CANCELLED: &str = "sign-in-cancelled";
/// RFC 5321's longest address; WorkOS has no use for a longer hint.
const LONGEST_HINT: usize = 254;

/// The log-in's address, with the way back in it.
pub fn login_url(next: &str) -> String {
    with_next(LOGIN, Serializer::new(String::new()), next)
}

/// The same for somebody else: WorkOS is to ask anew, instead of remembering whom it let in last.
pub fn login_as_another_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("max_age", "0");
    with_next(LOGIN, query, next)
}

/// The same for whoever has typed an e-mail already; an empty or endless one is left out.
pub fn login_with_hint_url(next: &str, email: &str) -> String {
    let mut query = Serializer::new(String::new());
    if !email.is_empty() && email.chars().count() <= LONGEST_HINT {
        query.append_pair("login_hint", email);
    }
    with_next(LOGIN, query, next)
}

/// The log-in with wishes for WorkOS's authorize page.
pub fn login_with_url(next: &str, wishes: &[(&'static str, String)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(wishes);
    with_next(LOGIN, query, next)
}

/// Home for whoever cancelled the sign-in at WorkOS, with the way back for another one.
pub fn cancelled_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("notice", SIGN_IN_CANCELLED);
    with_next("/", query, next)
}

/// The page that asks for the next step of this unfinished sign-in.
pub fn step_url(handle: &str) -> String {
    format!("/auth/step?id={handle}")
}

/// The log-in by a password of this site, with the way back in its address.
pub fn password_login_url(next: &str) -> String {
    with_next(PASSWORD_LOGIN, Serializer::new(String::new()), next)
}

/// The same for whoever was signed in until now: it says so.
pub fn session_over_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("notice", SESSION_OVER);
    with_next(PASSWORD_LOGIN, query, next)
}

fn with_next(path: &str, mut query: Serializer<'_, String>, next: &str) -> String {
    if !next.is_empty() && next != "/" {
        query.append_pair("next", next);
    }
    match query.finish().as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}
