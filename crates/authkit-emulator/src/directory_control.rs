//! [`Control`] of memberships, roles, feature flags, organisations and events.

use std::time::Duration;

use serde_json::Value;

use crate::clock::to_millis;
use crate::control::Control;
use crate::organization::MembershipStatus;

/// Changes what a test's users may do. Each change sends the events that WorkOS sends for it, and is in
/// the access tokens that are issued from then on.
impl Control {
    /// Makes a user a member with these roles, or activates a membership that has ended. The first role
    /// is the claim `role`. Returns false if there is no such user or organisation.
    pub fn add_member(&self, organization_id: &str, user_id: &str, roles: &[&str]) -> bool {
        let mut store = self.shared.store();
        store.add_member(organization_id, user_id, owned(roles))
    }

    /// Replaces a member's roles. The first is the claim `role`. Returns false if there is no such
    /// member.
    pub fn set_roles(&self, organization_id: &str, user_id: &str, roles: &[&str]) -> bool {
        let roles = owned(roles);
        let mut store = self.shared.store();
        store.change_membership(organization_id, user_id, |member| member.roles = roles)
    }

    /// Deletes a membership. Returns false if there is none.
    pub fn end_membership(&self, organization_id: &str, user_id: &str) -> bool {
        let mut store = self.shared.store();
        store.delete_membership(organization_id, user_id)
    }

    /// Deactivates a membership: it is kept as `inactive`. Returns false if there is none.
    pub fn deactivate_membership(&self, organization_id: &str, user_id: &str) -> bool {
        self.set_membership_status(organization_id, user_id, MembershipStatus::Inactive)
    }

    /// Makes a deactivated membership active again, with the same roles. Returns false if there is
    /// none.
    pub fn reactivate_membership(&self, organization_id: &str, user_id: &str) -> bool {
        self.set_membership_status(organization_id, user_id, MembershipStatus::Active)
    }

    fn set_membership_status(
        &self,
        organization_id: &str,
        user_id: &str,
        status: MembershipStatus,
    ) -> bool {
        let mut store = self.shared.store();
        store.change_membership(organization_id, user_id, |member| member.status = status)
    }

    /// The permissions of a role. `None` means that there is no such role.
    #[must_use]
    pub fn permissions(&self, role: &str) -> Option<Vec<String>> {
        let store = self.shared.store();
        let role = store.directory.role(role);
        role.map(|role| role.permissions.clone())
    }

    /// Sets the permissions of a role, which is created if there is none.
    pub fn set_permissions(&self, role: &str, permissions: &[&str]) {
        self.shared.store().put_role(role, owned(permissions));
    }

    /// Removes a permission from a role. Returns false if the role does not have it.
    pub fn remove_permission(&self, role: &str, permission: &str) -> bool {
        let mut store = self.shared.store();
        let Some(found) = store.directory.role(role) else {
            return false;
        };
        let mut permissions = found.permissions.clone();
        let count = permissions.len();
        permissions.retain(|known| known != permission);
        let is_removed = permissions.len() < count;
        if is_removed {
            store.put_role(role, permissions);
        }
        is_removed
    }

    /// Sets an organisation's entitlements. WorkOS sends no event for them. Returns false if there is no
    /// such organisation.
    pub fn set_entitlements(&self, organization_id: &str, entitlements: &[&str]) -> bool {
        let entitlements = owned(entitlements);
        self.shared
            .store()
            .change_organization(organization_id, |organization| {
                organization.entitlements = entitlements;
            })
    }

    /// Changes an organisation's name. Returns false if there is no such organisation.
    pub fn rename_organization(&self, organization_id: &str, name: &str) -> bool {
        self.shared
            .store()
            .change_organization(organization_id, |organization| {
                name.clone_into(&mut organization.name);
            })
    }

    /// Switches a feature flag on or off. A flag that does not exist is created, for everybody.
    pub fn set_feature_flag(&self, slug: &str, enabled: bool) {
        let mut store = self.shared.store();
        store.put_feature_flag(slug, Some(enabled), None);
    }

    /// Restricts a feature flag to the users and organisations with these ids. An empty list removes
    /// the restriction. A flag that does not exist is created.
    pub fn set_feature_flag_targets(&self, slug: &str, ids: &[&str]) {
        let mut store = self.shared.store();
        store.put_feature_flag(slug, None, Some(owned(ids)));
    }

    /// Makes each later sign-in of a user stop at a 403 with this `code`, or at none. Returns false if
    /// there is no such user.
    pub fn set_challenge(&self, user_id: &str, code: Option<&str>) -> bool {
        let mut store = self.shared.store();
        let user = store.directory.user_mut(user_id);
        user.map(|user| user.challenge = code.map(str::to_owned))
            .is_some()
    }

    /// Adds an event with any content to `GET /events`, and sends its webhooks. Returns its id.
    pub fn send_event(&self, name: &str, data: &Value) -> String {
        self.shared.store().events.add(name, data)
    }

    /// Adds many events to `GET /events` without webhooks; `data` makes the content of each from its
    /// number, 0 first. The last is created now, and each of the others `interval` before the next one.
    /// At most 100,000 events of the last 30 days are kept. Returns the ids, oldest first.
    pub fn insert_events(
        &self,
        name: &str,
        count: usize,
        interval: Duration,
        data: impl FnMut(usize) -> Value,
    ) -> Vec<String> {
        let mut store = self.shared.store();
        let interval = to_millis(interval);
        store.events.add_copies(name, count, interval, data)
    }

    /// All events that `GET /events` has, oldest first, as it lists them.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let store = self.shared.store();
        store.events.events().map(|event| event.to_json()).collect()
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
