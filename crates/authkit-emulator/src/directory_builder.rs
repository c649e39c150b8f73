//! Builds the directory from a seed.

use crate::clock::Millis;
use crate::directory::Directory;
use crate::ids;
use crate::model::{Connection, Invitation, User};
use crate::organization::{FeatureFlag, Member, MembershipStatus, Organization, Role};
use crate::seed::{Seed, SeedMembership};

impl Directory {
    /// Builds the directory.
    ///
    /// # Errors
    /// A sentence that says what in the seed is wrong, and where.
    pub(crate) fn from_seed(seed: &Seed, now: Millis) -> Result<Self, String> {
        let mut directory = Self::default();
        directory.add_users(seed, now)?;
        directory.add_roles(seed, now)?;
        directory.add_organizations(seed, now)?;
        directory.add_connections(seed)?;
        directory.add_invitations(seed)?;
        directory.add_feature_flags(seed, now)?;
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

    fn add_roles(&mut self, seed: &Seed, now: Millis) -> Result<(), String> {
        for (index, role) in seed.roles.iter().enumerate() {
            if self.role(&role.slug).is_some() {
                return Err(format!("roles[{index}].slug occurs twice: {:?}", role.slug));
            }
            let permissions = role.permissions.clone();
            self.roles.push(Role::new(&role.slug, permissions, now));
        }
        Ok(())
    }

    fn add_organizations(&mut self, seed: &Seed, now: Millis) -> Result<(), String> {
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
                members.push(self.seed_member(membership, &place, now)?);
            }
            self.organizations.push(Organization {
                id,
                name: organization.name.clone(),
                entitlements: organization.entitlements.clone(),
                members,
                sso_required: organization.sso_required,
                created_at: now,
                updated_at: now,
            });
        }
        Ok(())
    }

    /// The member that a membership of the seed describes.
    fn seed_member(
        &self,
        membership: &SeedMembership,
        place: &str,
        now: Millis,
    ) -> Result<Member, String> {
        let user = match (&membership.user_id, &membership.email) {
            (Some(id), None) => self.user(id),
            (None, Some(email)) => self.user_by_email(email),
            _ => return Err(format!("{place} needs either user_id or email")),
        };
        let user = user.ok_or_else(|| format!("{place} names a user that is not in users"))?;
        let status = membership.status.as_deref().unwrap_or("active");
        let status = MembershipStatus::parse(status).ok_or_else(|| {
            format!("{place}.status is {status:?}; it must be active, inactive or pending")
        })?;
        let roles = match (&membership.role, &membership.roles[..]) {
            (role, []) => vec![self.seed_role(role.as_deref(), &format!("{place}.role"))?],
            (None, slugs) => slugs
                .iter()
                .map(|slug| self.seed_role(Some(slug), &format!("{place}.roles")))
                .collect::<Result<_, _>>()?,
            (Some(_), _) => return Err(format!("{place} has both role and roles")),
        };
        let mut member = Member::new(user.id.clone(), roles, now);
        member.status = status;
        Ok(member)
    }

    /// The slug of a role, or `member` if there is none. A seed without roles allows any slug.
    fn seed_role(&self, slug: Option<&str>, place: &str) -> Result<String, String> {
        let slug = slug.unwrap_or("member");
        if self.role(slug).is_none() && !self.roles.is_empty() {
            return Err(format!("{place} {slug:?} is not in roles"));
        }
        Ok(slug.to_owned())
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
            let role = self.seed_role(slug, &format!("{place}.role_slug"))?;
            self.invitations.push(Invitation {
                id: ids::derived_id("invitation", &invitation.email),
                token: token.unwrap_or_else(|| ids::derived_id("invitation", &invitation.email)),
                email: invitation.email.clone(),
                organization_id: organization.id.clone(),
                role,
                accepted: false,
            });
        }
        Ok(())
    }

    fn add_feature_flags(&mut self, seed: &Seed, now: Millis) -> Result<(), String> {
        for (index, flag) in seed.feature_flags.iter().enumerate() {
            let place = format!("featureFlags[{index}]");
            if self
                .feature_flags
                .iter()
                .any(|known| known.slug == flag.slug)
            {
                return Err(format!("{place}.slug occurs twice: {:?}", flag.slug));
            }
            let targets = flag.targets.iter().map(|target| {
                self.target_id(target).ok_or_else(|| {
                    format!("{place}.targets {target:?} is neither in users nor in organizations")
                })
            });
            let targets = targets.collect::<Result<_, _>>()?;
            let mut flag = FeatureFlag::new(&flag.slug, flag.enabled, now);
            flag.targets = targets;
            self.feature_flags.push(flag);
        }
        Ok(())
    }

    /// The id of the user or organisation with this id, email address or name.
    fn target_id(&self, target: &str) -> Option<String> {
        let user = self.user(target).or_else(|| self.user_by_email(target));
        let organization = || {
            let mut organizations = self.organizations.iter();
            let organization = organizations.find(|one| one.id == target || one.name == target);
            organization.map(|organization| organization.id.clone())
        };
        user.map(|user| user.id.clone()).or_else(organization)
    }
}
