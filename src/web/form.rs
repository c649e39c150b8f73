//! The fields of a form that a browser has sent.

use actix_web::{HttpMessage, HttpRequest};
use secrecy::SecretString;
use url::form_urlencoded;

use crate::error::Error;

/// Django's error for an empty field.
pub const REQUIRED: &str = "This field is required.";
/// Django's error for a field that contains a NUL.
pub const NULL_CHARACTERS: &str = "Null characters are not allowed.";

/// A form's fields. They may contain passwords, so the type has no `Debug`.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form. As in Django, invalid UTF-8 becomes U+FFFD.
    pub fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Error> {
        let kind = request.content_type();
        if !body.is_empty() && !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Error::Unreadable(
                "the body is not a URL-encoded form".to_owned(),
            ));
        }
        Ok(Self(form_urlencoded::parse(body).into_owned().collect()))
    }

    /// A field's value. If the field is repeated, the last value counts, as in Django.
    pub fn value(&self, name: &str) -> Option<&str> {
        let fields = self.0.iter().rev();
        let mut named = fields.filter(|(other, _)| other == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// A password exactly as sent, including spaces; empty if the field is missing.
    pub fn password(&self, name: &str) -> SecretString {
        SecretString::from(self.value(name).unwrap_or_default())
    }
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
