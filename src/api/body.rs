//! Request bodies, read as Django REST framework reads them: JSON or a form, with one error message
//! for each invalid field.

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
use crate::http::charset::Charset;
use crate::http::form_data::{BodyType, FormFields, FormValue};

/// Django REST framework's limit for a `Content-Type`, in bytes.
const LONGEST_MEDIA_TYPE: usize = 256;

/// The fields of a request body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestBody(Map<String, Value>);

impl FromRequest for RequestBody {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // The middleware has already read the whole body, so this never waits.
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

impl RequestBody {
    pub(crate) fn read(media_type: &str, bytes: &Bytes) -> Result<Self, ApiError> {
        let body_type = BodyType(media_type);
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        if media_type.len() > LONGEST_MEDIA_TYPE {
            Err(ApiError::UnsupportedMediaType(media_type.to_owned()))
        } else if body_type.is_read_as("application/json") {
            Self::from_json(bytes, body_type.charset()?)
        } else if !body_type.is_read_as_form() {
            Err(ApiError::UnsupportedMediaType(media_type.to_owned()))
        } else {
            Ok(Self::from_form(body_type.read_form(bytes)?))
        }
    }

    /// As in Django REST framework, the last value counts when a field is sent twice, and a file counts
    /// more than a text.
    fn from_form(mut fields: FormFields) -> Self {
        fields.sort_by_key(|(_, value)| *value == FormValue::File);
        let values = fields.into_iter().map(|(name, value)| match value {
            FormValue::Text(text) => (name, text.into()),
            // The field is invalid, as every value that is neither a text nor a number.
            FormValue::File => (name, Value::Object(Map::new())),
        });
        Self(values.collect())
    }

    fn from_json(bytes: &[u8], charset: Charset) -> Result<Self, ApiError> {
        let parse_error = |message: &str| ApiError::Parse(format!("JSON parse error - {message}"));
        let text = charset.decode(bytes);
        let text = text.ok_or_else(|| parse_error("the body is not valid in its charset"))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| parse_error(&error.to_string()))?;
        let kind = match value {
            Value::Object(fields) => return Ok(Self(fields)),
            Value::Null => return Err(non_field_error("No data provided".to_owned())),
            // Django REST framework shows the names of Python's types.
            Value::Array(_) => "list",
            Value::String(_) => "str",
            Value::Bool(_) => "bool",
            // serde_json reads `-0` as a float, Python as an integer.
            Value::Number(number) if number.is_f64() && text.trim() != "-0" => "float",
            Value::Number(_) => "int",
        };
        Err(non_field_error(format!(
            "Invalid data. Expected a dictionary, but got {kind}."
        )))
    }

    /// A reader of the fields.
    pub fn fields(&self) -> FieldReader<'_> {
        FieldReader {
            body: self,
            errors: FieldErrors::default(),
        }
    }
}

/// Reads one field after another and collects the error messages.
pub struct FieldReader<'a> {
    body: &'a RequestBody,
    errors: FieldErrors,
}

impl FieldReader<'_> {
    /// A required text, without white space at its ends: Django REST framework removes it from passwords
    /// too.
    pub fn text(&mut self, name: &'static str) -> String {
        let value = self.body.0.get(name);
        self.check(name, value).unwrap_or_default()
    }

    /// An optional text; null and blank count as missing.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        if self.lacks(name) {
            return None;
        }
        let value = self.body.0.get(name);
        self.check(name, value)
    }

    /// An optional text, or a required one if `required`.
    pub fn optional_unless(&mut self, name: &'static str, required: bool) -> Option<String> {
        match required {
            true => Some(self.text(name)),
            false => self.optional(name),
        }
    }

    /// Whether a field is missing, null or blank.
    pub fn lacks(&self, name: &str) -> bool {
        match self.body.0.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => trimmed(text).is_empty(),
            Some(_) => false,
        }
    }

    /// Adds an error message for a field.
    pub fn add_error(&mut self, name: &'static str, message: &str) {
        self.errors.0.push((name, message.to_owned()));
    }

    /// Fails with every error message that was collected.
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
            () if trimmed(&text).is_empty() => Err("This field may not be blank."),
            () if text.contains('\0') => Err("Null characters are not allowed."),
            () => Ok(trimmed(&text).to_owned()),
        });
        text.map_err(|message| self.errors.0.push((name, message.to_owned())))
            .ok()
    }
}

/// A text without what Python counts as white space at its ends.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

/// The 400 of a body that is invalid as a whole.
fn non_field_error(message: String) -> ApiError {
    ApiError::Fields(FieldErrors(vec![("non_field_errors", message)]))
}

/// The `Content-Type`, empty when none was sent.
fn media_type(request: &HttpRequest) -> &str {
    let value = request.headers().get(CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
