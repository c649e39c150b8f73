//! Who an account is at Google or Okta: found by issuer and subject, linked by an e-mail that the
//! provider vouches for, and never inserted.

use diesel::prelude::*;

use super::email::email_problem;
use super::provisioning::revoke_credentials;
use super::user::User;
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError, on_unique_violation};

/// A round is lost only when another sign-in of the same person linked first, or untied; the next
/// one sees what it did.
const ROUNDS: usize = 4;

/// Somebody whom a provider has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// The provider.
    pub issuer: String,
    /// Who it is there, whatever the e-mail is by now.
    pub subject: String,
    /// The e-mail, where the provider's word for it counts.
    pub email: Option<String>,
}

/// Why somebody whom a provider authenticated is not signed in here.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The account is closed.
    #[error("the account {user_id} is inactive")]
    Inactive {
        /// The row.
        user_id: i64,
    },
    /// A person who is new here, without an e-mail that the provider vouches for.
    #[error("a person of {issuer} who is not linked has no e-mail that it vouches for")]
    EmailNotVerified {
        /// The provider.
        issuer: String,
    },
    /// A person who is new here, and nobody has the e-mail.
    #[error("a person of {issuer} has no account")]
    NotFound {
        /// The provider.
        issuer: String,
    },
    /// The account with this e-mail is somebody else at the same provider.
    #[error("a person of {issuer} meets the account {user_id}, which is another person there")]
    Conflict {
        /// The provider.
        issuer: String,
        /// The row.
        user_id: i64,
    },
    /// The database's failure.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for LinkError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Finds or links the account of this person. To be called inside a transaction; safe against
/// another doing the same at once.
pub fn find_or_link(
    conn: &mut Conn,
    identity: &ExternalIdentity,
    now: Timestamp,
) -> Result<User, LinkError> {
    for _ in 0..ROUNDS {
        if let Some(user) = identity.owner(conn)? {
            return active(user);
        }
        if let Some(user) = identity.link(conn, now)? {
            return Ok(user);
        }
    }
    Err(DbError::Unavailable("another sign-in kept changing the same account".to_owned()).into())
}

impl ExternalIdentity {
    /// The account that this person was linked to.
    fn owner(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        identities::table
            .find((&self.issuer, &self.subject))
            .inner_join(users::table)
            .select(User::as_select())
            .first(conn)
            .optional()
    }

    /// Links the account with this person's e-mail. `None`: it changed under us, look again.
    fn link(&self, conn: &mut Conn, now: Timestamp) -> Result<Option<User>, LinkError> {
        let issuer = || self.issuer.clone();
        // Said before anything is looked up: an unproven address must not tell who has an account.
        let email = self.email.as_deref().map(str::trim);
        let email = email
            .filter(|email| email_problem(email).is_none())
            .ok_or_else(|| LinkError::EmailNotVerified { issuer: issuer() })?;
        let user = User::by_email(conn, email)?;
        let user = active(user.ok_or_else(|| LinkError::NotFound { issuer: issuer() })?)?;
        if !prove(conn, &user, now)? {
            return Ok(None);
        }
        let linked = on_unique_violation(conn, |conn| {
            diesel::insert_into(identities::table)
                .values((
                    identities::issuer.eq(&self.issuer),
                    identities::subject.eq(&self.subject),
                    identities::user_id.eq(user.id),
                ))
                .execute(conn)
        })?;
        if linked.is_none() {
            return match self.owner(conn)? {
                Some(_) => Ok(None),
                None => Err(LinkError::Conflict {
                    issuer: issuer(),
                    user_id: user.id,
                }),
            };
        }
        log::info!(
            "account {} was linked to a person of {}",
            user.id,
            self.issuer
        );
        Ok(User::by_id(conn, user.id)?)
    }
}

/// Notes that the address is this person's, and closes the doors of whoever had it without proof, the
/// one through WorkOS too. `false`: the account is no longer as it was read, look again.
fn prove(conn: &mut Conn, user: &User, now: Timestamp) -> Result<bool, DbError> {
    let as_read = users::table
        .find(user.id)
        .filter(users::email_key.eq(&user.email_key))
        .filter(users::email_verified.eq(user.email_verified))
        .filter(users::is_active.eq(true));
    let proven = diesel::update(as_read)
        .set(users::email_verified.eq(true))
        .execute(conn)?;
    if proven == 0 {
        return Ok(false);
    }
    if !user.email_verified {
        revoke_credentials(conn, user, now)?;
        diesel::update(users::table.find(user.id))
            .set((
                users::workos_user_id.eq(None::<String>),
                users::workos_updated_at.eq(None::<Timestamp>),
            ))
            .execute(conn)?;
    }
    Ok(true)
}

fn active(user: User) -> Result<User, LinkError> {
    if user.is_active {
        Ok(user)
    } else {
        Err(LinkError::Inactive { user_id: user.id })
    }
}

#[cfg(test)]
mod tests;
