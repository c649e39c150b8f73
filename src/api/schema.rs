//! The API's OpenAPI 3.1 document, kept by hand beside the routes.
//!
//! [`operations`] says what each route takes and answers; [`document`] makes OpenAPI of it, and
//! `/api/docs` a page. What an error says is asked of the error itself, so that it cannot drift.

mod answers;
mod builder;
mod components;
mod document;
mod exchanges;
mod routes;
mod session;
mod tokens;
mod unfinished;

use serde_json::Value;

pub use answers::TOKEN;
pub use document::document;
pub use routes::operations;

/// What belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `/api/token` and what is below it.
    Tokens,
    /// The exchanges of a provider's code.
    SignIn,
    /// Who is signed in, and the way out.
    Session,
    /// This document.
    Document,
}

impl Group {
    /// In the order of the page.
    pub const ALL: [Self; 4] = [Self::Tokens, Self::SignIn, Self::Session, Self::Document];

    /// Its heading, and its tag in OpenAPI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "Tokens",
            Self::SignIn => "Sign-in",
            Self::Session => "Session and user",
            Self::Document => "This document",
        }
    }

    /// What it is for, in a sentence.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Tokens => "Pairs of access and refresh token, as simplejwt gives them out.",
            Self::SignIn => "A provider's code is exchanged for a pair of tokens and the user.",
            Self::Session => "Who is signed in, tokens for a browser session, and the way out.",
            Self::Document => "What you are reading.",
        }
    }
}

/// One route with one method.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Where it belongs.
    pub group: Group,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Without the slash that may follow.
    pub path: &'static str,
    /// Unique; the page's anchor and OpenAPI's `operationId`.
    pub id: &'static str,
    /// A few words.
    pub summary: &'static str,
    /// Sentences; code stands between backticks.
    pub description: &'static str,
    /// What may say who asks, any one of them.
    pub credentials: &'static [Credential],
    /// Whether it answers without any of them too.
    pub anonymous: bool,
    /// The body's fields; none: no body is read.
    pub fields: &'static [Field],
    /// Other bodies that it takes in place of those fields.
    pub alternatives: &'static [Alternative],
    /// Every answer, by status.
    pub answers: Vec<Answer>,
}

impl Operation {
    /// The answers that not every route has.
    pub fn own_answers(&self) -> Vec<&Answer> {
        self.answers
            .iter()
            .filter(|answer| !answer.general)
            .collect()
    }
}

/// What says who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer …`.
    Bearer,
    /// The cookie of `AUTH_COOKIE_NAME`.
    PolicyCookie,
    /// The browser session's cookie.
    SessionCookie,
}

/// A text in the body.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it is.
    pub description: &'static str,
    /// Plainly made up.
    pub example: &'static str,
}

/// Another body that a route takes.
#[derive(Clone, Copy, Debug)]
pub struct Alternative {
    /// Its example's name in the document.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// What may come back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// When it comes.
    pub when: &'static str,
    /// What its body is.
    pub body: Shape,
    /// Headers that matter.
    pub headers: &'static [Header],
    /// Bodies that were, or could have been, sent.
    pub examples: Vec<Example>,
    /// Whether every route with a body, or every route, has it: the page shows it once.
    pub general: bool,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// JSON, by the name of its component.
    Json(&'static str),
    /// A page.
    Html,
}

/// A header of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// `WWW-Authenticate`, on every 401.
    WwwAuthenticate,
    /// `Retry-After`, in seconds.
    RetryAfter,
    /// `Allow`, on every 405.
    Allow,
    /// `Set-Cookie`, under the cookie policy.
    SetCookie,
}

/// A body, and what makes it so.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its name in the document.
    pub name: &'static str,
    /// What makes it so.
    pub summary: &'static str,
    /// The body.
    pub value: Value,
}

#[cfg(test)]
mod tests;
