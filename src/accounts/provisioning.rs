//! Finds, links or creates the account of a WorkOS user at a sign-in. WorkOS is the source of truth
//! for the profile. An email that WorkOS has not verified never gives access to an existing
//! account.

use diesel::prelude::*;

use super::deleted_workos_users::is_deleted_workos_user;
use super::email::{email_key, email_problem};
use super::lifecycle::set_password;
use super::passwords::unusable_password;
use super::user::{NewUser, User};
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError, on_unique_violation};
use crate::ids::UserId;

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
    now: Timestamp,
) -> Result<User, ProvisionError> {
    let profile = profile.cleaned()?;
    for _ in 0..ATTEMPTS {
        if let Some(user) = User::by_workos_user_id(conn, &profile.workos_user_id)? {
            return active(user).and_then(|user| profile.apply_changes(conn, user));
        }
        if is_deleted_workos_user(conn, &profile.workos_user_id)? {
            let workos_user_id = profile.workos_user_id;
            return Err(ProvisionError::Deleted { workos_user_id });
        }
        let done = match User::by_email(conn, &profile.email)? {
            Some(user) => profile.link(conn, user, now)?,
            None => profile.insert(conn, now)?,
        };
        if let Some(user) = done {
            return Ok(user);
        }
    }
    Err(DbError::Unavailable("another sign-in kept changing the same account".to_owned()).into())
}

/// Updates a linked account from a newer profile. An unusable profile changes nothing.
pub fn update_from_workos(
    conn: &mut Conn,
    user: User,
    profile: &WorkosProfile,
) -> Result<User, DbError> {
    let updated = profile
        .cleaned()
        .and_then(|profile| profile.apply_changes(conn, user.clone()));
    match updated {
        Ok(user) => Ok(user),
        Err(ProvisionError::Database(error)) => Err(error),
        Err(error) => {
            log::warn!("did not update account {} from WorkOS: {error}", user.id);
            Ok(user)
        }
    }
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

    /// Rule 1: an account is linked to the user. Writes the profile if it is newer than the stored
    /// one.
    fn apply_changes(&self, conn: &mut Conn, user: User) -> Result<User, ProvisionError> {
        if user
            .workos_updated_at
            .is_some_and(|known| known >= self.updated_at)
        {
            return Ok(user);
        }
        let row = users::table.find(user.id);
        // The statement checks again, since another sign-in may have written a newer profile.
        let older = users::workos_updated_at
            .is_null()
            .or(users::workos_updated_at.lt(self.updated_at));
        let updated = diesel::update(row)
            .filter(older)
            .set((
                users::first_name.eq(self.first_name.as_ref().unwrap_or(&user.first_name)),
                users::last_name.eq(self.last_name.as_ref().unwrap_or(&user.last_name)),
                users::picture_url.eq(&self.picture_url),
                users::workos_updated_at.eq(self.updated_at),
            ))
            .execute(conn)?;
        if updated == 0 {
            return Ok(row.select(User::as_select()).first(conn)?);
        }
        let changed = on_unique_violation(conn, |conn| {
            diesel::update(row)
                .set((
                    users::email.eq(&self.email),
                    users::email_key.eq(email_key(&self.email)),
                    users::email_verified.eq(self.email_verified),
                ))
                .execute(conn)
        })?;
        if changed.is_none() {
            log::warn!(
                "the new email of WorkOS user {} belongs to another account; account {} keeps its old email",
                self.workos_user_id,
                user.id
            );
        }
        Ok(row.select(User::as_select()).first(conn)?)
    }

    /// Rule 2: an account has this email. Links it. `None`: it changed meanwhile; try again.
    fn link(
        &self,
        conn: &mut Conn,
        user: User,
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
        let free = users::table
            .find(user.id)
            .filter(users::workos_user_id.is_null());
        let linked = on_unique_violation(conn, |conn| {
            diesel::update(free)
                .set((
                    users::workos_user_id.eq(&workos_user_id),
                    users::email_verified.eq(true),
                ))
                .execute(conn)
        })?;
        if linked != Some(1) {
            return Ok(None);
        }
        if !user.email_verified {
            revoke_credentials(conn, &user, now)?;
        }
        let user = users::table
            .find(user.id)
            .select(User::as_select())
            .first(conn)?;
        self.apply_changes(conn, user).map(Some)
    }

    /// Rule 3: no account has this email. Creates one. `None`: another sign-in took the email;
    /// try again.
    fn insert(&self, conn: &mut Conn, now: Timestamp) -> Result<Option<User>, ProvisionError> {
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
        };
        Ok(on_unique_violation(conn, |conn| new.insert(conn))?)
    }
}

/// Removes the account's password, its links to other providers, and its sessions and tokens.
/// Called when the owner of a never verified email has proved it: the account may have been
/// registered by another person.
pub(super) fn revoke_credentials(
    conn: &mut Conn,
    user: &User,
    now: Timestamp,
) -> Result<(), DbError> {
    let unusable = unusable_password()?;
    set_password(conn, user.id, &unusable, now, None)?;
    let links = identities::table.filter(identities::user_id.eq(user.id));
    diesel::delete(links).execute(conn)?;
    log::warn!(
        "removed the password, sessions and tokens of account {}: its email was never verified until its owner was linked",
        user.id
    );
    Ok(())
}

#[cfg(test)]
mod tests;
