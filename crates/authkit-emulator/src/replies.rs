//! Refusals in the three shapes that WorkOS answers with.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

use crate::keys::KeyError;

/// A status and the JSON body that explains it.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    /// `{code, message}`: WorkOS's own errors.
    pub(crate) fn coded(status: StatusCode, code: &str, message: &str) -> Self {
        Self {
            status,
            body: json!({ "code": code, "message": message }),
        }
    }

    /// `{error, error_description}`: OAuth's errors, always 400.
    pub(crate) fn oauth(error: &str, description: &str) -> Self {
        let body = json!({ "error": error, "error_description": description });
        Self {
            status: StatusCode::BAD_REQUEST,
            body,
        }
    }

    /// `{message}`: everything that has no code of its own.
    pub(crate) fn plain(status: StatusCode, message: &str) -> Self {
        Self {
            status,
            body: json!({ "message": message }),
        }
    }

    /// 422 for a body that could not be read, one entry for each field that is wrong.
    pub(crate) fn invalid(fields: &[&str]) -> Self {
        let errors: Vec<Value> = fields
            .iter()
            .map(|field| json!({ "field": field, "code": format!("{field}_required") }))
            .collect();
        let mut refusal = Self::coded(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request_parameters",
            "Validation failed.",
        );
        refusal.body["errors"] = Value::Array(errors);
        refusal
    }

    /// 404 in WorkOS's words.
    pub(crate) fn not_found(noun: &str, id: &str) -> Self {
        Self::plain(StatusCode::NOT_FOUND, &format!("{noun} not found: '{id}'."))
    }

    /// 401 for a request to the API without its key.
    pub(crate) fn unauthorized() -> Self {
        Self::plain(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    /// Adds a field beside the error, such as `pending_authentication_token`.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ["code", "error", "message"]
            .iter()
            .find_map(|key| self.body[key].as_str());
        write!(f, "{} {}", self.status.as_u16(), name.unwrap_or_default())
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(&self.body)
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
    }
}
