//! An OpenID Connect client for Google and Okta: from an authorization code to who it stands for.
//!
//! [`Provider`] asks, and keeps what it was told of the provider; `metadata`, `key_set` and
//! `id_token` read and check the answers; `email` is whose word counts for an address.

mod email;
mod error;
mod id_token;
mod metadata;
mod provider;

pub use error::OidcError;
pub use provider::{Code, Identified, Provider, Rules};

use crate::settings::OidcSettings;

/// The providers that are set up.
pub struct Providers {
    /// `POST /api/auth/google`.
    pub google: Option<Provider>,
    /// `POST /api/auth/okta`.
    pub okta: Option<Provider>,
}

impl Providers {
    /// Their clients; nothing is asked of them yet. Fails where TLS cannot be set up.
    pub fn new(settings: &OidcSettings) -> Result<Self, OidcError> {
        let provider = |settings: &Option<_>, rules| {
            let settings = settings.as_ref();
            settings
                .map(|settings| Provider::new(settings, rules))
                .transpose()
        };
        Ok(Self {
            google: provider(&settings.google, Rules::Google)?,
            okta: provider(&settings.okta, Rules::Standard)?,
        })
    }
}
