//! Which field of an account its user signs in with, besides the password.

use super::error::SettingsError;
use super::reader::Reader;
use super::source::Source;

/// Django's `USERNAME_FIELD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginField {
    /// The email.
    #[default]
    Email,
    /// The username; the log-in page accepts the email too.
    Username,
}

impl LoginField {
    /// Reads `LOGIN_FIELD` alone, for commands that need few settings.
    pub fn from_source(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let field = Self::read(&mut reader);
        reader.finish(field)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.value("LOGIN_FIELD", "email", "email or username", Self::parse)
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "email" => Some(Self::Email),
            "username" => Some(Self::Username),
            _ => None,
        }
    }

    /// The name of the field in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
        }
    }
}
