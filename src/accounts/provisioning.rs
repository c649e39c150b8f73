//! Finds, links or creates the account of a WorkOS user at a sign-in. WorkOS is the source of truth
//! for the profile. An email that WorkOS has not verified never gives access to an existing
//! account.

mod profile_update;

use diesel::prelude::*;

use super::deleted_workos_users::is_deleted_workos_user;
use super::email::email_problem;
use super::email_key::email_key;
use super::email_ownership::EmailWrite;
use super::passwords::unusable_password;
use super::user::{NewUser, User};
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::schema::users;
use crate::db::{Conn, DbError, on_unique_violation};
use crate::ids::UserId;
use crate::workos::ClientDevice;

/// How often provisioning is tried. A try fails only if another sign-in wrote first. Each of those
/// completes, so that more failures than this mean that something else is wrong.
const ATTEMPTS: usize = 4;

/// A user's profile at WorkOS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkosProfile {
    /// `user_…`.
    pub workos_user_id: String,
    /// The email as the user wrote it.
    pub email: String,
    /// Whether WorkOS has verified the email.
    pub email_verified: bool,
    /// `None` if WorkOS does not know it.
    pub first_name: Option<String>,
    /// `None` if WorkOS does not know it.
    pub last_name: Option<String>,
    /// `None` if there is no picture.
    pub picture_url: Option<String>,
    /// When the profile last changed at WorkOS.
    pub updated_at: Timestamp,
}

