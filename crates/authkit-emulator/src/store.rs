//! The in-memory store: the directory, pending sign-ins, sessions, tokens, remembered browsers.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::clock::{Millis, to_iso};
use crate::directory::Directory;
use crate::events::EventLog;
use crate::ids;
use crate::keys::KeyRing;
use crate::seed::Impersonator;

/// An authorization code and a one-time code are valid for ten minutes, as WorkOS's are.
pub(crate) const CODE_LIFETIME: Millis = 10 * 60 * 1000;
/// A pending sign-in is valid for longer than the one-time code that was mailed for it.
pub(crate) const PENDING_LIFETIME: Millis = 30 * 60 * 1000;
/// After a refresh token has been used, it returns the same new token pair for this time.
pub(crate) const REPLAY_WINDOW: Millis = 30 * 1000;
/// The `expires_at` of a session object. WorkOS's default is a year. The emulator ends no session by
/// itself.
const SESSION_LIFETIME: Millis = 365 * 24 * 60 * 60 * 1000;

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
    pub(crate) events: EventLog,
    /// The emulator's URL, for the URLs of pictures.
    pub(crate) base_url: String,
}

/// The configurable content of access tokens.
#[derive(Debug, Clone)]
pub(crate) struct TokenSettings {
    pub(crate) lifetime: Millis,
    pub(crate) issuer: String,
    pub(crate) audience: Option<String>,
    /// Additional claims, as a JWT template of WorkOS's dashboard adds them.
    pub(crate) extra_claims: Map<String, Value>,
    /// Whether a sign-in of a remembered browser goes on with the session of its last one.
    pub(crate) continues_sessions: bool,
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
    /// The user has passed the challenge of [`User::challenge`](crate::User::challenge).
    pub(crate) challenge_done: bool,
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
    /// AuthKit's own pages. No grant continues the sign-in.
    HostedPage,
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
    /// The session object in events. `ended_at` is set if the session has been revoked.
    pub(crate) fn to_json(&self, ended_at: Option<Millis>) -> Value {
        let updated_at = ended_at.unwrap_or(self.created_at);
        let mut session = json!({
            "object": "session",
            "id": self.id,
            "user_id": self.user_id,
            "ip_address": null,
            "user_agent": null,
            "auth_method": self.auth_method(),
            "status": if ended_at.is_some() { "revoked" } else { "active" },
            "expires_at": to_iso(self.created_at + SESSION_LIFETIME),
            "ended_at": ended_at.map(to_iso),
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(updated_at),
        });
        if let Some(id) = &self.organization_id {
            session["organization_id"] = json!(id);
        }
        if let Some(impersonator) = &self.impersonator {
            session["impersonator"] = json!(impersonator);
        }
        session
    }

    fn auth_method(&self) -> &'static str {
        match &*self.method {
            "Password" => "password",
            "SSO" => "sso",
            "Impersonation" => "impersonation",
            _ => "oauth",
        }
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
    /// The page that the next sign-in shows, because the last one stopped.
    pub(crate) hosted_step: Option<HostedStep>,
    /// The user has just enrolled an authenticator, so this sign-in does not ask for its code.
    pub(crate) has_enrolled: bool,
    /// The user has passed the challenge.
    pub(crate) has_passed_challenge: bool,
}

/// What a page of AuthKit asks for at the next sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostedStep {
    /// The sign-in stopped at `mfa_enrollment`.
    Enrollment,
    /// The sign-in stopped at [`User::challenge`](crate::User::challenge).
    Challenge,
}

impl Store {
    pub(crate) fn new(
        directory: Directory,
        keys: KeyRing,
        token_settings: TokenSettings,
        events: EventLog,
        base_url: String,
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
            events,
            base_url,
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
        let data = session.to_json(Some(self.events.now()));
        self.events.add("session.revoked", &data);
        if let Some(browser) = &session.browser {
            self.browsers.remove(browser);
        }
        Some(session)
    }

    /// Deletes a user with all their data. Returns false if there is no such user.
    pub(crate) fn delete_user(&mut self, id: &str) -> bool {
        let Some(user) = self.directory.user(id) else {
            return false;
        };
        let user = user.to_json(&self.base_url);
        for organization in self.directory.organizations.clone() {
            self.delete_membership(&organization.id, id);
        }
        self.directory.users.retain(|user| user.id != id);
        self.sessions.retain(|_, session| session.user_id != id);
        self.browsers.retain(|_, browser| browser.user_id != id);
        self.codes.retain(|_, code| code.sign_in.user_id != id);
        self.pending
            .retain(|_, pending| pending.sign_in.user_id != id);
        self.events.add("user.deleted", &user);
        true
    }
}
