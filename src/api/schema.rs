//! The API's OpenAPI 3.1 document, written by hand beside the routes.
//!
//! [`operations`] describes the request and the responses of each route; [`document()`] turns the list
//! into OpenAPI, and `/api/docs` into a page. The examples of error responses are produced by the error
//! types themselves, so that they cannot differ from what the routes send.

mod builder;
mod components;
mod document;
mod exchanges;
mod responses;
mod routes;
mod second_factor;
mod session;
mod sign_in_steps;
mod tokens;

use serde_json::Value;

pub use document::document;
pub use exchanges::{GOOGLE, OKTA};
pub use responses::TOKEN;
pub use routes::operations;
pub use session::WORKOS_TOKEN;

use crate::settings::ApiPrefix;

/// A text of the documentation, with the API's paths below another prefix than `/api`.
pub fn with_prefix(text: String, prefix: &ApiPrefix) -> String {
    let (usual, prefix) = ("/api/", prefix.as_str());
    if prefix == "/api" {
        return text;
    }
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(usual) {
        renamed.push_str(before);
        // A host of the name `api` follows a slash.
        renamed.push_str(if before.ends_with('/') {
            "/api"
        } else {
            prefix
        });
        renamed.push('/');
        rest = after;
    }
    renamed + rest
}

/// A section of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationGroup {
    /// `/api/token` and the routes below it.
    Tokens,
    /// The code exchanges.
    SignIn,
    /// The signed-in user, tokens for a session, and log-out.
    Session,
    /// The documentation itself.
    Document,
}

impl OperationGroup {
    /// All sections, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Tokens, Self::SignIn, Self::Session, Self::Document];

    /// The heading on the page, and the tag in OpenAPI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "Tokens",
            Self::SignIn => "Sign-in",
            Self::Session => "Session and user",
            Self::Document => "Documentation",
        }
    }

    /// A sentence that says what the section is for.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Tokens => "Access and refresh tokens, compatible with Django's simplejwt.",
            Self::SignIn => "Exchange a provider's authorization code for tokens and the user.",
            Self::Session => "The signed-in user, tokens for a browser session, and log-out.",
            Self::Document => "This documentation, as a page and as OpenAPI.",
        }
    }
}

/// One method of one route.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its section.
    pub group: OperationGroup,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, without a trailing slash.
    pub path: &'static str,
    /// OpenAPI's `operationId`, and the anchor on the page. Unique.
    pub id: &'static str,
    /// A short phrase.
    pub summary: &'static str,
    /// Sentences; code is between backticks.
    pub description: &'static str,
    /// The kinds of credentials that it accepts.
    pub credentials: &'static [CredentialKind],
    /// Whether it also answers without credentials.
    pub anonymous: bool,
    /// The fields of the request body. Empty if no body is read.
    pub fields: &'static [BodyField],
    /// Other bodies that it accepts instead.
    pub alternatives: &'static [AlternativeBody],
    /// Every response, by status.
    pub responses: Vec<ResponseDoc>,
}

impl Operation {
    /// The responses that are specific to this operation.
    pub fn own_responses(&self) -> Vec<&ResponseDoc> {
        self.responses
            .iter()
            .filter(|response| !response.general)
            .collect()
    }
}

/// A kind of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// `Authorization: Bearer …`.
    Bearer,
    /// The cookie that `AUTH_COOKIE_NAME` names.
    PolicyCookie,
    /// The cookie of the browser session.
    SessionCookie,
}

/// A text field of a request body.
#[derive(Clone, Copy, Debug)]
pub struct BodyField {
    /// Its name.
    pub name: &'static str,
    /// Whether it is required.
    pub required: bool,
    /// A sentence about it.
    pub description: &'static str,
    /// A made-up value.
    pub example: &'static str,
}

/// An alternative request body of an operation.
#[derive(Clone, Copy, Debug)]
pub struct AlternativeBody {
    /// The name of its example in the document.
    pub name: &'static str,
    /// A short phrase that says what it is for.
    pub summary: &'static str,
    /// Its fields.
    pub fields: &'static [BodyField],
}

/// A response of an operation.
#[derive(Clone, Debug)]
pub struct ResponseDoc {
    /// The status.
    pub status: u16,
    /// When it is sent.
    pub when: &'static str,
    /// The kind of its body.
    pub body: BodyShape,
    /// Its headers that the document mentions.
    pub headers: &'static [ResponseHeader],
    /// Examples of its body.
    pub examples: Vec<ResponseExample>,
    /// Whether all routes, or all routes with a body, have it. The page shows it only once.
    pub general: bool,
}

/// The kind of a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyShape {
    /// JSON with the schema of this component.
    Json(&'static str),
    /// An HTML page.
    Html,
}

/// A header of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseHeader {
    /// `WWW-Authenticate`, on every 401.
    WwwAuthenticate,
    /// `Retry-After`, in seconds.
    RetryAfter,
    /// `Allow`, on every 405.
    Allow,
    /// `Set-Cookie`, under the cookie policy.
    SetCookie,
}

/// An example of a response body.
#[derive(Clone, Debug)]
pub struct ResponseExample {
    /// Its name in the document.
    pub name: &'static str,
    /// When this body is sent.
    pub summary: &'static str,
    /// The body.
    pub value: Value,
}

#[cfg(test)]
mod tests;
