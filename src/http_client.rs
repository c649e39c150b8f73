//! Requests to other people's servers: bounded in time and in size.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

/// A TCP and TLS handshake takes well under a second across the world.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// What only adds to an answer must leave time for the answer.
pub(crate) const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(3);
/// Nobody waits longer for a page; below the usual 30 seconds of proxies in front of us.
pub(crate) const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// A code is a word or three.
const LONGEST_CODE: usize = 64;
/// An answer is a few kilobytes; a megabyte is not theirs.
const LARGEST_ANSWER: usize = 1 << 20;

/// A client with timeouts and our name and version, which follows no redirect. Fails where TLS
/// cannot be set up.
pub(crate) fn client(base_url: &str) -> reqwest::Result<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .redirect(Policy::none());
    if base_url.starts_with("http:") {
        // Plain HTTP is for emulators on this machine: no proxy reaches them, and no certificates
        // are needed, which a small container may not have.
        builder = builder.no_proxy().tls_certs_only([]);
    }
    builder.build()
}

/// The body, or why there is none.
pub(crate) async fn read_body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err("its answer is larger than a megabyte".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether an answer that is no success may be another one later. A redirect, a 1xx or a proxy's 407 is
/// no answer of an API's: something stands between us and it.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    let transient = [
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    transient.contains(&status) || !status.is_client_error()
}

/// Whether this is an error's code: providers' are short words (RFC 6749, 5.2), and nothing else is
/// passed on.
pub(crate) fn is_code(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=LONGEST_CODE).contains(&text.len()) && text.chars().all(plain)
}

/// `Retry-After` in seconds; its form with a date is rare where machines ask.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// reqwest's own text says only "error sending request"; the causes behind it say why.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
