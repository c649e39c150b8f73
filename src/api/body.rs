//! What was sent, read as Django REST framework reads it: JSON or a form, and one complaint for each
//! field that will not do.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use serde_json::{Map, Value};

use super::ApiError;
use super::error::FieldErrors;
use crate::error::Error;

/// The fields that were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body(Map<String, Value>);

impl FromRequest for Body {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // The middleware has read the body already, within its bounds: this waits for nothing.
        let bytes = Bytes::from_request(request, payload).now_or_never();
        ready(match bytes {
            Some(Ok(bytes)) => Self::read(media_type(request), &bytes),
            Some(Err(error)) => Err(Error::Unreadable(error.to_string()).into()),
            None => Err(ApiError::internal(
                "read the body",
                "no middleware has read it",
            )),
        })
    }
}

impl Body {
    pub(super) fn read(media_type: &str, bytes: &[u8]) -> Result<Self, ApiError> {
        let kind = media_type.split(';').next().unwrap_or_default().trim();
        if bytes.is_empty() {
            Ok(Self::default())
        } else if kind.eq_ignore_ascii_case("application/json") {
            Self::of_json(bytes)
        } else if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            // Of a field that was sent twice the last counts, as in Django.
            let pairs = url::form_urlencoded::parse(bytes);
            let pairs = pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into()));
            Ok(Self(pairs.collect()))
        } else {
            Err(ApiError::UnsupportedMediaType(media_type.to_owned()))
        }
    }

    fn of_json(bytes: &[u8]) -> Result<Self, ApiError> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| ApiError::Parse(error.to_string()))?;
        let kind = match value {
            Value::Object(fields) => return Ok(Self(fields)),
            Value::Null => return Err(non_field("No data provided".to_owned())),
            // Python's names, which Django REST framework shows.
            Value::Array(_) => "list",
            Value::String(_) => "str",
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "float",
            Value::Number(_) => "int",
        };
        let complaint = format!("Invalid data. Expected a dictionary, but got {kind}.");
        Err(non_field(complaint))
    }

    /// Begins to read its fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            body: self,
            errors: FieldErrors::default(),
        }
    }
}

/// Reads one field after another and collects what is wrong.
pub struct Fields<'a> {
    body: &'a Body,
    errors: FieldErrors,
}

impl Fields<'_> {
    /// A text without the spaces around it.
    pub fn text(&mut self, name: &'static str) -> String {
        self.untrimmed(name).trim().to_owned()
    }

    /// A text as it was sent, such as a password.
    pub fn untrimmed(&mut self, name: &'static str) -> String {
        let value = self.body.0.get(name);
        self.check(name, value).unwrap_or_default()
    }

    /// A text that may be missing; null and blank count as missing.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        if self.lacks(name) {
            return None;
        }
        let value = self.body.0.get(name);
        Some(self.check(name, value)?.trim().to_owned())
    }

    /// Whether a field is missing, null or blank.
    pub fn lacks(&self, name: &str) -> bool {
        match self.body.0.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(_) => false,
        }
    }

    /// Notes what else is wrong with a field.
    pub fn complain(&mut self, name: &'static str, complaint: &str) {
        self.errors.0.push((name, complaint.to_owned()));
    }

    /// Every complaint, if there is one.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.errors.0.is_empty() {
            true => Ok(()),
            false => Err(ApiError::Fields(self.errors)),
        }
    }

    fn check(&mut self, name: &'static str, value: Option<&Value>) -> Option<String> {
        let text = match value {
            None => Err("This field is required."),
            Some(Value::Null) => Err("This field may not be null."),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err("Not a valid string."),
        };
        let text = text.and_then(|text| match () {
            () if text.trim().is_empty() => Err("This field may not be blank."),
            () if text.contains('\0') => Err("Null characters are not allowed."),
            () => Ok(text),
        });
        text.map_err(|complaint| self.errors.0.push((name, complaint.to_owned())))
            .ok()
    }
}

fn non_field(complaint: String) -> ApiError {
    ApiError::Fields(FieldErrors(vec![("non_field_errors", complaint)]))
}

/// Empty where none was sent.
fn media_type(request: &HttpRequest) -> &str {
    let value = request.headers().get(CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
