//! Links accounts to identities at Google or Okta. An identity is found by issuer and subject, and
//! linked by an email that the provider has verified. No account is created.

use diesel::prelude::*;

use super::email::email_problem;
use super::provisioning::revoke_credentials;
use super::user::User;
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError, on_unique_violation};
use crate::ids::UserId;

/// How often linking is tried. A try fails only if another sign-in of the same person changed the
/// link first; the next try sees that change.
const ATTEMPTS: usize = 4;

/// A person whom an OpenID Connect provider has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// The provider's issuer URL.
    pub issuer: String,
    /// The person's id at the provider. It never changes, unlike the email.
    pub subject: String,
    /// The email, if the provider has verified it.
    pub email: Option<String>,
}

/// Why a person whom a provider has authenticated cannot sign in.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The account is deactivated.
    #[error("the account {user_id} is inactive")]
    Inactive {
        /// The account.
        user_id: UserId,
    },
    /// The identity is not linked, and has no verified email by which it could be.
    #[error("an identity at {issuer} is not linked and has no verified email")]
    EmailNotVerified {
        /// The provider.
        issuer: String,
    },
    /// The identity is not linked, and no account has its email.
    #[error("an identity at {issuer} is not linked and no account has its email")]
    NotFound {
        /// The provider.
        issuer: String,
    },
    /// The account with this email is linked to another identity at the same provider.
    #[error(
        "the email of an identity at {issuer} is that of account {user_id}, which is linked to another identity there"
    )]
    Conflict {
        /// The provider.
        issuer: String,
        /// The account.
        user_id: UserId,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for LinkError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Finds the account of this identity, or links one. To be called in a transaction. Concurrent
/// calls for the same person are safe.
pub fn find_or_link(
    conn: &mut Conn,
    identity: &ExternalIdentity,
    now: Timestamp,
) -> Result<User, LinkError> {
    for _ in 0..ATTEMPTS {
        if let Some(user) = identity.linked_user(conn)? {
            return active(user);
        }
        if let Some(user) = identity.link(conn, now)? {
            return Ok(user);
        }
    }
    Err(DbError::Unavailable("another sign-in kept changing the same account".to_owned()).into())
}

impl ExternalIdentity {
    /// The account that the identity is linked to.
    fn linked_user(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        identities::table
            .find((&self.issuer, &self.subject))
            .inner_join(users::table)
            .select(User::as_select())
            .first(conn)
            .optional()
    }

    /// Links the identity to the account with its email. `None`: the account changed meanwhile;
    /// try again.
    fn link(&self, conn: &mut Conn, now: Timestamp) -> Result<Option<User>, LinkError> {
        let issuer = || self.issuer.clone();
        // Checked before the look-up: an unverified address must not reveal whether an account
        // exists.
        let email = self.email.as_deref().map(str::trim);
        let email = email
            .filter(|email| email_problem(email).is_none())
            .ok_or_else(|| LinkError::EmailNotVerified { issuer: issuer() })?;
        let user = User::by_email(conn, email)?;
        let user = active(user.ok_or_else(|| LinkError::NotFound { issuer: issuer() })?)?;
        if !mark_email_verified(conn, &user, now)? {
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
            return match self.linked_user(conn)? {
                Some(_) => Ok(None),
                None => Err(LinkError::Conflict {
                    issuer: issuer(),
                    user_id: user.id,
                }),
            };
        }
        log::info!(
            "linked account {} to an identity at {}",
            user.id,
            self.issuer
        );
        Ok(User::by_id(conn, user.id)?)
    }
}

/// Marks the account's email as verified. If it was not verified before, another person may have
/// registered it. Therefore the account's password, sessions, tokens and links are removed, also the
/// link to WorkOS. Returns `false` if the account has changed since it was read: then try again.
fn mark_email_verified(conn: &mut Conn, user: &User, now: Timestamp) -> Result<bool, DbError> {
    let as_read = users::table
        .find(user.id)
        .filter(users::email_key.eq(&user.email_key))
        .filter(users::email_verified.eq(user.email_verified))
        .filter(users::is_active.eq(true));
    let updated = diesel::update(as_read)
        .set(users::email_verified.eq(true))
        .execute(conn)?;
    if updated == 0 {
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
