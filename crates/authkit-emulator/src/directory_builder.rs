//! Builds the directory from a seed.

use crate::clock::Millis;
use crate::directory::Directory;
use crate::ids;
use crate::model::{Connection, Invitation, Member, Organization, Role, User};
use crate::seed::{Seed, SeedMembership};

impl Directory {
    /// Builds the directory.
    ///
    /// # Errors
    /// A sentence that says what in the seed is wrong, and where.
    pub(crate) fn from_seed(seed: &Seed, now: Millis) -> Result<Self, String> {
        let mut directory = Self::default();
        directory.add_users(seed, now)?;
        directory.add_organizations(seed)?;
        directory.add_connections(seed)?;
        directory.add_invitations(seed)?;
        Ok(directory)
    }

    fn add_users(&mut self, seed: &Seed, now: Millis) -> Result<(), String> {
        for (index, user) in seed.users.iter().enumerate() {
            let email = &user.email;
            if !email.contains('@') {
                return Err(format!(
                    "users[{index}].email is not an email address: {email:?}"
                ));
            }
            if self.user_by_email(email).is_some() {
                return Err(format!("users[{index}].email occurs twice: {email:?}"));
            }
            let user = User::from_seed(user, now);
            if self.user(&user.id).is_some() {
                return Err(format!("users[{index}].id occurs twice: {:?}", user.id));
            }
            self.users.push(user);
        }
        Ok(())
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
                .unwrap_or_else(|| ids::derived_id("org", &organization.name));
            if self.organization(&id).is_some() {
                return Err(format!("{place} has the id of an earlier one: {id:?}"));
            }
            let mut members = Vec::new();
            for (index, membership) in organization.memberships.iter().enumerate() {
                let place = format!("{place}.memberships[{index}]");
                members.extend(self.active_member(seed, membership, &place)?);
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

    /// The member that a membership of the seed describes, or `None` if it is not active.
    fn active_member(
        &self,
        seed: &Seed,
        membership: &SeedMembership,
        place: &str,
    ) -> Result<Option<Member>, String> {
        let user = match (&membership.user_id, &membership.email) {
            (Some(id), None) => self.user(id),
            (None, Some(email)) => self.user_by_email(email),
            _ => return Err(format!("{place} needs either user_id or email")),
        };
        let user = user.ok_or_else(|| format!("{place} names a user that is not in users"))?;
        match membership.status.as_deref() {
            None | Some("active") => {}
            Some("inactive" | "pending") => return Ok(None),
            Some(other) => {
                return Err(format!(
                    "{place}.status is {other:?}; it must be active, inactive or pending"
                ));
            }
        }
        let slug = membership.role.as_deref();
        Ok(Some(Member {
            user_id: user.id.clone(),
            role: role(seed, slug, &format!("{place}.role"))?,
        }))
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
                    .unwrap_or_else(|| ids::derived_id("conn", &connection.name)),
                name: connection.name.clone(),
                organization_id: organization.id.clone(),
            });
        }
        Ok(())
    }

    fn add_invitations(&mut self, seed: &Seed) -> Result<(), String> {
        for (index, invitation) in seed.invitations.iter().enumerate() {
            let place = format!("invitations[{index}]");
            let organization = self.organizations.iter().find(|organization| {
                match (&invitation.organization_id, &invitation.organization) {
                    (Some(id), None) => organization.id == *id,
                    (None, Some(name)) => organization.name == *name,
                    _ => false,
                }
            });
            let organization = organization.ok_or_else(|| {
                format!(
                    "{place} needs the organization_id or the organization of one in organizations"
                )
            })?;
            let slug = invitation.role_slug.as_deref();
            let token = invitation.token.clone();
            self.invitations.push(Invitation {
                token: token.unwrap_or_else(|| ids::derived_id("invitation", &invitation.email)),
                email: invitation.email.clone(),
                organization_id: organization.id.clone(),
                role: role(seed, slug, &format!("{place}.role_slug"))?,
                accepted: false,
            });
        }
        Ok(())
    }
}

/// The role with this slug, or `member` if there is no slug. A seed without roles allows any slug.
fn role(seed: &Seed, slug: Option<&str>, place: &str) -> Result<Role, String> {
    let slug = slug.unwrap_or("member").to_owned();
    let known = seed.roles.iter().find(|role| role.slug == slug);
    if known.is_none() && !seed.roles.is_empty() {
        return Err(format!("{place} {slug:?} is not in roles"));
    }
    let permissions = known
        .map(|role| role.permissions.clone())
        .unwrap_or_default();
    Ok(Role { slug, permissions })
}