/// Why a user whom WorkOS has authenticated cannot sign in here.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The account is deactivated.
    #[error("the account {user_id} is inactive")]
    Inactive {
        /// The account.
        user_id: UserId,
    },
    /// An account with this email exists, and WorkOS has not verified the address.
    #[error(
        "the email of WorkOS user {workos_user_id} is that of account {user_id}, and WorkOS has not verified it"
    )]
    EmailNotVerified {
        /// The WorkOS user.
        workos_user_id: String,
        /// The account.
        user_id: UserId,
    },
    /// The account with this email is linked to another WorkOS user.
    #[error(
        "the email of WorkOS user {workos_user_id} is that of account {user_id}, which is linked to {linked}"
    )]
    Conflict {
        /// The WorkOS user.
        workos_user_id: String,
        /// The account.
        user_id: UserId,
        /// The other WorkOS user.
        linked: String,
    },
    /// WorkOS has announced that the user was deleted. A delayed answer or event may still carry a
    /// profile.
    #[error("WorkOS has deleted the user {workos_user_id}")]
    Deleted {
        /// The WorkOS user.
        workos_user_id: String,
    },
    /// The profile has no valid email or no valid id.
    #[error("the WorkOS user {workos_user_id} has no usable email")]
    UnusableProfile {
        /// The WorkOS user.
        workos_user_id: String,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for ProvisionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Finds, links or creates the account of this user. To be called in a transaction. Concurrent
/// calls are safe: every write is conditional, and is tried again after a conflict.
pub fn provision(
    conn: &mut Conn,
    profile: &WorkosProfile,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<User, ProvisionError> {
    let profile = profile.cleaned()?;
    for _ in 0..ATTEMPTS {
        if let Some(user) = User::by_workos_user_id(conn, &profile.workos_user_id)? {
            match profile.apply_changes(conn, active(user)?, device, now)? {
                Some((user, _)) => return Ok(user),
                None => continue,
            }
        }
        if is_deleted_workos_user(conn, &profile.workos_user_id)? {
            let workos_user_id = profile.workos_user_id;
            return Err(ProvisionError::Deleted { workos_user_id });
        }
        let done = match profile.account_with_email(conn)? {
            Some(user) => profile.link(conn, user, device, now)?,
            None => profile.insert(conn, device, now)?,
        };
        if let Some(user) = done {
            return Ok(user);
        }
    }
    Err(conflicts())
}

/// Updates a linked account from a newer profile. An unusable profile changes nothing. Returns `None`
/// if the profile's email was not verified before: then every session of the account has ended.
pub fn update_from_workos(
    conn: &mut Conn,
    user: User,
    profile: &WorkosProfile,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    let applied = profile
        .cleaned()
        .and_then(|profile| profile.update_linked(conn, &user, device, now));
    match applied {
        Ok((_, EmailWrite::WrittenAndRevoked)) => Ok(None),
        Ok((user, _)) => Ok(Some(user)),
        Err(ProvisionError::Database(error)) => Err(error),
        Err(error) => {
            log::warn!("did not update account {} from WorkOS: {error}", user.id);
            Ok(Some(user))
        }
    }
}

fn conflicts() -> ProvisionError {
    DbError::Unavailable("another sign-in kept changing the same account".to_owned()).into()
}

fn active(user: User) -> Result<User, ProvisionError> {
    if user.is_active {
        Ok(user)
    } else {
        Err(ProvisionError::Inactive { user_id: user.id })
    }
}

impl WorkosProfile {
    /// The profile without NUL characters, which PostgreSQL refuses.
    fn cleaned(&self) -> Result<Self, ProvisionError> {
        let email = self.email.trim();
        let usable = !self.workos_user_id.is_empty()
            && !self.workos_user_id.contains(char::is_control)
            && email_problem(email).is_none();
        if !usable {
            let workos_user_id = self.workos_user_id.clone();
            return Err(ProvisionError::UnusableProfile { workos_user_id });
        }
        let clean = |text: &Option<String>| text.as_ref().map(|text| text.replace('\0', ""));
        Ok(Self {
            email: email.to_owned(),
            first_name: clean(&self.first_name),
            last_name: clean(&self.last_name),
            picture_url: clean(&self.picture_url),
            ..self.clone()
        })
    }

    /// The account with this profile's email. An address that an account has verified as a further one
    /// gives nobody a new account without a proof.
    fn account_with_email(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        if self.email_verified {
            let proved = User::by_proved_email(conn, &self.email)?;
            return Ok(proved.map(|(user, _)| user));
        }
        match User::by_email(conn, &self.email)? {
            Some(user) => Ok(Some(user)),
            None => User::by_further_address(conn, &self.email),
        }
    }

    /// Rule 2: an account has this email, perhaps as a further address. Links it. `None`: it changed meanwhile;
    /// try again.
    fn link(
        &self,
        conn: &mut Conn,
        user: User,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<Option<User>, ProvisionError> {
        let workos_user_id = self.workos_user_id.clone();
        if user.workos_user_id.as_ref() == Some(&workos_user_id) {
            // Another sign-in of this user created or linked the account after rule 1 was checked.
            return Ok(None);
        }
        if !self.email_verified {
            return Err(ProvisionError::EmailNotVerified {
                workos_user_id,
                user_id: user.id,
            });
        }
        if let Some(linked) = user.workos_user_id {
            return Err(ProvisionError::Conflict {
                workos_user_id,
                user_id: user.id,
                linked,
            });
        }
        let user = active(user)?;
        let as_read = users::table
            .find(user.id)
            .filter(users::workos_user_id.is_null())
            .filter(users::email_key.eq(&user.email_key));
        let linked = on_unique_violation(conn, |conn| {
            diesel::update(as_read)
                .set((
                    users::workos_user_id.eq(&workos_user_id),
                    users::workos_updated_at.eq(None::<Timestamp>),
                ))
                .execute(conn)
        })?;
        if linked != Some(1) {
            return Ok(None);
        }
        let connected = AuditEvent::ProviderConnected {
            user_id: user.id,
            provider: "workos".to_owned(),
            subject: workos_user_id,
        };
        connected.record(conn, device, now)?;
        match User::by_id(conn, user.id)? {
            Some(user) => {
                let applied = self.apply_changes(conn, user, device, now)?;
                Ok(applied.map(|(user, _)| user))
            }
            None => Ok(None),
        }
    }

    /// Rule 3: no account has this email that may be linked by it. Creates one. `None`: another sign-in took the
    /// email; try again.
    fn insert(
        &self,
        conn: &mut Conn,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<Option<User>, ProvisionError> {
        let new = NewUser {
            email: self.email.clone(),
            email_key: email_key(&self.email),
            email_verified: self.email_verified,
            first_name: self.first_name.clone().unwrap_or_default(),
            last_name: self.last_name.clone().unwrap_or_default(),
            password: unusable_password().map_err(DbError::from)?,
            workos_user_id: Some(self.workos_user_id.clone()),
            workos_updated_at: Some(self.updated_at),
            picture_url: self.picture_url.clone(),
            date_joined: now,
            username: None,
        };
        let inserted = on_unique_violation(conn, |conn| new.insert(conn))?;
        if let Some(user) = &inserted {
            AuditEvent::AccountCreated { user_id: user.id }.record(conn, device, now)?;
        }
        Ok(inserted)
    }
}

#[cfg(test)]
mod tests;
