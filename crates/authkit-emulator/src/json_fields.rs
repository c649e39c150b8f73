//! The JSON body of an API request.

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};
use actix_web::web::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api_error::ApiError;

/// Parses the body of a request to the admin API. An unknown or missing field is a 422 that names it.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::plain(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()))
}

/// The fields of a request body that is a JSON object.
pub(crate) struct JsonFields(Map<String, Value>);

impl JsonFields {
    /// Reads a body. It must be a JSON object, and the `Content-Type` must be JSON.
    pub(crate) fn read(request: &HttpRequest, body: &Bytes) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_json = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.trim().to_lowercase().starts_with("application/json"));
        let fields = if is_json {
            serde_json::from_slice(body).ok()
        } else {
            None
        };
        fields
            .map(Self)
            .ok_or_else(|| ApiError::invalid_fields(&[]))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The values of the named fields, or a 422 that lists those that are missing, empty or not a
    /// string.
    pub(crate) fn require<const N: usize>(&self, names: [&str; N]) -> Result<[&str; N], ApiError> {
        let missing: Vec<&str> = names
            .into_iter()
            .filter(|name| self.text(name).is_none_or(str::is_empty))
            .collect();
        if missing.is_empty() {
            Ok(names.map(|name| self.text(name).unwrap_or_default()))
        } else {
            Err(ApiError::invalid_fields(&missing))
        }
    }
}
