//! An OpenID Connect client for Google and Okta: from an authorization code to who it stands for.
//!
//! [`OidcProvider`] asks, and keeps what it was told of the provider; `metadata`, `key_set` and
//! `id_token` read and check the answers; `email` is whose word counts for an address.

mod email;
mod error;
mod id_token;
mod metadata;
mod provider;

pub use error::OidcError;
pub use provider::{OidcCode, OidcIdentity, OidcProvider, ProviderRules};

use crate::settings::OidcSettings;

/// The providers that are set up.
pub struct OidcProviders {
    /// `POST /api/auth/google`.
    pub google: Option<OidcProvider>,
    /// `POST /api/auth/okta`.
    pub okta: Option<OidcProvider>,
}

impl OidcProviders {
    /// Their clients; nothing is asked of them yet. Fails where TLS cannot be set up.
    pub fn new(settings: &OidcSettings) -> Result<Self, OidcError> {
        let provider = |settings: &Option<_>, rules| {
            let settings = settings.as_ref();
            settings
                .map(|settings| OidcProvider::new(settings, rules))
                .transpose()
        };
        Ok(Self {
            google: provider(&settings.google, ProviderRules::Google)?,
            okta: provider(&settings.okta, ProviderRules::Standard)?,
        })
    }
}
