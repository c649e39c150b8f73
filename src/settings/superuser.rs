//! What `createsuperuser --noinput` reads from the environment, under Django's names.

use secrecy::SecretString;

use super::source::Source;

const USERNAME: &str = "DJANGO_SUPERUSER_USERNAME";
const EMAIL: &str = "DJANGO_SUPERUSER_EMAIL";
const PASSWORD: &str = "DJANGO_SUPERUSER_PASSWORD";

/// The account that `createsuperuser --noinput` creates, as far as it is set.
#[derive(Clone, Debug, Default)]
pub struct SuperuserSettings {
    /// `DJANGO_SUPERUSER_USERNAME`.
    pub username: Option<String>,
    /// `DJANGO_SUPERUSER_EMAIL`.
    pub email: Option<String>,
    /// `DJANGO_SUPERUSER_PASSWORD`, including leading and trailing spaces.
    pub password: Option<SecretString>,
}

impl SuperuserSettings {
    /// The names of the variables.
    pub(super) const NAMES: [&str; 3] = [USERNAME, EMAIL, PASSWORD];

    /// Reads them; an empty value counts as unset.
    pub fn from_source(source: &Source) -> Self {
        let text = |name| source.get(name).filter(|text| !text.is_empty());
        Self {
            username: text(USERNAME).map(str::to_owned),
            email: text(EMAIL).map(str::to_owned),
            password: text(PASSWORD).map(SecretString::from),
        }
    }
}
