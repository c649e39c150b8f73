//! An OpenID Connect client for Google and Okta. It exchanges an authorization code and identifies
//! the person.
//!
//! [`OidcProvider`] sends the requests and caches the provider's metadata and keys. `metadata` and
//! `id_token` parse and verify the responses. `email` decides whether an email counts as verified.

mod email;
mod error;
mod id_token;
mod metadata;
mod provider;

pub use error::OidcError;
pub use provider::{OidcCode, OidcIdentity, OidcProvider, ProviderRules};

use crate::settings::OidcSettings;

/// The clients of the configured providers.
pub struct OidcProviders {
    /// For `POST /api/auth/google`.
    pub google: Option<OidcProvider>,
    /// For `POST /api/auth/okta`.
    pub okta: Option<OidcProvider>,
}

impl OidcProviders {
    /// Creates the clients without sending a request. Fails if TLS cannot be set up.
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
