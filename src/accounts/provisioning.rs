//! Who becomes which row: WorkOS is the source of truth, and an e-mail alone takes over no account.

use diesel::prelude::*;

use super::deleted_workos_users::is_deleted_workos_user;
use super::email::{email_key, email_problem};
use super::lifecycle::set_password;
use super::passwords::unusable_password;
use super::user::{NewUser, User};
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError, on_unique_violation};

/// A round is lost only when another sign-in wrote first; each such writer finishes its own, so
/// more rounds than this mean that something else is wrong.
const ROUNDS: usize = 4;

/// What WorkOS says of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkosProfile {
    /// `user_…`.
    pub workos_user_id: String,
    /// As the person writes it.
    pub email: String,
    /// Whether WorkOS has seen that the address is theirs.
    pub email_verified: bool,
    /// `None`: WorkOS does not know.
    pub first_name: Option<String>,
    /// `None`: WorkOS does not know.
    pub last_name: Option<String>,
    /// `None`: there is none.
    pub picture_url: Option<String>,
    /// When WorkOS last changed any of it.
    pub updated_at: Timestamp,
}

/// Why a person whom WorkOS signed in is not signed in here.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The account is closed.
    #[error("the account {user_id} is inactive")]
    Inactive {
        /// The row.
        user_id: i64,
    },
    /// An account with this e-mail exists, and WorkOS has not verified the address.
    #[error("the e-mail of {workos_user_id} meets the account {user_id}, and is not verified")]
    EmailNotVerified {
        /// The user at WorkOS.
        workos_user_id: String,
        /// The row.
        user_id: i64,
    },
    /// The account with this e-mail belongs to another user of WorkOS's.
    #[error("the e-mail of {workos_user_id} meets the account {user_id}, linked to {linked}")]
    Conflict {
        /// The user at WorkOS.
        workos_user_id: String,
        /// The row.
        user_id: i64,
        /// The other user at WorkOS.
        linked: String,
    },
    /// WorkOS has told that this user was deleted; a late answer or event says otherwise.
    #[error("WorkOS has deleted its user {workos_user_id}")]
    Deleted {
        /// The user at WorkOS.
        workos_user_id: String,
    },
    /// The profile holds what a user table cannot: no e-mail, or one that is none.
    #[error("WorkOS's user {workos_user_id} has no usable e-mail")]
    UnusableProfile {
        /// The user at WorkOS.
        workos_user_id: String,
    },
    /// The database's failure.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for ProvisionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Finds, links or makes the row of this person. To be called inside a transaction; safe against
/// another doing the same at once, since every write is conditional and a lost one looks again.
pub fn provision(
    conn: &mut Conn,
    profile: &WorkosProfile,
    now: Timestamp,
) -> Result<User, ProvisionError> {
    let profile = profile.cleaned()?;
    for _ in 0..ROUNDS {
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

/// Brings over what changed at WorkOS since, to the account of whom it has just vouched for again. A
/// profile that no account could be made of changes nothing.
pub fn update_from_workos(
    conn: &mut Conn,
    user: User,
    profile: &WorkosProfile,
) -> Result<User, DbError> {
    let brought = profile
        .cleaned()
        .and_then(|profile| profile.apply_changes(conn, user.clone()));
    match brought {
        Ok(user) => Ok(user),
        Err(ProvisionError::Database(error)) => Err(error),
        Err(error) => {
            log::warn!("account {} stays as it is: {error}", user.id);
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
    /// The profile without what no text column takes (PostgreSQL refuses NUL).
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

    /// Rule 1: brings over what changed at WorkOS since.
    fn apply_changes(&self, conn: &mut Conn, user: User) -> Result<User, ProvisionError> {
        if user
            .workos_updated_at
            .is_some_and(|known| known >= self.updated_at)
        {
            return Ok(user);
        }
        let row = users::table.find(user.id);
        // Asked again in the statement itself: another sign-in may have brought something newer.
        let older = users::workos_updated_at
            .is_null()
            .or(users::workos_updated_at.lt(self.updated_at));
        let brought = diesel::update(row)
            .filter(older)
            .set((
                users::first_name.eq(self.first_name.as_ref().unwrap_or(&user.first_name)),
                users::last_name.eq(self.last_name.as_ref().unwrap_or(&user.last_name)),
                users::picture_url.eq(&self.picture_url),
                users::workos_updated_at.eq(self.updated_at),
            ))
            .execute(conn)?;
        if brought == 0 {
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
                "the new e-mail of {} belongs to another account; account {} keeps its own",
                self.workos_user_id,
                user.id
            );
        }
        Ok(row.select(User::as_select()).first(conn)?)
    }

    /// Rule 2: an account with this e-mail is there. `None`: it changed under us, look again.
    fn link(
        &self,
        conn: &mut Conn,
        user: User,
        now: Timestamp,
    ) -> Result<Option<User>, ProvisionError> {
        let workos_user_id = self.workos_user_id.clone();
        if user.workos_user_id.as_ref() == Some(&workos_user_id) {
            // Another sign-in of this person made or linked the row after rule 1 had looked.
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

    /// Rule 3: nobody has this e-mail. `None`: somebody took it just now, look again.
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

/// Whoever registered an e-mail that was never verified may be somebody else than the person who
/// has just shown that it is theirs: every door of that somebody's closes, and what stands open ends.
pub(super) fn revoke_credentials(
    conn: &mut Conn,
    user: &User,
    now: Timestamp,
) -> Result<(), DbError> {
    let unusable = unusable_password()?;
    set_password(conn, user.id, &unusable, now, None)?;
    let of_other_providers = identities::table.filter(identities::user_id.eq(user.id));
    diesel::delete(of_other_providers).execute(conn)?;
    log::warn!(
        "account {} had an e-mail that was never verified; its password and tokens ended when the verified owner was linked",
        user.id
    );
    Ok(())
}

#[cfg(test)]
mod tests;
