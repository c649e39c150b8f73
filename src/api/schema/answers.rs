//! The answers, their bodies asked of the types that make them.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{Answer, Example, Field, Header, Shape};
use crate::api::error::{FieldErrors, Unauthorized};
use crate::api::exchange::failure;
use crate::api::{ApiError, RequestBody};
use crate::db::DbError;
use crate::error::{Error, InternalError};
use crate::sign_in::ExchangeFailure;

/// Plainly no token, and in a token's shape.
pub const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.made-up-claims.made-up-signature";

const JSON: &str = "application/json";

/// A reason for a 401: its name, when it is given, and what it says.
pub(super) type Reason = (&'static str, &'static str, Unauthorized);

/// 200 with such a body.
pub(super) fn ok(when: &'static str, body: &'static str, value: Value) -> Answer {
    Answer {
        status: 200,
        when,
        body: Shape::Json(body),
        headers: &[],
        examples: vec![example("ok", when, value)],
        general: false,
    }
}

/// 200 with such a body, and under the cookie policy with the cookie.
pub(super) fn ok_with_cookie(when: &'static str, body: &'static str, value: Value) -> Answer {
    Answer {
        headers: &[Header::SetCookie],
        ..ok(when, body, value)
    }
}

/// 200 with a page.
pub(super) fn page(when: &'static str) -> Answer {
    Answer {
        status: 200,
        when,
        body: Shape::Html,
        headers: &[],
        examples: Vec::new(),
        general: false,
    }
}

/// 400: what a body of these fields may do wrong. A provider's refusals come on top.
pub(super) fn bad_request(fields: &[Field], refused: &[Example]) -> Answer {
    let mut examples = refused.to_vec();
    if let Some(field) = fields.first() {
        let null = json!({ field.name: null }).to_string();
        let list = json!({ field.name: [] }).to_string();
        let blank = json!({ field.name: " " }).to_string();
        let nul = json!({ field.name: "a\0" }).to_string();
        for (name, summary, body) in [
            ("missing", "A field is missing", "{}"),
            ("null", "A field is null", &null),
            ("blank", "A field is blank", &blank),
            ("not_a_string", "A field is no text", &list),
            ("nul", "A field has a NUL in it", &nul),
            ("not_a_dictionary", "The body is no object", "[]"),
            ("parse_error", "The body is no JSON", "{\"a\":"),
        ] {
            if let Some(value) = said_of(fields, body) {
                examples.push(example(name, summary, value));
            }
        }
    }
    let host = Error::HostNotAllowed(String::new());
    examples.push(example("host", "An unknown `Host`", told(&host)));
    Answer {
        status: 400,
        when: "Something in the request is missing or wrong",
        body: Shape::Json("BadRequest"),
        headers: &[],
        examples,
        general: fields.is_empty(),
    }
}

/// What the routes say to such a body.
fn said_of(fields: &[Field], body: &str) -> Option<Value> {
    let body = match RequestBody::read(JSON, body.as_bytes()) {
        Ok(body) => body,
        Err(error) => return Some(error.example()),
    };
    let mut read = body.fields();
    for field in fields {
        if field.required {
            read.untrimmed(field.name);
        } else {
            read.optional(field.name);
        }
    }
    read.finish().err().map(|error| error.example())
}

/// 401, with each of these reasons.
pub(super) fn unauthorized(reasons: &[Reason]) -> Answer {
    let examples = reasons.iter().map(|(name, summary, why)| {
        let body = ApiError::from(*why).example();
        example(name, summary, body)
    });
    Answer {
        status: 401,
        when: "Not signed in, or no longer",
        body: Shape::Json("Problem"),
        headers: &[Header::WwwAuthenticate],
        examples: examples.collect(),
        general: false,
    }
}

/// What a browser session that has ended is told, for a 401.
pub(super) fn session_over() -> Example {
    let error = ApiError::SessionOver {
        sign_in_url: "https://app.example.com/auth/login".to_owned(),
    };
    let summary = "The browser session has ended";
    example("session_ended", summary, error.example())
}

/// What a browser session is told that WorkOS cannot be asked about, for a 503.
pub(super) fn unconfirmed() -> Example {
    let error = Error::SessionUnconfirmed {
        retry_after: Duration::ZERO,
    };
    let summary = "WorkOS has been away for longer than `SESSION_STALE_GRACE`";
    example("session_unconfirmed", summary, told(&error))
}

