//! Limits for requests to other servers: time-outs, the size of a response, no redirects.

mod resolver;

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode};

use resolver::HostResolver;

/// The time-out of a connection, with the lookup of its host. A TCP and TLS handshake takes well under a second worldwide.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time-out of a request for additional data, short enough to leave time for the main request.
pub(crate) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
/// The time-out of a whole request. Users do not wait longer for a page, and proxies in front of
/// this server usually time out after 30 seconds.
pub(crate) const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// The prefix of the error code that is generated for a refusal without a code, such as `http_403`.
pub(crate) const NO_CODE: &str = "http_";
/// The maximum length of an error code.
const MAX_CODE_LENGTH: usize = 64;
/// The maximum size of a response in bytes. Real ones have a few kilobytes.
const MAX_RESPONSE_SIZE: usize = 1 << 20;

/// Builds a client with time-outs that follows no redirects and sends our name and version. Fails
/// if TLS cannot be set up.
pub(crate) fn client(base_url: &str) -> reqwest::Result<Client> {
    builder(base_url).build()
}

/// Builds the same client, but with a new connection for every request: for requests that must not be
/// repeated. A server closes an idle connection after its keep-alive time. A request that is sent on the
/// connection at that moment fails, and the client cannot know whether the server has processed it.
pub(crate) fn client_without_reuse(base_url: &str) -> reqwest::Result<Client> {
    builder(base_url).pool_max_idle_per_host(0).build()
}

fn builder(base_url: &str) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .redirect(Policy::none())
        .dns_resolver(HostResolver::shared());
    if base_url.starts_with("http:") {
        // Plain HTTP is for emulators on this machine. They are not reached through a proxy and
        // need no certificates, which a small container may lack.
        builder = builder.no_proxy().tls_certs_only([]);
    }
    builder
}

/// Why a request has no successful response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The request could not be sent, or its response could not be read.
    #[error("{}", error_chain(.0))]
    Transport(#[from] reqwest::Error),
    /// The response exceeds [`MAX_RESPONSE_SIZE`].
    #[error("its response is larger than a megabyte")]
    TooLarge,
    /// The server answered with an error status.
    #[error("it answered {}", .0.status)]
    Status(ErrorResponse),
}

impl RequestError {
    /// Whether no connection was made, so that the request never left.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(self, Self::Transport(error) if error.is_connect())
    }
}

/// A response with an error status.
#[derive(Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl ErrorResponse {
    /// Whether a later request may succeed. An API sends no redirect, 1xx or 407: those come from a
    /// proxy in between.
    pub(crate) fn is_transient(&self) -> bool {
        let transient = [
            StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TOO_EARLY,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        transient.contains(&self.status) || !self.status.is_client_error()
    }
}

/// Sends a request and returns the body of a successful response.
pub(crate) async fn send(request: RequestBuilder) -> Result<Vec<u8>, RequestError> {
    let response = request.send().await?;
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let body = read_body(response).await?;
    if status.is_success() {
        return Ok(body);
    }
    Err(RequestError::Status(ErrorResponse {
        status,
        retry_after,
        body,
    }))
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, RequestError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_RESPONSE_SIZE {
            return Err(RequestError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The code of a refusal; a code of ours such as `http_403` if the server sent none.
pub(crate) fn code_or_status(code: Option<String>, status: StatusCode) -> String {
    code.unwrap_or_else(|| format!("{NO_CODE}{}", status.as_u16()))
}

/// Whether the text is an error code: a short identifier (RFC 6749, 5.2). Other texts are not
/// passed on.
pub(crate) fn is_error_code(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=MAX_CODE_LENGTH).contains(&text.len()) && text.chars().all(plain)
}

/// The `Retry-After` header in seconds. Its form with a date is not read; APIs rarely use it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// The error with its causes. reqwest's own message says only "error sending request".
pub(crate) fn error_chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
