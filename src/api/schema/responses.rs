//! The responses of operations, with examples that the error types produce.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Bytes;
use serde_json::{Value, json};

use super::{BodyField, BodyShape, ResponseDoc, ResponseExample, ResponseHeader};
use crate::api::error::{FieldErrors, Unauthorized};
use crate::api::exchange::failure;
use crate::api::{ApiError, RequestBody, token_or_session};
use crate::db::DbError;
use crate::error::{Error, InternalError};
use crate::sign_in::ExchangeFailure;

/// A made-up token with the shape of a JWT.
pub const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.made-up-claims.made-up-signature";

const JSON: &str = "application/json";

/// A reason for a 401: the name of its example, when it is sent, and the error.
pub(super) type UnauthorizedReason = (&'static str, &'static str, Unauthorized);

/// 200 with the JSON of a component.
pub(super) fn ok(when: &'static str, body: &'static str, value: Value) -> ResponseDoc {
    ResponseDoc {
        status: 200,
        when,
        body: BodyShape::Json(body),
        headers: &[],
        examples: vec![example("ok", when, value)],
        general: false,
    }
}

/// 200 with the JSON of a component, and with a cookie under the cookie policy.
pub(super) fn ok_with_cookie(when: &'static str, body: &'static str, value: Value) -> ResponseDoc {
    ResponseDoc {
        headers: &[ResponseHeader::SetCookie],
        ..ok(when, body, value)
    }
}

/// 200 with an HTML page.
pub(super) fn page(when: &'static str) -> ResponseDoc {
    ResponseDoc {
        status: 200,
        when,
        body: BodyShape::Html,
        headers: &[],
        examples: Vec::new(),
        general: false,
    }
}

/// 400: the examples in `refused`, and those of a body with these fields.
pub(super) fn bad_request(fields: &[BodyField], refused: &[ResponseExample]) -> ResponseDoc {
    let mut examples = refused.to_vec();
    if let Some(field) = fields.first() {
        let null = json!({ field.name: null }).to_string();
        let list = json!({ field.name: [] }).to_string();
        let blank = json!({ field.name: " " }).to_string();
        let nul = json!({ field.name: "a\0" }).to_string();
        for (name, summary, body) in [
            ("missing", "A required field is missing", "{}"),
            ("null", "A field is null", &null),
            ("blank", "A field is blank", &blank),
            ("not_a_string", "A field is not a string", &list),
            ("nul", "A field contains a NUL character", &nul),
            ("not_a_dictionary", "The body is not a JSON object", "[]"),
            ("parse_error", "The body is not valid JSON", "{\"a\":"),
        ] {
            if let Some(value) = field_errors(fields, body) {
                examples.push(example(name, summary, value));
            }
        }
    }
    let host = Error::HostNotAllowed(String::new());
    examples.push(example(
        "host",
        "The `Host` header is not in `ALLOWED_HOSTS`",
        public_body(&host),
    ));
    ResponseDoc {
        status: 400,
        when: "Something in the request is missing or invalid",
        body: BodyShape::Json("BadRequest"),
        headers: &[],
        examples,
        general: fields.is_empty(),
    }
}

/// The error that such a body causes.
fn field_errors(fields: &[BodyField], body: &str) -> Option<Value> {
    let body = match RequestBody::read(JSON, &Bytes::copy_from_slice(body.as_bytes())) {
        Ok(body) => body,
        Err(error) => return Some(error.example()),
    };
    let mut read = body.fields();
    for field in fields {
        if field.required {
            read.text(field.name);
        } else {
            read.optional(field.name);
        }
    }
    read.finish().err().map(|error| error.example())
}

/// 401 with an example for each of these reasons.
pub(super) fn unauthorized(reasons: &[UnauthorizedReason]) -> ResponseDoc {
    let examples = reasons.iter().map(|(name, summary, why)| {
        let body = ApiError::from(*why).example();
        example(name, summary, body)
    });
    ResponseDoc {
        status: 401,
        when: "Missing, invalid or expired credentials",
        body: BodyShape::Json("Problem"),
        headers: &[ResponseHeader::WwwAuthenticate],
        examples: examples.collect(),
        general: false,
    }
}

/// The example for a browser session that has ended, for a 401.
pub(super) fn session_ended() -> ResponseExample {
    let error = ApiError::SessionOver {
        sign_in_url: "https://app.example.com/auth/login".to_owned(),
    };
    let summary = "The browser session has ended";
    example("session_ended", summary, error.example())
}

/// The example for a browser session that could not be renewed, for a 503.
pub(super) fn session_unconfirmed() -> ResponseExample {
    let error = Error::SessionUnconfirmed {
        retry_after: Duration::ZERO,
    };
    let summary = "WorkOS has been unavailable for too long";
    example("session_unconfirmed", summary, public_body(&error))
}

/// 403: the examples in `refused`, and that of the cross-site check.
pub(super) fn forbidden(refused: &[ResponseExample]) -> ResponseDoc {
    let mut examples = refused.to_vec();
    let summary = "The request came from a page of another site";
    examples.push(example(
        "cross_site",
        summary,
        public_body(&Error::CrossSite),
    ));
    ResponseDoc {
        general: refused.is_empty(),
        ..problem(
            403,
            "Not allowed for this account, or from another site",
            examples,
        )
    }
}

