//! The fields of a form, as browsers send them.

use actix_web::{HttpMessage, HttpRequest};
use secrecy::SecretString;
use url::form_urlencoded;

use crate::error::Error;

/// What is said of a field that was left empty, in Django's words.
pub const REQUIRED: &str = "This field is required.";
/// What is said of a field that holds a NUL, in Django's words.
pub const NULL_CHARACTERS: &str = "Null characters are not allowed.";

/// A form's fields. It may hold passwords, so it has no `Debug`.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form. As with Django, bytes that are no UTF-8 become U+FFFD.
    pub fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Error> {
        let kind = request.content_type();
        if !body.is_empty() && !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Error::Unreadable("the body is no form".to_owned()));
        }
        Ok(Self(form_urlencoded::parse(body).into_owned().collect()))
    }

    /// A field's value; of repeated ones the last, as Django takes it.
    pub fn value(&self, name: &str) -> Option<&str> {
        let fields = self.0.iter().rev();
        let mut named = fields.filter(|(other, _)| other == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// A password, as it was sent, spaces included; a missing one is empty.
    pub fn password(&self, name: &str) -> SecretString {
        SecretString::from(self.value(name).unwrap_or_default())
    }
}

/// What Django says of a text field's content; a password may be all spaces.
pub fn complaint(value: &str) -> Option<String> {
    let complaint = match value {
        "" => REQUIRED,
        value if value.contains('\0') => NULL_CHARACTERS,
        _ => return None,
    };
    Some(complaint.to_owned())
}