/// 403: another site's page asked; an exchange's own refusals come before.
pub(super) fn forbidden(refused: &[Example]) -> Answer {
    let mut examples = refused.to_vec();
    let summary = "A page of another site asked";
    examples.push(example("cross_site", summary, told(&Error::CrossSite)));
    Answer {
        general: refused.is_empty(),
        ..problem(
            403,
            "Not allowed from there, or not for this account",
            examples,
        )
    }
}

/// 404 of a provider that is not set up, or of an account that is not there.
pub(super) fn not_found(refused: Example) -> Answer {
    let off = example("off", "The provider is not set up", told(&Error::NotFound));
    problem(
        404,
        "No such account, or no such provider",
        vec![refused, off],
    )
}

/// 409 of an exchange.
pub(super) fn conflict(refused: Example) -> Answer {
    problem(
        409,
        "The account belongs to somebody else's sign-in",
        vec![refused],
    )
}

/// An exchange that failed so.
pub(super) fn refused(
    name: &'static str,
    summary: &'static str,
    failure: impl Into<ExchangeFailure>,
) -> Example {
    example(
        name,
        summary,
        failure::to_api_error(failure.into()).example(),
    )
}

/// 400 of a field that is there and will not do.
pub(super) fn complaint(
    name: &'static str,
    summary: &'static str,
    field: &'static str,
    text: &str,
) -> Example {
    let errors = FieldErrors(vec![(field, text.to_owned())]);
    example(name, summary, ApiError::Fields(errors).example())
}

/// 405, of a route that is asked with `method`.
pub(super) fn method_not_allowed(method: &Method) -> Answer {
    let error = Error::MethodNotAllowed {
        method: method.to_string(),
        allow: "",
    };
    let body = error.public().json(method);
    Answer {
        headers: &[Header::Allow],
        general: true,
        ..problem(
            405,
            "Asked with another method",
            vec![example("method", "Asked with another method", body)],
        )
    }
}

/// 408, 413 and 415: what every body may meet.
pub(super) fn of_bodies() -> [Answer; 3] {
    let slow = told(&Error::BodyTooSlow);
    let large = told(&Error::BodyTooLarge);
    let kind = ApiError::UnsupportedMediaType("text/plain".to_owned());
    [
        general(408, "The body took longer than ten seconds", slow),
        general(413, "The body is larger than 64 KiB", large),
        general(415, "The body is neither JSON nor a form", kind.example()),
    ]
}

/// 429.
pub(super) fn throttled() -> Answer {
    let detail = "Request was throttled. Expected available in 60 seconds.";
    let body = json!({ "detail": detail });
    let example = example("throttled", "Too many requests", body);
    Answer {
        headers: &[Header::RetryAfter],
        general: true,
        ..problem(429, "Too many requests", vec![example])
    }
}

/// 500.
pub(super) fn server_error() -> Answer {
    let body = told(&InternalError::new("", "").into());
    general(500, "A mistake of ours", body)
}

/// 503; a provider's outage comes before the database's.
pub(super) fn unavailable(provider: Option<Example>) -> Answer {
    let database = Error::Database(DbError::Unavailable(String::new()));
    let mut examples = Vec::from_iter(provider);
    let general = examples.is_empty();
    let summary = "The database is away";
    examples.push(example("database", summary, told(&database)));
    Answer {
        headers: &[Header::RetryAfter],
        general,
        ..problem(503, "Try again in a moment", examples)
    }
}

pub(super) fn example(name: &'static str, summary: &'static str, value: Value) -> Example {
    Example {
        name,
        summary,
        value,
    }
}

fn general(status: u16, when: &'static str, body: Value) -> Answer {
    Answer {
        general: true,
        ..problem(status, when, vec![example("problem", when, body)])
    }
}

fn problem(status: u16, when: &'static str, examples: Vec<Example>) -> Answer {
    Answer {
        status,
        when,
        body: Shape::Json("Problem"),
        headers: &[],
        examples,
        general: false,
    }
}

/// What the middleware says for an error.
fn told(error: &Error) -> Value {
    error.public().json(&Method::POST)
}
