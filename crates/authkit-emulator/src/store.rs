//! The in-memory store: the directory, pending sign-ins, sessions, tokens, remembered browsers.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::clock::{Millis, to_iso};
use crate::directory::Directory;
use crate::ids;
use crate::keys::KeyRing;
use crate::seed::Impersonator;
use crate::webhooks::WebhookOutbox;

/// An authorization code and a one-time code are valid for ten minutes, as WorkOS's are.
pub(crate) const CODE_LIFETIME: Millis = 10 * 60 * 1000;
/// A pending sign-in is valid for longer than the one-time code that was mailed for it.
pub(crate) const PENDING_LIFETIME: Millis = 30 * 60 * 1000;
/// After a refresh token has been used, it returns the same new token pair for this time.
pub(crate) const REPLAY_WINDOW: Millis = 30 * 1000;

pub(crate) struct Store {
    pub(crate) directory: Directory,
    pub(crate) keys: KeyRing,
    pub(crate) token_settings: TokenSettings,
    pub(crate) codes: HashMap<String, AuthorizationCode>,
    /// By `pending_authentication_token`.
    pub(crate) pending: HashMap<String, PendingSignIn>,
    pub(crate) challenges: HashMap<String, FactorChallenge>,
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    /// By cookie.
    pub(crate) browsers: HashMap<String, RememberedBrowser>,
    pub(crate) outbox: WebhookOutbox,
}

/// The configurable content of access tokens.
#[derive(Debug, Clone)]
pub(crate) struct TokenSettings {
    pub(crate) lifetime: Millis,
    pub(crate) issuer: String,
    pub(crate) audience: Option<String>,
    /// Additional claims, as a JWT template of WorkOS's dashboard adds them.
    pub(crate) extra_claims: Map<String, Value>,
}

/// A sign-in: the user, the method, and which steps are done.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) user_id: String,
    pub(crate) method: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) impersonator: Option<Impersonator>,
    /// The cookie of the browser.
    pub(crate) browser: Option<String>,
    /// When the user last entered credentials.
    pub(crate) authenticated_at: Millis,
    pub(crate) second_factor_done: bool,
}

impl SignIn {
    /// Whether the user signed in through the organisation's single sign-on, or is impersonated.
    pub(crate) fn satisfies_sso(&self) -> bool {
        satisfies_sso(&self.method, self.impersonator.as_ref())
    }
}

/// An authorization code and the request that it belongs to.
#[derive(Debug)]
pub(crate) struct AuthorizationCode {
    pub(crate) sign_in: SignIn,
    pub(crate) redirect_uri: String,
    pub(crate) code_challenge: Option<String>,
    pub(crate) expires_at: Millis,
}

/// A sign-in that cannot finish before the application has sent something else.
#[derive(Debug)]
pub(crate) struct PendingSignIn {
    pub(crate) sign_in: SignIn,
    pub(crate) step: PendingStep,
    pub(crate) failed_attempts: u32,
    pub(crate) created_at: Millis,
}

impl PendingSignIn {
    pub(crate) fn is_valid(&self, now: Millis) -> bool {
        now - self.created_at <= PENDING_LIFETIME
    }
}

/// What a pending sign-in waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PendingStep {
    EmailVerification,
    SecondFactor,
    OrganizationSelection,
}

/// A challenge of a user's authenticator.
#[derive(Debug)]
pub(crate) struct FactorChallenge {
    pub(crate) user_id: String,
    pub(crate) expires_at: Millis,
}

/// A signed-in session. Its id is the claim `sid`.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) method: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) impersonator: Option<Impersonator>,
    /// The cookie of the browser that signed in.
    pub(crate) browser: Option<String>,
    /// When the user last entered credentials.
    pub(crate) authenticated_at: Millis,
    pub(crate) created_at: Millis,
}

impl Session {
    /// The session object in webhooks.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "object": "session",
            "id": self.id,
            "user_id": self.user_id,
            "organization_id": self.organization_id,
            "created_at": to_iso(self.created_at),
        })
    }

    /// Whether the user signed in through the organisation's single sign-on, or is impersonated.
    pub(crate) fn satisfies_sso(&self) -> bool {
        satisfies_sso(&self.method, self.impersonator.as_ref())
    }
}

fn satisfies_sso(method: &str, impersonator: Option<&Impersonator>) -> bool {
    method == "SSO" || impersonator.is_some()
}

#[derive(Debug)]
pub(crate) struct RefreshToken {
    pub(crate) session_id: String,
    pub(crate) used: Option<TokenUse>,
}

/// When a refresh token was used, and the response, which a replay gets again.
#[derive(Debug)]
pub(crate) struct TokenUse {
    pub(crate) at: Millis,
    pub(crate) response: Value,
}

/// A browser that AuthKit remembers, so that its next sign-in shows no page.
#[derive(Debug, Clone)]
pub(crate) struct RememberedBrowser {
    pub(crate) user_id: String,
    pub(crate) method: String,
    pub(crate) impersonator: Option<Impersonator>,
    pub(crate) signed_in_at: Millis,
    /// The last sign-in stopped at `mfa_enrollment`: the next one shows the enrolment page.
    pub(crate) must_enroll: bool,
    /// The user has just enrolled an authenticator, so this sign-in does not ask for its code.
    pub(crate) has_enrolled: bool,
}

impl Store {
    pub(crate) fn new(
        directory: Directory,
        keys: KeyRing,
        token_settings: TokenSettings,
        outbox: WebhookOutbox,
    ) -> Self {
        Self {
            directory,
            keys,
            token_settings,
            codes: HashMap::new(),
            pending: HashMap::new(),
            challenges: HashMap::new(),
            sessions: HashMap::new(),
            refresh_tokens: HashMap::new(),
            browsers: HashMap::new(),
            outbox,
        }
    }

    /// Creates an authorization code.
    pub(crate) fn create_code(
        &mut self,
        sign_in: SignIn,
        redirect_uri: &str,
        code_challenge: Option<String>,
        now: Millis,
    ) -> String {
        self.codes.retain(|_, code| code.expires_at > now);
        let code = ids::random_secret();
        self.codes.insert(
            code.clone(),
            AuthorizationCode {
                sign_in,
                redirect_uri: redirect_uri.to_owned(),
                code_challenge,
                expires_at: now + CODE_LIFETIME,
            },
        );
        code
    }

    /// Ends a session and forgets the browser that signed in. Its refresh tokens stop working.
    pub(crate) fn end_session(&mut self, id: &str) -> Option<Session> {
        let session = self.sessions.remove(id)?;
        self.outbox.add("session.revoked", session.to_json());
        if let Some(browser) = &session.browser {
            self.browsers.remove(browser);
        }
        Some(session)
    }

    /// Deletes a user with all their data. Returns false if there is no such user.
    pub(crate) fn delete_user(&mut self, id: &str) -> bool {
        let exists = self.directory.user(id).is_some();
        self.directory.users.retain(|user| user.id != id);
        for organization in &mut self.directory.organizations {
            organization.members.retain(|member| member.user_id != id);
        }
        self.sessions.retain(|_, session| session.user_id != id);
        self.browsers.retain(|_, browser| browser.user_id != id);
        self.codes.retain(|_, code| code.sign_in.user_id != id);
        self.pending
            .retain(|_, pending| pending.sign_in.user_id != id);
        if exists {
            let user = json!({ "object": "user", "id": id });
            self.outbox.add("user.deleted", user);
        }
        exists
    }
}
