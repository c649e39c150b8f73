//! The composition root: builds every service once and holds them for the handlers.

use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, web};

use crate::accounts::AllowedSignInMethods;
use crate::accounts::passwords::validators::PasswordValidator;
use crate::accounts::passwords::{BlocklistError, Hasher, allow_argon2_memory};
use crate::audit::FailureCounter;
use crate::clock::Clock;
use crate::csp::content_security_policy;
use crate::db::{Database, DbError};
use crate::error::InternalError;
use crate::event_poller::EventPoller;
use crate::keys::Keys;
use crate::known_sessions::KnownSessions;
use crate::memberships::Memberships;
use crate::oidc::{OidcError, OidcProviders};
use crate::renewal::{RenewalService, TokenRefreshService};
use crate::sessions::RevocationCache;
use crate::settings::Settings;
use crate::sign_in::{SignInDependencies, SignInService};
use crate::sign_out::{SignOutService, WorkosRevocations};
use crate::throttle::{ExchangeBudget, Throttle};
use crate::tokens::{TokenKeyError, Tokens, end_of_unbound_tokens};
use crate::webhooks::WebhookService;
use crate::workos::{WorkosClient, WorkosError};

/// The services and settings that the handlers use. Only the server, the handlers and the extractors
/// take it as an argument; a service receives exactly what it needs.
pub struct AppState {
    /// The settings.
    pub settings: Settings,
    /// The keys derived from `SECRET_KEY`.
    pub keys: Arc<Keys>,
    /// The database.
    pub database: Database,
    /// The WorkOS client.
    pub workos: WorkosClient,
    /// The clients of Google and Okta.
    pub oidc: OidcProviders,
    /// Issues and verifies first-party tokens.
    pub tokens: Arc<Tokens>,
    /// The threads that hash passwords.
    pub hasher: Arc<Hasher>,
    /// Counts refused sign-ins and keys for the audit trail.
    pub failures: FailureCounter,
    /// Validates new passwords.
    pub password_validator: Arc<PasswordValidator>,
    /// The rate limits.
    pub throttle: Throttle,
    /// The cache of revoked sessions.
    pub revocations: Arc<RevocationCache>,
    /// What sessions know besides their users.
    pub known_sessions: KnownSessions,
    /// The cache of organisation memberships.
    pub memberships: Memberships,
    /// Signs users in.
    pub sign_in: SignInService,
    /// Renews sessions.
    pub renewal: RenewalService,
    /// Exchanges refresh tokens.
    pub token_refresh: TokenRefreshService,
    /// Ends sessions.
    pub sign_out: SignOutService,
    /// Revokes ended sessions at WorkOS.
    pub at_workos: WorkosRevocations,
    /// Applies WorkOS's events.
    pub webhooks: WebhookService,
    /// Reads WorkOS's events.
    pub event_poller: EventPoller,
    /// The clock.
    pub clock: Clock,
    /// The `Content-Security-Policy` header of every response.
    pub content_security_policy: HeaderValue,
}

/// Builds an [`AppState`]; a test can replace some of its parts.
pub struct AppStateBuilder {
    settings: Settings,
    database: Database,
    clock: Clock,
    hasher: Option<Hasher>,
    revocations: RevocationCache,
}

impl AppState {
    /// The state of the application that received a request, for extractors.
    pub fn of(request: &HttpRequest) -> Result<web::Data<Self>, InternalError> {
        let state = request.app_data::<web::Data<Self>>().cloned();
        state.ok_or_else(|| InternalError::new("find the application's state", "it has none"))
    }

    /// Starts building the state.
    pub fn builder(settings: Settings, database: Database, clock: Clock) -> AppStateBuilder {
        AppStateBuilder {
            settings,
            database,
            clock,
            hasher: None,
            revocations: RevocationCache::default(),
        }
    }

    /// Whether browsers reach the site over HTTPS, so that cookies get the attribute `Secure`.
    pub fn secure(&self) -> bool {
        self.settings.public_url.is_https()
    }
}

impl AppStateBuilder {
    /// Hashes passwords with this hasher instead of one with a thread for each core.
    #[must_use]
    pub fn hasher(mut self, hasher: Hasher) -> Self {
        self.hasher = Some(hasher);
        self
    }

