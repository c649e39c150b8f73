//! The fields of a form that a browser has sent.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::SecretString;

use crate::error::{Error, NotAnAttempt};
use crate::http::form_data::{BodyType, FormFields, FormValue, last_text};

/// Django's error for an empty field.
pub const REQUIRED: &str = "This field is required.";
/// Django's error for a field that contains a NUL.
pub const NULL_CHARACTERS: &str = "Null characters are not allowed.";

/// A form's fields. They may contain passwords, so the type has no `Debug`.
pub struct Form(FormFields);

impl Form {
    /// Reads a form, URL-encoded or multipart. As in Django, files are ignored, and invalid characters
    /// become U+FFFD.
    pub fn read(request: &HttpRequest, body: &Bytes) -> Result<Self, Error> {
        let header = request.headers().get(CONTENT_TYPE);
        let content_type = header.and_then(|value| value.to_str().ok());
        let body_type = BodyType(content_type.unwrap_or_default());
        if body.is_empty() {
            return Ok(Self(FormFields::new()));
        }
        let unreadable = |why: &str| Error::Unreadable(why.to_owned());
        if !body_type.is_form() {
            return Err(unreadable("the body is not a form"));
        }
        let mut fields = body_type
            .read_form(body)
            .map_err(|error| unreadable(&error.to_string()))?;
        fields.retain(|(_, value)| *value != FormValue::File);
        Ok(Self(fields))
    }

    /// A field's value. If the field is repeated, the last value counts, as in Django.
    pub fn value(&self, name: &str) -> Option<&str> {
        last_text(&self.0, name)
    }

    /// A password exactly as sent, including spaces; empty if the field is missing.
    pub fn password(&self, name: &str) -> SecretString {
        SecretString::from(self.value(name).unwrap_or_default())
    }
}

/// Marks a page that shows a form again because of a missing or invalid field, so that the rate limits do not
/// count the request.
pub fn not_an_attempt(mut page: HttpResponse) -> HttpResponse {
    page.extensions_mut().insert(NotAnAttempt);
    page
}

/// Django's error for a text field's value, if it has one. Spaces alone are valid in a password.
pub fn field_error(value: &str) -> Option<String> {
    let error = match value {
        "" => REQUIRED,
        value if value.contains('\0') => NULL_CHARACTERS,
        _ => return None,
    };
    Some(error.to_owned())
}
