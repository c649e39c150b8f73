//! Organisations, their members, roles and feature flags.

use serde_json::{Value, json};

use crate::clock::{Millis, to_iso};
use crate::ids;

/// An organisation and its members.
#[derive(Debug, Clone)]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) entitlements: Vec<String>,
    /// All memberships, also those that are not active.
    pub(crate) members: Vec<Member>,
    pub(crate) sso_required: bool,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
}

impl Organization {
    /// The active member with this user id.
    pub(crate) fn member(&self, user_id: &str) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.user_id == user_id && member.is_active())
    }

    /// The organisation object of WorkOS's API.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "object": "organization",
            "id": self.id,
            "name": self.name,
            "domains": [],
            "metadata": {},
            "external_id": null,
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(self.updated_at),
        })
    }
}

/// A membership of a user in an organisation.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) user_id: String,
    /// The slugs of the roles, of which the first is the claim `role`. There is at least one.
    pub(crate) roles: Vec<String>,
    pub(crate) status: MembershipStatus,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
}

/// The status of a membership. Only an active member can sign in to the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MembershipStatus {
    Active,
    Inactive,
    Pending,
}

impl MembershipStatus {
    /// The status with this name in WorkOS's API.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Inactive, Self::Pending]
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// The name in WorkOS's API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
        }
    }
}

impl Member {
    /// A new active member.
    pub(crate) fn new(user_id: String, roles: Vec<String>, now: Millis) -> Self {
        Self {
            user_id,
            roles,
            status: MembershipStatus::Active,
            created_at: now,
            updated_at: now,
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.status == MembershipStatus::Active
    }

    /// The membership's id.
    pub(crate) fn id(&self, organization_id: &str) -> String {
        ids::derived_id("om", &format!("{organization_id} {}", self.user_id))
    }

    /// The slug of the claim `role`.
    pub(crate) fn first_role(&self) -> &str {
        self.roles.first().map_or("member", String::as_str)
    }

    /// The membership object in events.
    pub(crate) fn to_json(&self, organization_id: &str) -> Value {
        let roles: Vec<Value> = self
            .roles
            .iter()
            .map(|slug| json!({ "slug": slug }))
            .collect();
        json!({
            "object": "organization_membership",
            "id": self.id(organization_id),
            "user_id": self.user_id,
            "organization_id": organization_id,
            "status": self.status.name(),
            "role": { "slug": self.first_role() },
            "roles": roles,
            "custom_attributes": {},
            "directory_managed": false,
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(self.updated_at),
        })
    }
}

/// A role and its permissions. All organisations have the same roles.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) slug: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
}

impl Role {
    pub(crate) fn new(slug: &str, permissions: Vec<String>, now: Millis) -> Self {
        Self {
            slug: slug.to_owned(),
            permissions,
            created_at: now,
            updated_at: now,
        }
    }

    /// The role object in events.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "object": "role",
            "slug": self.slug,
            "resource_type_slug": "organization",
            "permissions": self.permissions,
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(self.updated_at),
        })
    }
}

/// A feature flag.
#[derive(Debug, Clone)]
pub(crate) struct FeatureFlag {
    pub(crate) slug: String,
    /// A disabled flag is in nobody's tokens.
    pub(crate) enabled: bool,
    /// The ids of the users and organisations whose tokens have the flag. An empty list means all.
    pub(crate) targets: Vec<String>,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
}

impl FeatureFlag {
    /// A new flag for everybody.
    pub(crate) fn new(slug: &str, enabled: bool, now: Millis) -> Self {
        Self {
            slug: slug.to_owned(),
            enabled,
            targets: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether the tokens of this user in this organisation have the flag.
    pub(crate) fn applies_to(&self, user_id: &str, organization_id: Option<&str>) -> bool {
        let is_target =
            |target: &String| target == user_id || Some(target.as_str()) == organization_id;
        self.enabled && (self.targets.is_empty() || self.targets.iter().any(is_target))
    }

    /// The feature flag object in events.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "object": "feature_flag",
            "id": ids::derived_id("flag", &self.slug),
            "environment_id": ids::derived_id("environment", "emulator"),
            "slug": self.slug,
            "name": self.slug,
            "description": null,
            "owner": null,
            "tags": [],
            "enabled": self.enabled,
            "default_value": self.targets.is_empty(),
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(self.updated_at),
        })
    }
}