    /// Uses this cache of revoked sessions.
    #[must_use]
    pub fn revocations(mut self, revocations: RevocationCache) -> Self {
        self.revocations = revocations;
        self
    }

    /// Builds the state and its services.
    pub fn build(self) -> Result<AppState, BuildError> {
        let Self {
            settings,
            database,
            clock,
            hasher,
            revocations,
        } = self;
        let policy = content_security_policy(&settings);
        let policy = HeaderValue::from_str(&policy).map_err(|_| BuildError::Policy)?;
        allow_argon2_memory(settings.argon2_max_memory);
        let hasher = match hasher {
            Some(hasher) => hasher,
            None => Hasher::start().map_err(BuildError::Threads)?,
        };
        let hasher = Arc::new(hasher);
        let password_validator = Arc::new(PasswordValidator::new(
            settings.password_blocklist_file.as_deref(),
        )?);
        let workos = WorkosClient::new(&settings.workos)?.with_clock(clock.clone());
        let end_of_unbound = end_of_unbound_tokens(&database)?;
        let tokens = Tokens::new(&settings.tokens)?.accepting_unbound_before(end_of_unbound);
        let tokens = Arc::new(tokens);
        let revocations = Arc::new(revocations);
        let keys = Arc::new(Keys::derive(&settings));
        let failures = FailureCounter::default();
        let memberships = Memberships::new(workos.clone(), clock.clone());
        let at_workos = WorkosRevocations::new(database.clone(), workos.clone(), clock.clone());
        let webhooks = WebhookService::new(
            database.clone(),
            memberships.clone(),
            Arc::clone(&revocations),
        );
        let known_sessions =
            KnownSessions::new(database.clone(), Arc::clone(&revocations), clock.clone());
        let renewal = RenewalService::new(
            &settings,
            database.clone(),
            workos.clone(),
            Arc::clone(&keys),
            clock.clone(),
            Arc::clone(&revocations),
            failures.clone(),
            at_workos.clone(),
            known_sessions.clone(),
        );
        Ok(AppState {
            token_refresh: TokenRefreshService::new(
                database.clone(),
                Arc::clone(&tokens),
                renewal.clone(),
                AllowedSignInMethods::new(&settings),
                workos.clone(),
                clock.clone(),
                settings.session_stale_grace,
            ),
            renewal,
            oidc: OidcProviders::new(&settings.oidc)?,
            throttle: Throttle::new(&settings.api, &clock),
            sign_in: SignInService::new(
                &settings,
                SignInDependencies {
                    database: database.clone(),
                    workos: workos.clone(),
                    keys: Arc::clone(&keys),
                    clock: clock.clone(),
                    revocations: Arc::clone(&revocations),
                    tokens: Arc::clone(&tokens),
                    hasher: Arc::clone(&hasher),
                    exchanges: ExchangeBudget::new(settings.api.throttle_login, &clock),
                    failures: failures.clone(),
                    at_workos: at_workos.clone(),
                },
            ),
            sign_out: SignOutService::new(
                database.clone(),
                at_workos.clone(),
                Arc::clone(&tokens),
                Arc::clone(&revocations),
            ),
            event_poller: EventPoller::new(
                database.clone(),
                workos.clone(),
                webhooks.clone(),
                clock.clone(),
                settings.workos.events_poll,
            ),
            webhooks,
            at_workos,
            content_security_policy: policy,
            settings,
            database,
            failures,
            hasher,
            password_validator,
            keys,
            workos,
            tokens,
            known_sessions,
            revocations,
            memberships,
            clock,
        })
    }
}

/// Why the state could not be built.
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
    #[error(
        "the password threads cannot be started: {0}; does a limit on processes allow one more for each core?"
    )]
    Threads(std::io::Error),
    /// The file of breached passwords.
    #[error("PASSWORD_BLOCKLIST_FILE cannot be used: {0}")]
    Blocklist(#[from] BlocklistError),
    /// A key that signs or verifies tokens.
    #[error(transparent)]
    TokenKey(#[from] TokenKeyError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A setting that cannot be written in a header.
    #[error(
        "WORKOS_API_BASE_URL or WORKOS_LOGOUT_RETURN_TO contains a character that an HTTP header cannot hold"
    )]
    Policy,
}
