//! The log of received requests, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::header;
use serde::Serialize;
use serde_json::{Map, Value};

/// Only the latest requests are kept, so that the memory of a long-running demo does not grow.
const MAX_REQUESTS: usize = 1000;

/// A request as it was received, before any fault was applied.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, still percent-encoded.
    pub query: String,
    /// Headers by lower-case name. If a name occurs several times, the last value counts.
    pub headers: BTreeMap<String, String>,
    /// A JSON body, or a form as an object of strings. Null for any other body.
    pub body: Value,
}

impl RecordedRequest {
    pub(crate) fn read(request: &HttpRequest, body: &[u8]) -> Self {
        let headers: BTreeMap<String, String> = request
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let is_form = headers
            .get(header::CONTENT_TYPE.as_str())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        let body = if is_form {
            let pairs = url::form_urlencoded::parse(body).into_owned();
            Value::Object(
                pairs
                    .map(|(name, value)| (name, value.into()))
                    .collect::<Map<_, _>>(),
            )
        } else {
            serde_json::from_slice(body).unwrap_or_default()
        };
        Self {
            method: request.method().to_string(),
            path: request.path().to_owned(),
            query: request.query_string().to_owned(),
            headers,
            body,
        }
    }

    /// The `grant_type` of an authenticate request.
    #[must_use]
    pub fn grant_type(&self) -> Option<&str> {
        self.body.get("grant_type").and_then(Value::as_str)
    }
}

/// The latest requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    requests: Mutex<VecDeque<RecordedRequest>>,
}

impl RequestLog {
    fn lock(&self) -> MutexGuard<'_, VecDeque<RecordedRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, request: RecordedRequest) {
        let mut requests = self.lock();
        if requests.len() == MAX_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}
