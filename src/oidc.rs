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
pub use provider::{OidcAuthorization, OidcCode, OidcIdentity, OidcProvider, ProviderRules};

use serde::{Deserialize, Serialize};

use crate::settings::OidcSettings;

/// The clients of the configured providers.
pub struct OidcProviders {
    /// For `POST /api/auth/google`.
    pub google: Option<OidcProvider>,
    /// For `POST /api/auth/okta`.
    pub okta: Option<OidcProvider>,
}

/// A provider whose identities can be connected to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderName {
    /// Google.
    Google,
    /// Okta.
    Okta,
}

impl ProviderName {
    /// Every provider, in the order of the account page.
    pub const ALL: [Self; 2] = [Self::Google, Self::Okta];

    /// The provider with this name in an address.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// The name in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Okta => "okta",
        }
    }

    /// The name on pages.
    pub fn title(self) -> &'static str {
        match self {
            Self::Google => "Google",
            Self::Okta => "Okta",
        }
    }
}

impl OidcProviders {
    /// The client of this provider, if it is set up.
    pub fn get(&self, name: ProviderName) -> Option<&OidcProvider> {
        match name {
            ProviderName::Google => self.google.as_ref(),
            ProviderName::Okta => self.okta.as_ref(),
        }
    }

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
