//! Controls a running emulator: its clock, tokens, keys, faults, users and sessions.

use std::time::Duration;

use actix_web::web::Data;
use serde_json::{Map, Value};

use crate::clock::to_millis;
use crate::faults::{Effect, Fault};
use crate::gate::Gate;
use crate::keys::KeyError;
use crate::model::User;
use crate::request_log::RecordedRequest;
use crate::state::SharedState;
use crate::webhooks::WebhookEndpoint;

/// Controls a running emulator. Clones control the same emulator.
#[derive(Clone)]
pub struct Control {
    pub(crate) shared: Data<SharedState>,
}

impl Control {
    /// Advances the emulator's clock. Codes expire and new tokens are issued at the later time.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Sets the lifetime of access tokens that are issued from now on, in whole seconds.
    pub fn set_access_token_lifetime(&self, lifetime: Duration) {
        self.shared.store().token_settings.lifetime = to_millis(lifetime);
    }

    /// Sets the claim `iss` of access tokens that are issued from now on.
    pub fn set_issuer(&self, issuer: &str) {
        self.shared.store().token_settings.issuer = issuer.to_owned();
    }

    /// Sets the claim `aud` of access tokens that are issued from now on. By default there is none.
    pub fn set_audience(&self, audience: Option<&str>) {
        self.shared.store().token_settings.audience = audience.map(str::to_owned);
    }

    /// Sets additional claims of access tokens that are issued from now on, as a JWT template adds
    /// them. They do not replace WorkOS's own claims.
    pub fn set_extra_claims(&self, claims: Map<String, Value>) {
        self.shared.store().token_settings.extra_claims = claims;
    }

    /// Lets a browser that is signed in without a page go on with the session of its last sign-in, so that both have the
    /// same `sid`. By default each sign-in opens a session.
    pub fn continue_sessions(&self) {
        self.shared.store().token_settings.continues_sessions = true;
    }

    /// Replaces the signing key. With `keep_old` the earlier keys stay in the key set.
    ///
    /// # Errors
    /// When no key can be generated.
    pub fn rotate_key(&self, keep_old: bool) -> Result<(), KeyError> {
        self.shared.store().keys.rotate(keep_old)
    }

    /// Sends all webhooks to this URL too, signed with this secret.
    pub fn add_webhook_endpoint(&self, url: &str, secret: &str) {
        self.shared.webhook_endpoints.add(WebhookEndpoint {
            url: url.to_owned(),
            secret: secret.to_owned(),
            events: Vec::new(),
        });
    }

    /// Queues a fault. Each request gets the first queued fault that matches it.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// Holds the response to the next request to `endpoint` until the gate is opened.
    #[must_use]
    pub fn inject_gate(&self, endpoint: &str) -> Gate {
        let gate = Gate::new();
        self.inject(Fault::once(endpoint, Effect::hold(&gate)));
        gate
    }

    /// The faults that have not been applied yet.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.faults.all()
    }

    /// Removes the faults that have not been applied yet.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// The received requests, oldest first. Only the latest thousand are kept.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.request_log.all()
    }

    /// How many requests had exactly this path.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.path == path)
            .count()
    }

    /// How many requests had this `grant_type`.
    #[must_use]
    pub fn count_grant(&self, grant_type: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.grant_type() == Some(grant_type))
            .count()
    }

    /// Empties the log of received requests.
    pub fn clear_requests(&self) {
        self.shared.request_log.clear();
    }

    /// The user with this email address, regardless of case.
    #[must_use]
    pub fn user(&self, email: &str) -> Option<User> {
        self.shared.store().directory.user_by_email(email).cloned()
    }

    /// Replaces the user with the same id, or adds one.
    pub fn put_user(&self, user: User) {
        let mut store = self.shared.store();
        match store.directory.user_mut(&user.id) {
            Some(existing) => *existing = user,
            None => store.directory.users.push(user),
        }
    }

    /// The id of the organisation with this name.
    #[must_use]
    pub fn organization(&self, name: &str) -> Option<String> {
        let store = self.shared.store();
        let mut organizations = store.directory.organizations.iter();
        let organization = organizations.find(|organization| organization.name == name);
        organization.map(|organization| organization.id.clone())
    }

    /// Changes a member's role without an event; [`Control::set_roles`] sends one. Returns false if there is no such member.
    pub fn set_role(&self, organization_id: &str, user_id: &str, role: &str) -> bool {
        let mut store = self.shared.store();
        let organization = store.directory.organization_mut(organization_id);
        let member = organization.and_then(|organization| {
            let mut members = organization.members.iter_mut();
            members.find(|member| member.user_id == user_id)
        });
        member
            .map(|member| member.roles = vec![role.to_owned()])
            .is_some()
    }

    /// Deletes a user and all their sessions. Returns false if there is no such user.
    pub fn delete_user(&self, id: &str) -> bool {
        self.shared.store().delete_user(id)
    }

    /// The ids of a user's active sessions.
    #[must_use]
    pub fn sessions_of(&self, user_id: &str) -> Vec<String> {
        let store = self.shared.store();
        let sessions = store
            .sessions
            .values()
            .filter(|session| session.user_id == user_id);
        sessions.map(|session| session.id.clone()).collect()
    }

    /// Ends a session, as an administrator does. Returns false if there is no such session.
    pub fn revoke_session(&self, id: &str) -> bool {
        self.shared.store().end_session(id).is_some()
    }
}
