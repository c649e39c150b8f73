//! Changes of memberships, roles, feature flags, organisations and invitations, each with its event.

use serde_json::json;

use crate::organization::{FeatureFlag, Member, MembershipStatus, Organization, Role};
use crate::store::Store;

impl Store {
    /// Makes a user a member, or activates the membership that the user has. Returns false if there is
    /// no such user or organisation.
    pub(crate) fn add_member(
        &mut self,
        organization_id: &str,
        user_id: &str,
        roles: Vec<String>,
    ) -> bool {
        let now = self.events.now();
        if self.directory.user(user_id).is_none() {
            return false;
        }
        let Some(organization) = self.directory.organization_mut(organization_id) else {
            return false;
        };
        let mut members = organization.members.iter_mut();
        let existing = members.find(|member| member.user_id == user_id);
        let (event, data) = if let Some(member) = existing {
            member.roles = roles;
            member.status = MembershipStatus::Active;
            member.updated_at = now;
            (MEMBERSHIP_UPDATED, member.to_json(organization_id))
        } else {
            let member = Member::new(user_id.to_owned(), roles, now);
            let data = member.to_json(organization_id);
            organization.members.push(member);
            ("organization_membership.created", data)
        };
        self.events.add(event, &data);
        true
    }

    /// Changes a membership and sends the event, if there is one. Returns false if there is none.
    pub(crate) fn change_membership(
        &mut self,
        organization_id: &str,
        user_id: &str,
        change: impl FnOnce(&mut Member),
    ) -> bool {
        let now = self.events.now();
        let member = self
            .directory
            .organization_mut(organization_id)
            .and_then(|organization| {
                let mut members = organization.members.iter_mut();
                members.find(|member| member.user_id == user_id)
            });
        let Some(member) = member else {
            return false;
        };
        change(member);
        member.updated_at = now;
        let data = member.to_json(organization_id);
        self.events.add(MEMBERSHIP_UPDATED, &data);
        true
    }

    /// Deletes a membership. Returns false if there is none.
    pub(crate) fn delete_membership(&mut self, organization_id: &str, user_id: &str) -> bool {
        let Some(organization) = self.directory.organization_mut(organization_id) else {
            return false;
        };
        let mut members = organization.members.iter();
        let Some(position) = members.position(|member| member.user_id == user_id) else {
            return false;
        };
        let member = organization.members.remove(position);
        let data = member.to_json(organization_id);
        self.events.add("organization_membership.deleted", &data);
        true
    }

    /// Accepts an invitation: the user with the invited email address becomes a member, and the
    /// address counts as verified, because the token was mailed to it. Returns false, and changes
    /// nothing, unless the invitation is for `email` and a user has that address.
    pub(crate) fn accept_invitation(&mut self, token: &str, email: &str) -> bool {
        let mut invitations = self.directory.invitations.iter_mut();
        let invitation = invitations.find(|invitation| {
            invitation.token == token && invitation.email.eq_ignore_ascii_case(email)
        });
        let mut users = self.directory.users.iter_mut();
        let user = users.find(|user| user.email.eq_ignore_ascii_case(email));
        let (Some(invitation), Some(user)) = (invitation, user) else {
            return false;
        };
        let now = self.events.now();
        invitation.accepted = true;
        let data = invitation.accepted_json(&user.id, now);
        self.events.add("invitation.accepted", &data);
        if !user.email_verified {
            user.email_verified = true;
            user.updated_at = now;
            self.events
                .add("user.updated", &user.to_json(&self.base_url));
        }
        let user_id = user.id.clone();
        let (organization_id, role) = (invitation.organization_id.clone(), invitation.role.clone());
        if !self.directory.is_member(&user_id, &organization_id) {
            self.add_member(&organization_id, &user_id, vec![role]);
        }
        true
    }

    /// Sets the permissions of a role, which is created if there is none.
    pub(crate) fn put_role(&mut self, slug: &str, permissions: Vec<String>) {
        let now = self.events.now();
        let mut roles = self.directory.roles.iter_mut();
        let (event, data) = if let Some(role) = roles.find(|role| role.slug == slug) {
            role.permissions = permissions;
            role.updated_at = now;
            ("role.updated", role.to_json())
        } else {
            let role = Role::new(slug, permissions, now);
            let data = role.to_json();
            self.directory.roles.push(role);
            ("role.created", data)
        };
        self.events.add(event, &data);
    }

    /// Changes a feature flag, which is created if there is none. `None` leaves a field unchanged.
    pub(crate) fn put_feature_flag(
        &mut self,
        slug: &str,
        enabled: Option<bool>,
        targets: Option<Vec<String>>,
    ) {
        let now = self.events.now();
        let flags = &mut self.directory.feature_flags;
        let Some(flag) = flags.iter_mut().find(|flag| flag.slug == slug) else {
            let mut flag = FeatureFlag::new(slug, enabled.unwrap_or(true), now);
            flag.targets = targets.unwrap_or_default();
            self.events.add("flag.created", &flag.to_json());
            flags.push(flag);
            return;
        };
        flag.updated_at = now;
        if let Some(enabled) = enabled {
            flag.enabled = enabled;
            self.events.add("flag.updated", &flag.to_json());
        }
        if let Some(targets) = targets {
            flag.targets = targets;
            self.events.add("flag.rule_updated", &flag.to_json());
        }
    }

    /// Changes an organisation. Returns false if there is none. Entitlements are no part of the event's
    /// object, so a change of them alone sends no event, as at WorkOS.
    pub(crate) fn change_organization(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Organization),
    ) -> bool {
        let now = self.events.now();
        let Some(organization) = self.directory.organization_mut(id) else {
            return false;
        };
        let name = organization.name.clone();
        change(organization);
        if organization.name != name {
            organization.updated_at = now;
            self.events
                .add("organization.updated", &organization.to_json());
        }
        true
    }

    /// Adds an `authentication.…` event. `error` is the code and the message of a failure.
    pub(crate) fn add_authentication_event(
        &mut self,
        method: &str,
        user_id: Option<&str>,
        email: Option<&str>,
        error: Option<(&str, &str)>,
    ) {
        let status = if error.is_some() {
            "failed"
        } else {
            "succeeded"
        };
        let mut data = json!({
            "type": method,
            "status": status,
            "ip_address": null,
            "user_agent": null,
            "user_id": user_id,
            "email": email,
        });
        if let Some((code, message)) = error {
            data["error"] = json!({ "code": code, "message": message });
        }
        if method == "sso" {
            data["sso"] = json!({
                "organization_id": null, "connection_id": null, "session_id": null,
            });
        }
        self.events
            .add(&format!("authentication.{method}_{status}"), &data);
    }
}

const MEMBERSHIP_UPDATED: &str = "organization_membership.updated";