/// 404: the example in `refused`, and that of a provider that is not configured.
pub(super) fn not_found(refused: ResponseExample) -> ResponseDoc {
    let off = example(
        "off",
        "The provider is not configured",
        public_body(&Error::NotFound),
    );
    problem(
        404,
        "There is no such account, or the provider is not configured",
        vec![refused, off],
    )
}

/// 404 of a route that a setting turns on.
pub(super) fn switched_off() -> ResponseDoc {
    let summary = "The route is switched off";
    problem(
        404,
        summary,
        vec![example("off", summary, public_body(&Error::NotFound))],
    )
}

/// 409 of a code exchange.
pub(super) fn conflict(refused: ResponseExample) -> ResponseDoc {
    problem(
        409,
        "The account is linked to another user of the provider",
        vec![refused],
    )
}

/// 409 for a sign-in without WorkOS.
pub(super) fn no_workos_session() -> ResponseDoc {
    let summary = "The user has signed in without WorkOS";
    let body = token_or_session::no_workos_session().example();
    problem(
        409,
        summary,
        vec![example("no_workos_session", summary, body)],
    )
}

/// The example for a code exchange that fails with `failure`.
pub(super) fn refused(
    name: &'static str,
    summary: &'static str,
    failure: impl Into<ExchangeFailure>,
) -> ResponseExample {
    example(
        name,
        summary,
        failure::to_api_error(failure.into()).example(),
    )
}

/// The example for a field with an unacceptable value, for a 400.
pub(super) fn field_error(
    name: &'static str,
    summary: &'static str,
    field: &'static str,
    text: &str,
) -> ResponseExample {
    let errors = FieldErrors(vec![(field, text.to_owned())]);
    example(name, summary, ApiError::Fields(errors).example())
}

/// 405 for a request with `method`.
pub(super) fn method_not_allowed(method: &Method) -> ResponseDoc {
    let error = Error::MethodNotAllowed {
        method: method.to_string(),
        allow: "",
    };
    let body = error.public().json(method);
    ResponseDoc {
        headers: &[ResponseHeader::Allow],
        general: true,
        ..problem(
            405,
            "The method is not allowed",
            vec![example("method", "The method is not allowed", body)],
        )
    }
}

/// 408, 413 and 415, which every route with a request body can send.
pub(super) fn body_errors() -> [ResponseDoc; 3] {
    let slow = public_body(&Error::BodyTooSlow);
    let large = public_body(&Error::BodyTooLarge);
    let kind = ApiError::UnsupportedMediaType("text/plain".to_owned());
    [
        general(408, "The body did not arrive within ten seconds", slow),
        general(413, "The body is larger than 64 KiB", large),
        general(415, "The body is neither JSON nor a form", kind.example()),
    ]
}

/// 429.
pub(super) fn throttled() -> ResponseDoc {
    let detail = "Request was throttled. Expected available in 60 seconds.";
    let body = json!({ "detail": detail });
    let example = example("throttled", "Too many requests", body);
    ResponseDoc {
        headers: &[ResponseHeader::RetryAfter],
        general: true,
        ..problem(429, "Too many requests", vec![example])
    }
}

/// 500.
pub(super) fn server_error() -> ResponseDoc {
    let body = public_body(&InternalError::new("", "").into());
    general(500, "Internal server error", body)
}

/// 503: the example for an outage of the provider, if there is one, and that of the database.
pub(super) fn unavailable(provider: Option<ResponseExample>) -> ResponseDoc {
    let database = Error::Database(DbError::Unavailable(String::new()));
    let mut examples = Vec::from_iter(provider);
    let general = examples.is_empty();
    let summary = "The database is unavailable";
    examples.push(example("database", summary, public_body(&database)));
    ResponseDoc {
        headers: &[ResponseHeader::RetryAfter],
        general,
        ..problem(503, "Temporarily unavailable", examples)
    }
}

pub(super) fn example(name: &'static str, summary: &'static str, value: Value) -> ResponseExample {
    ResponseExample {
        name,
        summary,
        value,
    }
}

fn general(status: u16, when: &'static str, body: Value) -> ResponseDoc {
    ResponseDoc {
        general: true,
        ..problem(status, when, vec![example("problem", when, body)])
    }
}

fn problem(status: u16, when: &'static str, examples: Vec<ResponseExample>) -> ResponseDoc {
    ResponseDoc {
        status,
        when,
        body: BodyShape::Json("Problem"),
        headers: &[],
        examples,
        general: false,
    }
}

/// The JSON that the middleware `error_pages` writes for an error.
pub(super) fn public_body(error: &Error) -> Value {
    error.public().json(&Method::POST)
}

/// Adds the example of a browser session that has ended.
pub(super) fn or_session_ended(mut response: ResponseDoc) -> ResponseDoc {
    response.examples.push(session_ended());
    response
}
