//! Who and what the emulator knows, built from a seed and looked up by id.

use crate::clock::Millis;
use crate::ids;
use crate::invitations::Invitation;
use crate::model::{Connection, Member, Organization, User};
use crate::seed::{Mfa, ONE_TIME_CODE, Seed, SeedMembership, SeedUser};

/// Everybody and everything that can be looked up by id.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) users: Vec<User>,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) invitations: Vec<Invitation>,
}

impl Directory {
    /// Builds the directory, or says in a sentence what in the seed contradicts itself.
    pub(crate) fn new(seed: &Seed, now: Millis) -> Result<Self, String> {
        let mut directory = Self::default();
        for (index, user) in seed.users.iter().enumerate() {
            if !user.email.contains('@') {
                return Err(format!(
                    "users[{index}].email is {:?}, no e-mail address",
                    user.email
                ));
            }
            if directory.by_email(&user.email).is_some() {
                return Err(format!(
                    "users[{index}].email {:?} is there twice",
                    user.email
                ));
            }
            let user = User::seeded(user, now);
            if directory.user(&user.id).is_some() {
                return Err(format!("users[{index}].id {:?} is there twice", user.id));
            }
            directory.users.push(user);
        }
        directory.add_organizations(seed)?;
        directory.add_connections(seed)?;
        directory.add_invitations(seed)?;
        Ok(directory)
    }

    fn add_organizations(&mut self, seed: &Seed) -> Result<(), String> {
        for (index, organization) in seed.organizations.iter().enumerate() {
            let place = format!("organizations[{index}]");
            if organization.name.trim().is_empty() {
                return Err(format!("{place}.name is missing"));
            }
            let id = organization
                .id
                .clone()
                .unwrap_or_else(|| ids::derived("org", &organization.name));
            if self.organization(&id).is_some() {
                return Err(format!("{place} has the id {id:?} of an earlier one"));
            }
            let mut members = Vec::new();
            for (index, membership) in organization.memberships.iter().enumerate() {
                let place = format!("{place}.memberships[{index}]");
                members.extend(self.seeded_member(seed, membership, &place)?);
            }
            self.organizations.push(Organization {
                id,
                name: organization.name.clone(),
                entitlements: organization.entitlements.clone(),
                members,
                sso_required: organization.sso_required,
            });
        }
        Ok(())
    }

    fn seeded_member(
        &self,
        seed: &Seed,
        membership: &SeedMembership,
        place: &str,
    ) -> Result<Option<Member>, String> {
        let user = match (&membership.user_id, &membership.email) {
            (Some(id), None) => self.user(id),
            (None, Some(email)) => self.by_email(email),
            _ => return Err(format!("{place} wants either user_id or email")),
        };
        let user = user.ok_or_else(|| format!("{place} names a user that is not in users"))?;
        match membership.status.as_deref() {
            None | Some("active") => {}
            Some("inactive" | "pending") => return Ok(None),
            Some(other) => {
                return Err(format!(
                    "{place}.status is {other:?}, not active, inactive or pending"
                ));
            }
        }
        let role = membership.role.as_deref();
        let (role, permissions) = Self::role(seed, role, &format!("{place}.role"))?;
        Ok(Some(Member {
            user_id: user.id.clone(),
            role,
            permissions,
        }))
    }

    /// A role's slug and what it permits; `member` where none is named.
    pub(crate) fn role(
        seed: &Seed,
        slug: Option<&str>,
        place: &str,
    ) -> Result<(String, Vec<String>), String> {
        let role = slug.unwrap_or("member").to_owned();
        let known = seed.roles.iter().find(|known| known.slug == role);
        if known.is_none() && !seed.roles.is_empty() {
            return Err(format!("{place} {role:?} is not in roles"));
        }
        let permissions = known
            .map(|known| known.permissions.clone())
            .unwrap_or_default();
        Ok((role, permissions))
    }

    fn add_connections(&mut self, seed: &Seed) -> Result<(), String> {
        for (index, connection) in seed.connections.iter().enumerate() {
            let organization = self
                .organizations
                .iter()
                .find(|organization| organization.name == connection.organization)
                .ok_or_else(|| {
                    let name = &connection.organization;
                    format!("connections[{index}].organization {name:?} is not in organizations")
                })?;
            self.connections.push(Connection {
                id: connection
                    .id
                    .clone()
                    .unwrap_or_else(|| ids::derived("conn", &connection.name)),
                name: connection.name.clone(),
                organization_id: organization.id.clone(),
            });
        }
        Ok(())
    }

    /// Adds a user with nothing but an address; none where somebody has it already.
    pub(crate) fn add(&mut self, email: &str, now: Millis) -> Option<&mut User> {
        if self.by_email(email).is_some() {
            return None;
        }
        // Derived, so that the same person has the same id in the next run; whoever changed their
        // address keeps the id that was derived from the old one.
        let derived = ids::derived("user", email);
        let free = self.user(&derived).is_none();
        let id = Some(if free { derived } else { ids::fresh("user") });
        let seed = SeedUser {
            id,
            email: email.to_owned(),
            ..SeedUser::default()
        };
        self.users.push(User::seeded(&seed, now));
        self.users.last_mut()
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn user_mut(&mut self, id: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.id == id)
    }

    pub(crate) fn by_email(&self, email: &str) -> Option<&User> {
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

    pub(crate) fn organizations_of(&self, user_id: &str) -> Vec<&Organization> {
        self.organizations
            .iter()
            .filter(|one| one.member(user_id).is_some())
            .collect()
    }

    /// What is special about signing in as this user, in a few words.
    pub(crate) fn describe(&self, user: &User) -> String {
        let mut parts = Vec::new();
        if !user.email_verified {
            parts.push(format!("e-mail not verified (code {ONE_TIME_CODE})"));
        }
        match user.mfa {
            Some(Mfa::Totp) => parts.push(format!("second factor (code {ONE_TIME_CODE})")),
            Some(Mfa::EnrollmentRequired) => parts.push("must enrol a second factor".to_owned()),
            None => {}
        }
        match self.organizations_of(&user.id)[..] {
            [] => {}
            [one] => {
                let role = one.member(&user.id).map_or("member", |member| &member.role);
                parts.push(format!("{role} of {}", one.name));
                if one.sso_required {
                    parts.push("sent to its single sign-on".to_owned());
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
            parts.push("an ordinary account".to_owned());
        }
        parts.join(", ")
    }
}
