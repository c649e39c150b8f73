//! What `createsuperuser --noinput` reads from the environment, under Django's names.

use secrecy::SecretString;

use super::source::Source;

const EMAIL: &str = "DJANGO_SUPERUSER_EMAIL";
const PASSWORD: &str = "DJANGO_SUPERUSER_PASSWORD";

/// The account that `createsuperuser --noinput` creates, as far as it is set.
#[derive(Clone, Debug, Default)]
pub struct SuperuserSettings {
    /// `DJANGO_SUPERUSER_EMAIL`.
    pub email: Option<String>,
    /// `DJANGO_SUPERUSER_PASSWORD`, including leading and trailing spaces.
    pub password: Option<SecretString>,
}

impl SuperuserSettings {
    /// The names of both variables.
    pub(super) const NAMES: [&str; 2] = [EMAIL, PASSWORD];

    /// Reads both; an empty value counts as unset.
    pub fn from_source(source: &Source) -> Self {
        let text = |name| source.get(name).filter(|text| !text.is_empty());
        Self {
            email: text(EMAIL).map(str::to_owned),
            password: text(PASSWORD).map(SecretString::from),
        }
    }
}
