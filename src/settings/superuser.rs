//! What `createsuperuser --noinput` takes from the environment, under Django's names.

use secrecy::SecretString;

use super::Source;

/// The superuser to be, as far as it is set.
#[derive(Clone, Debug, Default)]
pub struct SuperuserSettings {
    /// `DJANGO_SUPERUSER_EMAIL`.
    pub email: Option<String>,
    /// `DJANGO_SUPERUSER_PASSWORD`, spaces included.
    pub password: Option<SecretString>,
}

impl SuperuserSettings {
    /// Reads both; an empty one counts as unset.
    pub fn from_source(source: &Source) -> Self {
        let text = |name| source.get(name).filter(|text| !text.is_empty());
        Self {
            email: text("DJANGO_SUPERUSER_EMAIL").map(str::to_owned),
            password: text("DJANGO_SUPERUSER_PASSWORD").map(SecretString::from),
        }
    }
}
