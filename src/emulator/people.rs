//! Users and organisations, as the emulator keeps and shows them.

use serde_json::{Map, Value, json};

use super::clock::{Millis, iso};
use super::ids;
use super::seed::{Impersonator, Mfa, ONE_TIME_CODE, Seed, SeedMembership, SeedUser};

/// A WorkOS user and what the emulator knows beside.
#[derive(Debug, Clone)]
pub struct User {
    /// `user_01…`.
    pub id: String,
    /// The address as it was given.
    pub email: String,
    /// Whether the address is known to be theirs.
    pub email_verified: bool,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// A picture's URL; a path is on the emulator's own origin.
    pub profile_picture_url: Option<String>,
    /// The application's own id for the person.
    pub external_id: Option<String>,
    /// BCP 47 language tag.
    pub locale: Option<String>,
    /// Free keys and values.
    pub metadata: Map<String, Value>,
    /// The password, in the open: nobody real has one here.
    pub password: Option<String>,
    /// Who is really at the keyboard.
    pub impersonator: Option<Impersonator>,
    /// The second factor that a sign-in asks for.
    pub mfa: Option<Mfa>,
    /// Milliseconds since the Unix epoch, as are the two below.
    pub created_at: i64,
    /// The last change of the fields above.
    pub updated_at: i64,
    /// The last sign-in; a refresh is none.
    pub last_sign_in_at: Option<i64>,
}

impl User {
    pub(super) fn seeded(seed: &SeedUser, now: Millis) -> Self {
        Self {
            id: seed
                .id
                .clone()
                .unwrap_or_else(|| ids::derived("user", &seed.email)),
            email: seed.email.clone(),
            email_verified: seed.email_verified,
            first_name: seed.first_name.clone(),
            last_name: seed.last_name.clone(),
            profile_picture_url: seed.profile_picture_url.clone(),
            external_id: seed.external_id.clone(),
            locale: seed.locale.clone(),
            metadata: seed.metadata.clone(),
            password: seed.password.clone(),
            impersonator: seed.impersonator.clone(),
            mfa: seed.mfa,
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        }
    }

    /// First and last name, or the e-mail of somebody who gave none.
    #[must_use]
    pub fn name(&self) -> String {
        let names: Vec<&str> = [&self.first_name, &self.last_name]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if names.is_empty() {
            self.email.clone()
        } else {
            names.join(" ")
        }
    }

    /// The user object of WorkOS's API.
    pub(super) fn to_json(&self, base_url: &str) -> Value {
        json!({
            "object": "user",
            "id": self.id,
            "email": self.email,
            "email_verified": self.email_verified,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "profile_picture_url": self.picture(base_url),
            "external_id": self.external_id,
            "locale": self.locale,
            "metadata": self.metadata,
            "last_sign_in_at": self.last_sign_in_at.map(iso),
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        })
    }

    fn picture(&self, base_url: &str) -> Option<String> {
        let url = self.profile_picture_url.as_ref()?;
        Some(if url.starts_with('/') {
            format!("{base_url}{url}")
        } else {
            url.clone()
        })
    }

    /// The id of the user's authenticator.
    pub(super) fn factor_id(&self) -> String {
        ids::derived("auth_factor", &self.id)
    }
}

/// An organisation and its members.
#[derive(Debug, Clone)]
pub(super) struct Organization {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) entitlements: Vec<String>,
    pub(super) members: Vec<Member>,
}

/// An active member of an organisation.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) user_id: String,
    pub(super) role: String,
    pub(super) permissions: Vec<String>,
}

impl Organization {
    pub(super) fn member(&self, user_id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.user_id == user_id)
    }
}

/// A single sign-on connection of an organisation.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) organization_id: String,
}

/// Everybody and everything that can be looked up by id.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) users: Vec<User>,
    pub(super) organizations: Vec<Organization>,
    pub(super) connections: Vec<Connection>,
}

impl Directory {
    /// Builds the directory, or says in a sentence what in the seed contradicts itself.
    pub(super) fn new(seed: &Seed, now: Millis) -> Result<Self, String> {
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
        let role = membership
            .role
            .clone()
            .unwrap_or_else(|| "member".to_owned());
        let known = seed.roles.iter().find(|known| known.slug == role);
        if known.is_none() && !seed.roles.is_empty() {
            return Err(format!("{place}.role {role:?} is not in roles"));
        }
        let permissions = known
            .map(|known| known.permissions.clone())
            .unwrap_or_default();
        Ok(Some(Member {
            user_id: user.id.clone(),
            role,
            permissions,
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
                    .unwrap_or_else(|| ids::derived("conn", &connection.name)),
                name: connection.name.clone(),
                organization_id: organization.id.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(super) fn user_mut(&mut self, id: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.id == id)
    }

    pub(super) fn by_email(&self, email: &str) -> Option<&User> {
        let email = email.trim().to_lowercase();
        self.users
            .iter()
            .find(|user| user.email.to_lowercase() == email)
    }

    pub(super) fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations
            .iter()
            .find(|organization| organization.id == id)
    }

    pub(super) fn organizations_of(&self, user_id: &str) -> Vec<&Organization> {
        self.organizations
            .iter()
            .filter(|one| one.member(user_id).is_some())
            .collect()
    }

    /// What is special about signing in as this user, in a few words.
    pub(super) fn shows(&self, user: &User) -> String {
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
            }
            ref several => parts.push(format!("chooses between {} organisations", several.len())),
        }
        if let Some(impersonator) = &user.impersonator {
            parts.push(format!("impersonated by {}", impersonator.email));
        }
        if parts.is_empty() {
            parts.push("an ordinary account".to_owned());
        }
        parts.join(", ")
    }
}
