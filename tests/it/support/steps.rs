//! Helpers that many tests of the sign-in share.

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use url::form_urlencoded;

use super::app::{TestApp, Visitor, location, set_cookies};
use super::log::count_lines;

/// The path at which WorkOS exchanges codes and refresh tokens.
pub(crate) const AUTHENTICATE: &str = "/user_management/authenticate";
/// The link in the header of a page that knows who is signed in.
pub(crate) const LOG_OUT_LINK: &str = r#"<a href="/auth/logout">Log out</a>"#;

/// A parameter of a URL.
pub(crate) fn query(url: &Url, name: &str) -> String {
    let pair = url.query_pairs().find(|(other, _)| other == name);
    pair.unwrap_or_else(|| panic!("{url} has a {name}"))
        .1
        .into_owned()
}

/// The URL with this parameter set to `value`, or without it.
pub(crate) fn with_query(url: &Url, name: &str, value: Option<&str>) -> Url {
    let others = url.query_pairs().filter(|(other, _)| other != name);
    let others: Vec<(String, String)> = others
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut changed = url.clone();
    changed
        .query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .extend_pairs(value.map(|value| (name, value)));
    changed
}

/// `/auth/login` with `next`, encoded as a form would.
pub(crate) fn login_with_next(next: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    format!("/auth/login?{query}")
}

/// The `Set-Cookie` line of this cookie.
pub(crate) fn set_cookie(response: &Response, name: &str) -> Option<String> {
    let prefix = format!("{name}=");
    let mut lines = set_cookies(response).into_iter();
    lines.find(|line| line.starts_with(&prefix))
}

/// Whether a `Set-Cookie` line deletes the cookie.
pub(crate) fn is_removal(line: &str) -> bool {
    let value = line.split_once('=').map(|(_, rest)| rest);
    value.is_some_and(|rest| rest.starts_with(';')) && line.contains("Max-Age=0")
}

/// Asserts that this is an error page of the app with this status, and returns its text.
pub(crate) async fn error_page(response: Response, status: StatusCode) -> String {
    assert_eq!(response.status(), status);
    let kind = response.headers().get(CONTENT_TYPE).expect("a type");
    assert_eq!(kind, "text/html; charset=utf-8");
    let text = response.text().await.expect("a body");
    assert!(
        text.contains(&format!("Error {}", status.as_u16())),
        "{text}"
    );
    assert!(text.contains("Request ID: "), "{text}");
    text
}

/// `Retry-After`, in seconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// Asserts that this client is signed out and that the app has no session.
pub(crate) async fn assert_nobody_signed_in(app: &TestApp, visitor: &Visitor) {
    assert!(!visitor.is_signed_in().await);
    assert!(app.sessions().is_empty(), "{:?}", app.sessions());
}

/// How many times the app has logged that a form of this address, `/auth/step?id=…`, waits for an earlier
/// submission.
pub(crate) fn count_waiting_forms(step: &str) -> usize {
    let (_, id) = step.split_once("id=").expect("an id");
    count_lines(&format!("a form of the pending sign-in {id}"))
}

/// Starts at `/auth/login`, signs in at WorkOS and returns the callback's URL without requesting it.
pub(crate) async fn obtain_callback_url(visitor: &Visitor, email: &str) -> Url {
    let authorize = visitor.start_login("/auth/login").await;
    visitor.authorize(&authorize, email).await
}

/// Signs in and asserts that the home page greets this person.
pub(crate) async fn assert_signs_in(visitor: &Visitor, email: &str) {
    let response = visitor.sign_in(email).await;
    assert_eq!(response.status(), StatusCode::FOUND, "{email} signs in");
    assert_eq!(location(&response), "/");
    let welcome = format!("Welcome, {email}!");
    assert!(visitor.page("/").await.contains(&welcome), "{welcome}");
}
