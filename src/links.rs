//! Builds URLs of this site that several pages link to.

use url::form_urlencoded::Serializer;

/// The path at which a sign-in through WorkOS starts.
const LOGIN: &str = "/auth/login";
/// The path of the log-in form for passwords.
const PASSWORD_LOGIN: &str = "/login";
/// The path of the form for the code that follows a password.
const LOGIN_CODE: &str = "/login/code";
/// The id of the notice that the session has ended.
pub const SESSION_OVER: &str = "session-ended";
/// The id of the notice that a log-in has expired.
pub const LOGIN_EXPIRED: &str = "login-expired";
/// The id of the notice that the sign-in was cancelled.
pub const SIGN_IN_CANCELLED: &str = "sign-in-cancelled";
/// The query parameter of a sign-in that authenticates the user of the browser's session again.
pub const REAUTHENTICATE: &str = "reauthenticate";
/// The maximum length of a login hint: that of an email address (RFC 5321).
const MAX_HINT_LENGTH: usize = 254;

/// The URL of a sign-in through WorkOS, which returns to `next`.
pub fn login_url(next: &str) -> String {
    with_next(LOGIN, Serializer::new(String::new()), next)
}

/// Like [`login_url`], for another user: WorkOS authenticates the user again instead of using its
/// own session.
pub fn login_as_another_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("max_age", "0");
    with_next(LOGIN, query, next)
}

/// Like [`login_url`], for the user of the browser's session, whom WorkOS authenticates again.
pub fn reauthentication_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair(REAUTHENTICATE, "1");
    with_next(LOGIN, query, next)
}

/// Like [`login_url`], with an email as a hint. An empty or overlong email is left out.
pub fn login_with_hint_url(next: &str, email: &str) -> String {
    let mut query = Serializer::new(String::new());
    if !email.is_empty() && email.chars().count() <= MAX_HINT_LENGTH {
        query.append_pair("login_hint", email);
    }
    with_next(LOGIN, query, next)
}

/// Like [`login_url`], with parameters for WorkOS's authorize endpoint.
pub fn login_with_url(next: &str, parameters: &[(&'static str, String)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    with_next(LOGIN, query, next)
}

/// The home page with the notice that the sign-in was cancelled. Its links return to `next`.
pub fn cancelled_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("notice", SIGN_IN_CANCELLED);
    with_next("/", query, next)
}

/// The page that asks for the next step of a pending sign-in.
pub fn step_url(handle: &str) -> String {
    format!("/auth/step?id={handle}")
}

/// The URL of the log-in form for passwords, which returns to `next`.
pub fn password_login_url(next: &str) -> String {
    with_next(PASSWORD_LOGIN, Serializer::new(String::new()), next)
}

/// Like [`password_login_url`], with the notice that the session has ended.
pub fn session_over_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("notice", SESSION_OVER);
    with_next(PASSWORD_LOGIN, query, next)
}

/// The log-in form with the notice that the log-in has expired.
pub fn login_expired_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("notice", LOGIN_EXPIRED);
    with_next(PASSWORD_LOGIN, query, next)
}

/// The form for the code that follows a password: that of the authenticator app, or a recovery code.
pub fn login_code_url(next: &str, recovery: bool) -> String {
    let mut query = Serializer::new(String::new());
    if recovery {
        query.append_pair("recovery", "1");
    }
    with_next(LOGIN_CODE, query, next)
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
