//! The service that signs users in. The other files of this folder add its methods.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;

use super::callback_dedup::CallbackDedup;
use crate::accounts::passwords::Hasher;
use crate::audit::FailureCounter;
use crate::clock::{Clock, Timestamp};
use crate::db::Database;
use crate::error::SignInFailure;
use crate::ids::SessionId;
use crate::keys::Keys;
use crate::sessions::RevocationCache;
use crate::settings::{PasswordLogin, ProviderLinking, Rate, Settings};
use crate::sign_out::WorkosRevocations;
use crate::throttle::{ExchangeBudget, ExchangePermit, account_rate};
use crate::tokens::Tokens;
use crate::workos::WorkosClient;

/// The services that [`SignInService`] uses.
#[derive(Clone)]
pub struct SignInDependencies {
    /// The database.
    pub database: Database,
    /// The WorkOS client.
    pub workos: WorkosClient,
    /// Encrypts WorkOS's refresh tokens and pending sign-ins.
    pub keys: Arc<Keys>,
    /// The clock.
    pub clock: Clock,
    /// The cache of revoked sessions.
    pub revocations: Arc<RevocationCache>,
    /// Issues first-party tokens.
    pub tokens: Arc<Tokens>,
    /// Checks passwords.
    pub hasher: Arc<Hasher>,
    /// Limits the requests to identity providers.
    pub exchanges: Arc<ExchangeBudget>,
    /// Counts refused sign-ins.
    pub failures: FailureCounter,
    /// Revokes ended sessions at WorkOS.
    pub at_workos: WorkosRevocations,
}

/// Signs users in. Cheap to clone.
#[derive(Clone)]
pub struct SignInService {
    pub(super) services: SignInDependencies,
    pub(super) callbacks: CallbackDedup,
    /// The lifetime of a session.
    pub(super) session_age: TimeDelta,
    /// The longest lifetime of tokens that are given out for a provider's code.
    pub(super) longest_token_lifetime: TimeDelta,
    /// Whether WorkOS's access tokens are stored.
    pub(super) stores_access_tokens: bool,
    /// Who may sign in with a password.
    pub(super) password_login: PasswordLogin,
    /// How often one account may sign in; `None` without a limit.
    pub(super) account_rate: Option<Rate>,
    /// How an account is linked to an identity at Google or Okta.
    pub(super) linking: ProviderLinking,
}

impl SignInService {
    /// Creates the service.
    pub fn new(settings: &Settings, services: SignInDependencies) -> Self {
        let tokens = &settings.tokens;
        Self {
            callbacks: CallbackDedup::new(services.database.clone(), services.clock.clone()),
            services,
            session_age: settings.session_cookie_age,
            longest_token_lifetime: tokens.family_lifetime + tokens.access_lifetime,
            stores_access_tokens: settings.workos.token_route,
            password_login: settings.password_login,
            account_rate: settings.api.throttle_login.map(account_rate),
            linking: settings.oidc.linking,
        }
    }

    /// Counts an exchange at an identity provider that is about to begin, of this attempt with this code if there is one.
    /// Fails if this client or all clients together have had too many, or if the attempt is used up.
    pub fn reserve_exchange(
        &self,
        client: IpAddr,
        attempt: Option<(&str, &str)>,
    ) -> Result<ExchangePermit, SignInFailure> {
        Ok(self.services.exchanges.reserve(client, attempt)?)
    }

    /// Completes the end of the browser's previous session, which a sign-in at `now` has replaced: records it
    /// in this replica's cache, and has it revoked at WorkOS.
    pub(super) fn previous_has_ended(&self, previous: Option<&SessionId>, now: Timestamp) {
        // Also for the oldest session of an account that had too many.
        self.services.at_workos.send_soon();
        if let Some(id) = previous {
            let latest_end = now.plus(self.session_age);
            self.services.revocations.add_revoked(id, latest_end);
        }
    }
}
