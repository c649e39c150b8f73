//! Looks up and adds users, organisations, roles, feature flags, connections and invitations.

use std::collections::HashSet;

use crate::clock::Millis;
use crate::ids;
use crate::model::{Connection, Invitation, User};
use crate::organization::{FeatureFlag, Member, Organization, Role};
use crate::seed::{Mfa, ONE_TIME_CODE, SeedUser};

/// All users, organisations and their belongings, each in the order of creation.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) users: Vec<User>,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) roles: Vec<Role>,
    pub(crate) feature_flags: Vec<FeatureFlag>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) invitations: Vec<Invitation>,
}

impl Directory {
    /// Adds a user who has only an email address. Returns `None` if another user has that address.
    pub(crate) fn add_user(&mut self, email: &str, now: Millis) -> Option<&mut User> {
        if self.user_by_email(email).is_some() {
            return None;
        }
        // A derived id is the same in the next run. It may be taken: a user who has changed their
        // email address keeps the id that was derived from the old one.
        let derived = ids::derived_id("user", email);
        let is_free = self.user(&derived).is_none();
        let id = if is_free {
            derived
        } else {
            ids::random_id("user")
        };
        let seed = SeedUser {
            id: Some(id),
            email: email.to_owned(),
            ..SeedUser::default()
        };
        self.users.push(User::from_seed(&seed, now));
        self.users.last_mut()
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn user_mut(&mut self, id: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.id == id)
    }

    pub(crate) fn user_by_email(&self, email: &str) -> Option<&User> {
        let email = email.trim().to_lowercase();
        self.users
            .iter()
            .find(|user| user.email.to_lowercase() == email)
    }

    pub(crate) fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations
            .iter()
            .find(|organization| organization.id == id)
    }

    pub(crate) fn organization_mut(&mut self, id: &str) -> Option<&mut Organization> {
        self.organizations
            .iter_mut()
            .find(|organization| organization.id == id)
    }

    pub(crate) fn role(&self, slug: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.slug == slug)
    }

    /// The permissions of all roles of a member, each once.
    pub(crate) fn permissions_of(&self, member: &Member) -> Vec<&str> {
        let roles = member.roles.iter().filter_map(|slug| self.role(slug));
        let mut permissions: Vec<&str> = Vec::new();
        let mut seen = HashSet::new();
        for permission in roles.flat_map(|role| &role.permissions) {
            if seen.insert(permission) {
                permissions.push(permission);
            }
        }
        permissions
    }

    pub(crate) fn organizations_of(&self, user_id: &str) -> Vec<&Organization> {
        self.organizations
            .iter()
            .filter(|organization| organization.member(user_id).is_some())
            .collect()
    }

    pub(crate) fn is_member(&self, user_id: &str, organization_id: &str) -> bool {
        self.organization(organization_id)
            .is_some_and(|organization| organization.member(user_id).is_some())
    }

    /// The invitation with this token, if it has not been accepted yet.
    pub(crate) fn open_invitation(&self, token: &str) -> Option<&Invitation> {
        self.open_invitations()
            .find(|invitation| invitation.token == token)
    }

    pub(crate) fn open_invitations(&self) -> impl Iterator<Item = &Invitation> {
        self.invitations
            .iter()
            .filter(|invitation| !invitation.accepted)
    }

    /// Describes in a few words what happens when this user signs in.
    pub(crate) fn describe_sign_in(&self, user: &User) -> String {
        let mut parts = Vec::new();
        if !user.email_verified {
            parts.push(format!(
                "verifies the email address at the first sign-in (code {ONE_TIME_CODE})"
            ));
        }
        match user.mfa {
            Some(Mfa::Totp) => parts.push(format!("second factor (code {ONE_TIME_CODE})")),
            Some(Mfa::EnrollmentRequired) => parts.push(format!(
                "sets up a second factor at the first sign-in (code {ONE_TIME_CODE})"
            )),
            None => {}
        }
        if let Some(challenge) = &user.challenge {
            parts.push(format!("stops at {challenge} (code {ONE_TIME_CODE})"));
        }
        match self.organizations_of(&user.id)[..] {
            [] => {}
            [organization] => {
                let member = organization.member(&user.id);
                let role = member.map_or("member", Member::first_role);
                parts.push(format!("{role} of {}", organization.name));
                if organization.sso_required {
                    parts.push("must use its single sign-on".to_owned());
                }
            }
            ref several => parts.push(format!("chooses between {} organisations", several.len())),
        }
        if let Some(impersonator) = &user.impersonator {
            parts.push(format!("impersonated by {}", impersonator.email));
        }
        if user.first_name.is_none() && user.last_name.is_none() {
            parts.push("has no name".to_owned());
        }
        if parts.is_empty() {
            parts.push("ordinary account".to_owned());
        }
        parts.join(", ")
    }
}
