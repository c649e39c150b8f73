//! Errors of the API, in the three JSON shapes that WorkOS uses.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

use crate::keys::KeyError;

/// An error response: a status and a JSON body.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: Value,
}

impl ApiError {
    /// `{code, message}`: WorkOS's own errors.
    pub(crate) fn coded(status: StatusCode, code: &str, message: &str) -> Self {
        Self {
            status,
            body: json!({ "code": code, "message": message }),
        }
    }

    /// `{error, error_description}`: OAuth errors, always with status 400.
    pub(crate) fn oauth(error: &str, description: &str) -> Self {
        let body = json!({ "error": error, "error_description": description });
        Self {
            status: StatusCode::BAD_REQUEST,
            body,
        }
    }

    /// `{message}`: errors without a code.
    pub(crate) fn plain(status: StatusCode, message: &str) -> Self {
        Self {
            status,
            body: json!({ "message": message }),
        }
    }

    /// 422 for a request body that is malformed or lacks these fields.
    pub(crate) fn invalid_fields(fields: &[&str]) -> Self {
        let errors: Vec<Value> = fields
            .iter()
            .map(|field| json!({ "field": field, "code": format!("{field}_required") }))
            .collect();
        Self::validation_failed(errors)
    }

    /// 422 for a parameter with an invalid value.
    pub(crate) fn invalid_field(field: &str, code: &str) -> Self {
        Self::validation_failed(vec![json!({ "field": field, "code": code })])
    }

    fn validation_failed(errors: Vec<Value>) -> Self {
        let error = Self::coded(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request_parameters",
            "Validation failed.",
        );
        error.with("errors", errors)
    }

    /// 404 for an object with this id.
    pub(crate) fn not_found(object: &str, id: &str) -> Self {
        Self::plain(
            StatusCode::NOT_FOUND,
            &format!("{object} not found: '{id}'."),
        )
    }

    /// 401 for an API request without the API key.
    pub(crate) fn unauthorized() -> Self {
        Self::plain(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    /// The error for a user who was deleted during a sign-in or a session.
    pub(crate) fn user_deleted() -> Self {
        Self::oauth("invalid_grant", "The user no longer exists.")
    }

    /// Adds a field to the body, such as `pending_authentication_token`.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ["code", "error", "message"]
            .iter()
            .find_map(|key| self.body[key].as_str());
        write!(f, "{} {}", self.status.as_u16(), name.unwrap_or_default())
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(&self.body)
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
    }
}
