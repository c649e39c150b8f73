//! What the emulator remembers: sign-ins on their way, sessions, refresh tokens, browsers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::clock::{Clock, Millis, iso};
use super::directory::Directory;
use super::faults::Faults;
use super::ids;
use super::keys::KeyRing;
use super::recorder::Recorder;
use super::seed::Impersonator;
use super::webhooks::{Endpoints, Outbox};

/// A code lives ten minutes, as WorkOS's do.
pub(super) const CODE_LIFETIME: Millis = 10 * 60 * 1000;
/// An unfinished sign-in outlives the one-time code that was mailed for it.
pub(super) const PENDING_LIFETIME: Millis = 30 * 60 * 1000;
/// How long the refresh token that was just exchanged still answers with the same new pair.
pub(super) const REPLAY_GRACE: Millis = 30 * 1000;

/// Shared by all handlers and by every [`Control`](super::Control).
pub(super) struct Shared {
    pub(super) base_url: String,
    pub(super) cookie_name: String,
    pub(super) api_key: String,
    pub(super) client_id: String,
    /// Registered redirect URIs; empty: any URI of this machine.
    pub(super) redirect_uris: Vec<String>,
    /// Registered sign-out redirects; empty: any URI of this machine.
    pub(super) logout_uris: Vec<String>,
    pub(super) logout_default: Option<String>,
    pub(super) clock: Clock,
    pub(super) endpoints: Endpoints,
    pub(super) faults: Faults,
    pub(super) recorder: Recorder,
    /// Turns true when the server stops, so that held-back answers do not hold it up.
    pub(super) stopping: watch::Sender<bool>,
    pub(super) state: Mutex<State>,
}

impl Shared {
    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The state; a handler that panicked leaves it usable, as no change spans a panic.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct State {
    pub(super) directory: Directory,
    pub(super) keys: KeyRing,
    pub(super) tokens: TokenSettings,
    pub(super) codes: HashMap<String, Code>,
    pub(super) pending: HashMap<String, Pending>,
    /// Authentication challenges and the user each was made for.
    pub(super) challenges: HashMap<String, Challenge>,
    pub(super) sessions: HashMap<String, Session>,
    pub(super) refresh_tokens: HashMap<String, RefreshToken>,
    pub(super) browsers: HashMap<String, Browser>,
    pub(super) outbox: Outbox,
}

/// What goes into access tokens.
#[derive(Debug, Clone)]
pub(super) struct TokenSettings {
    /// Milliseconds.
    pub(super) lifetime: Millis,
    pub(super) issuer: String,
    pub(super) audience: Option<String>,
    /// Further claims, as a JWT template of WorkOS's dashboard adds them.
    pub(super) extra_claims: Map<String, Value>,
}

/// Who is signing in, how, and what has been settled about it so far.
#[derive(Debug, Clone)]
pub(super) struct SignIn {
    pub(super) user_id: String,
    pub(super) method: String,
    pub(super) organization_id: Option<String>,
    pub(super) impersonator: Option<Impersonator>,
    pub(super) browser: Option<String>,
    pub(super) second_factor_done: bool,
}

/// An authorization code and what it is bound to.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) sign_in: SignIn,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<String>,
    pub(super) expires_at: Millis,
}

/// A sign-in that waits for a further step.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) sign_in: SignIn,
    pub(super) step: Step,
    pub(super) attempts: u32,
    pub(super) since: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    EmailVerification,
    SecondFactor,
    Organization,
}

#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) user_id: String,
    pub(super) expires_at: Millis,
}

/// A signed-in session: `sid`.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) user_id: String,
    pub(super) method: String,
    pub(super) organization_id: Option<String>,
    pub(super) impersonator: Option<Impersonator>,
    pub(super) browser: Option<String>,
    pub(super) created_at: Millis,
}

impl Session {
    /// What webhooks tell of it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "object": "session",
            "id": self.id,
            "user_id": self.user_id,
            "organization_id": self.organization_id,
            "created_at": iso(self.created_at),
        })
    }
}

#[derive(Debug)]
pub(super) struct RefreshToken {
    pub(super) session_id: String,
    pub(super) used: Option<Used>,
}

/// The exchange that used a refresh token up, kept so that a replay gets the same answer.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) at: Millis,
    pub(super) reply: Value,
}

/// A browser that AuthKit remembers.
#[derive(Debug, Clone)]
pub(super) struct Browser {
    pub(super) user_id: String,
    pub(super) method: String,
    pub(super) impersonator: Option<Impersonator>,
    pub(super) signed_in_at: Millis,
    /// It was told that a second factor has to be set up: the next sign-in asks for that.
    pub(super) enrolls: bool,
    /// It has just set one up, which is as good as its code.
    pub(super) has_enrolled: bool,
}

impl State {
    pub(super) fn new(
        directory: Directory,
        keys: KeyRing,
        tokens: TokenSettings,
        outbox: Outbox,
    ) -> Self {
        Self {
            directory,
            keys,
            tokens,
            codes: HashMap::new(),
            pending: HashMap::new(),
            challenges: HashMap::new(),
            sessions: HashMap::new(),
            refresh_tokens: HashMap::new(),
            browsers: HashMap::new(),
            outbox,
        }
    }

    /// Keeps a code for ten minutes and returns it.
    pub(super) fn add_code(
        &mut self,
        sign_in: SignIn,
        redirect_uri: &str,
        challenge: Option<String>,
        now: Millis,
    ) -> String {
        self.codes.retain(|_, code| code.expires_at > now);
        let code = ids::secret();
        let redirect_uri = redirect_uri.to_owned();
        let expires_at = now + CODE_LIFETIME;
        self.codes.insert(
            code.clone(),
            Code {
                sign_in,
                redirect_uri,
                challenge,
                expires_at,
            },
        );
        code
    }

    /// Ends a session with its refresh tokens, and the memory of the browser that it came from.
    pub(super) fn end_session(&mut self, id: &str) -> Option<Session> {
        let session = self.sessions.remove(id)?;
        self.outbox.put("session.revoked", session.to_json());
        if let Some(browser) = &session.browser {
            self.browsers.remove(browser);
        }
        Some(session)
    }

    /// Removes a user and everything that was theirs; false where there is no such user.
    pub(super) fn delete_user(&mut self, id: &str) -> bool {
        let known = self.directory.user(id).is_some();
        self.directory.users.retain(|user| user.id != id);
        for organization in &mut self.directory.organizations {
            organization.members.retain(|member| member.user_id != id);
        }
        self.sessions.retain(|_, session| session.user_id != id);
        self.browsers.retain(|_, browser| browser.user_id != id);
        self.codes.retain(|_, code| code.sign_in.user_id != id);
        self.pending
            .retain(|_, pending| pending.sign_in.user_id != id);
        if known {
            let user = json!({ "object": "user", "id": id });
            self.outbox.put("user.deleted", user);
        }
        known
    }
}
