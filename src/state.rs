//! What every handler shares, put together once.

use std::sync::Arc;

use actix_web::http::header::HeaderValue;

use crate::accounts::passwords::Hasher;
use crate::clock::Clock;
use crate::csp::content_security_policy;
use crate::db::Database;
use crate::keys::Keys;
use crate::memberships::Memberships;
use crate::oidc::{OidcError, OidcProviders};
use crate::renewal::Renewals;
use crate::sessions::Revocations;
use crate::settings::Settings;
use crate::sign_in::Callbacks;
use crate::throttle::Throttle;
use crate::tokens::{KeyError, Tokens};
use crate::workos::{WorkosClient, WorkosError};

/// What every handler shares.
pub struct AppState {
    /// Everything that can be set from outside.
    pub settings: Settings,
    /// Every key of ours.
    pub keys: Keys,
    /// The database.
    pub database: Database,
    /// WorkOS.
    pub workos: WorkosClient,
    /// Google and Okta.
    pub oidc: OidcProviders,
    /// First-party tokens.
    pub tokens: Arc<Tokens>,
    /// The threads that hash passwords.
    pub hasher: Hasher,
    /// How often anyone may ask.
    pub throttle: Throttle,
    /// The sessions that ended early.
    pub revocations: Revocations,
    /// The sessions that are being renewed.
    pub renewals: Renewals,
    /// The callbacks that are being answered.
    pub callbacks: Callbacks,
    /// Who belongs to which organisations.
    pub memberships: Memberships,
    /// The one clock.
    pub clock: Clock,
    /// The same on every answer.
    pub content_security_policy: HeaderValue,
}

impl AppState {
    /// Puts together what the handlers share.
    pub fn new(settings: Settings, database: Database, clock: Clock) -> Result<Self, BuildError> {
        let policy = content_security_policy(&settings);
        Ok(Self {
            keys: Keys::derive(&settings),
            workos: WorkosClient::new(&settings.workos)?,
            oidc: OidcProviders::new(&settings.oidc)?,
            throttle: Throttle::new(&settings.api, &clock),
            revocations: Revocations::default(),
            renewals: Renewals::default(),
            callbacks: Callbacks::default(),
            memberships: Memberships::default(),
            tokens: Arc::new(Tokens::new(&settings.tokens)?),
            hasher: Hasher::start().map_err(BuildError::Threads)?,
            content_security_policy: HeaderValue::from_str(&policy)
                .map_err(|_| BuildError::Policy)?,
            settings,
            database,
            clock,
        })
    }

    /// Whether browsers come over https, so that cookies are for https only.
    pub fn secure(&self) -> bool {
        self.settings.public_url.is_https()
    }
}

/// Why the application could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The HTTP client for WorkOS.
    #[error(
        "the client for WorkOS cannot be set up (are the system's CA certificates installed?): {0}"
    )]
    Workos(#[from] WorkosError),
    /// The HTTP clients for Google and Okta.
    #[error(
        "the client for Google or Okta cannot be set up (are the system's CA certificates installed?): {0}"
    )]
    Oidc(#[from] OidcError),
    /// The threads that hash passwords.
    #[error("no thread can be started: {0}; does a limit on processes allow for one more a core?")]
    Threads(std::io::Error),
    /// A key that signs or verifies tokens.
    #[error(transparent)]
    TokenKey(#[from] KeyError),
    /// A setting that no header can hold.
    #[error("WORKOS_API_BASE_URL or WORKOS_LOGOUT_RETURN_TO holds what no header can")]
    Policy,
}
