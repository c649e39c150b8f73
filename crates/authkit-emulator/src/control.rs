//! The handle with which tests steer a running emulator.

use std::time::Duration;

use actix_web::web::Data;
use serde_json::{Map, Value};

use crate::clock::millis;
use crate::faults::{Effect, Fault};
use crate::gate::Gate;
use crate::keys::KeyError;
use crate::model::User;
use crate::request_log::RecordedRequest;
use crate::state::Shared;
use crate::webhooks::Endpoint;

/// Steers a running emulator; clones steer the same one.
#[derive(Clone)]
pub struct Control {
    pub(crate) shared: Data<Shared>,
}

impl Control {
    /// Moves the emulator's clock ahead: codes and grace periods expire, tokens are issued later.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// How long the access tokens live that are issued from now on; whole seconds count.
    pub fn set_access_token_lifetime(&self, lifetime: Duration) {
        self.shared.state().tokens.lifetime = millis(lifetime);
    }

    /// The claim `iss` from now on.
    pub fn set_issuer(&self, issuer: &str) {
        self.shared.state().tokens.issuer = issuer.to_owned();
    }

    /// The claim `aud` from now on; there is none at first.
    pub fn set_audience(&self, audience: Option<&str>) {
        self.shared.state().tokens.audience = audience.map(str::to_owned);
    }

    /// Further claims from now on, as a JWT template adds them; they never displace WorkOS's own.
    pub fn set_extra_claims(&self, claims: Map<String, Value>) {
        self.shared.state().tokens.extra_claims = claims;
    }

    /// Signs with a new key from now on; without `keep_old` the earlier keys are unpublished.
    ///
    /// # Errors
    /// When no key could be made.
    pub fn rotate_key(&self, keep_old: bool) -> Result<(), KeyError> {
        self.shared.state().keys.rotate(keep_old)
    }

    /// Sends webhooks to this address from now on, signed with this secret.
    pub fn add_webhook_endpoint(&self, url: &str, secret: &str) {
        self.shared.endpoints.add(Endpoint {
            url: url.to_owned(),
            secret: secret.to_owned(),
            events: Vec::new(),
        });
    }

    /// Queues a fault. Each request is answered by the first queued fault that matches it.
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

    /// The requests so far, the oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.request_log.all()
    }

    /// How many requests came to exactly this path.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.path == path)
            .count()
    }

    /// How many requests came with this `grant_type`.
    #[must_use]
    pub fn count_grant(&self, grant_type: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.grant_type() == Some(grant_type))
            .count()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.request_log.clear();
    }

    /// The user with this e-mail, whatever its case.
    #[must_use]
    pub fn user(&self, email: &str) -> Option<User> {
        self.shared.state().directory.by_email(email).cloned()
    }

    /// Puts a user in place of the one with the same id, or adds one.
    pub fn put_user(&self, user: User) {
        let mut state = self.shared.state();
        match state.directory.user_mut(&user.id) {
            Some(known) => *known = user,
            None => state.directory.users.push(user),
        }
    }

    /// The id of the organisation with this name.
    #[must_use]
    pub fn organization(&self, name: &str) -> Option<String> {
        let state = self.shared.state();
        let mut organizations = state.directory.organizations.iter();
        let organization = organizations.find(|one| one.name == name);
        organization.map(|one| one.id.clone())
    }

    /// Gives a member another role, without a word to anyone; false where there is no such member.
    pub fn set_role(&self, organization_id: &str, user_id: &str, role: &str) -> bool {
        let mut state = self.shared.state();
        let organizations = state.directory.organizations.iter_mut();
        let mut members = organizations
            .filter(|one| one.id == organization_id)
            .flat_map(|one| &mut one.members);
        let member = members.find(|member| member.user_id == user_id);
        member
            .map(|member| role.clone_into(&mut member.role))
            .is_some()
    }

    /// Removes a user with all sessions; false where there was none.
    pub fn delete_user(&self, id: &str) -> bool {
        self.shared.state().delete_user(id)
    }

    /// The ids of a user's live sessions.
    #[must_use]
    pub fn sessions_of(&self, user_id: &str) -> Vec<String> {
        let state = self.shared.state();
        let sessions = state
            .sessions
            .values()
            .filter(|session| session.user_id == user_id);
        sessions.map(|session| session.id.clone()).collect()
    }

    /// Ends a session, as an administrator would; false where there was none.
    pub fn revoke_session(&self, id: &str) -> bool {
        self.shared.state().end_session(id).is_some()
    }
}
