//! What the emulator remembers: sign-ins on their way, sessions, refresh tokens, browsers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::clock::{Clock, Millis, iso};
use crate::directory::Directory;
use crate::faults::FaultQueue;
use crate::ids;
use crate::keys::KeyRing;
use crate::request_log::RequestLog;
use crate::seed::Impersonator;
use crate::webhooks::{Endpoints, Outbox};

/// A code lives ten minutes, as WorkOS's do.
pub(crate) const CODE_LIFETIME: Millis = 10 * 60 * 1000;
/// An unfinished sign-in outlives the one-time code that was mailed for it.
pub(crate) const PENDING_LIFETIME: Millis = 30 * 60 * 1000;
/// How long the refresh token that was just exchanged still answers with the same new pair.
pub(crate) const REPLAY_GRACE: Millis = 30 * 1000;

/// Shared by all handlers and by every [`Control`](crate::Control).
pub(crate) struct Shared {
    pub(crate) base_url: String,
    pub(crate) cookie_name: String,
    pub(crate) api_key: String,
    pub(crate) client_id: String,
    /// Registered redirect URIs; empty: any URI of this machine.
    pub(crate) redirect_uris: Vec<String>,
    /// Registered sign-out redirects; empty: any URI of this machine.
    pub(crate) logout_uris: Vec<String>,
    pub(crate) logout_default: Option<String>,
    pub(crate) clock: Clock,
    pub(crate) endpoints: Endpoints,
    pub(crate) faults: FaultQueue,
    pub(crate) request_log: RequestLog,
    /// Turns true when the server stops, so that held-back answers do not hold it up.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) state: Mutex<State>,
}

impl Shared {
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The state; a handler that panicked leaves it usable, as no change spans a panic.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct State {
    pub(crate) directory: Directory,
    pub(crate) keys: KeyRing,
    pub(crate) tokens: TokenSettings,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) pending: HashMap<String, Pending>,
    /// Authentication challenges and the user each was made for.
    pub(crate) challenges: HashMap<String, Challenge>,
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    pub(crate) browsers: HashMap<String, Browser>,
    pub(crate) outbox: Outbox,
}

/// What goes into access tokens.
#[derive(Debug, Clone)]
pub(crate) struct TokenSettings {
    /// Milliseconds.
    pub(crate) lifetime: Millis,
    pub(crate) issuer: String,
    pub(crate) audience: Option<String>,
    /// Further claims, as a JWT template of WorkOS's dashboard adds them.
    pub(crate) extra_claims: Map<String, Value>,
}

/// Who is signing in, how, and what has been settled about it so far.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) user_id: String,
    pub(crate) method: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) impersonator: Option<Impersonator>,
    pub(crate) browser: Option<String>,
    pub(crate) second_factor_done: bool,
}

/// An authorization code and what it is bound to.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) sign_in: SignIn,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) expires_at: Millis,
}

/// A sign-in that waits for a further step.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) sign_in: SignIn,
    pub(crate) step: Step,
    pub(crate) attempts: u32,
    pub(crate) since: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    EmailVerification,
    SecondFactor,
    Organization,
}

#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) user_id: String,
    pub(crate) expires_at: Millis,
}

/// A signed-in session: `sid`.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) method: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) impersonator: Option<Impersonator>,
    pub(crate) browser: Option<String>,
    pub(crate) created_at: Millis,
}

impl Session {
    /// What webhooks tell of it.
    pub(crate) fn to_json(&self) -> Value {
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
pub(crate) struct RefreshToken {
    pub(crate) session_id: String,
    pub(crate) used: Option<Used>,
}

/// The exchange that used a refresh token up, kept so that a replay gets the same answer.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) at: Millis,
    pub(crate) reply: Value,
}

/// A browser that AuthKit remembers.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) user_id: String,
    pub(crate) method: String,
    pub(crate) impersonator: Option<Impersonator>,
    pub(crate) signed_in_at: Millis,
    /// It was told that a second factor has to be set up: the next sign-in asks for that.
    pub(crate) enrolls: bool,
    /// It has just set one up, which is as good as its code.
    pub(crate) has_enrolled: bool,
}

impl State {
    pub(crate) fn new(
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
    pub(crate) fn add_code(
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
    pub(crate) fn end_session(&mut self, id: &str) -> Option<Session> {
        let session = self.sessions.remove(id)?;
        self.outbox.put("session.revoked", session.to_json());
        if let Some(browser) = &session.browser {
            self.browsers.remove(browser);
        }
        Some(session)
    }

    /// Removes a user and everything that was theirs; false where there is no such user.
    pub(crate) fn delete_user(&mut self, id: &str) -> bool {
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
