//! Links accounts to identities at Google or Okta. An identity is found by issuer and subject. It is
//! linked by an email that the provider has verified (the account's own, or a further one that Django had
//! verified), or by a user who is signed in. No account is created. While an account has a WorkOS user, that
//! user must exist.

use diesel::prelude::*;

use super::email::email_problem;
use super::email_ownership::{EmailWrite, lock_accounts, write_email};
use super::user::User;
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError, on_unique_violation};
use crate::ids::UserId;
use crate::settings::ProviderLinking;
use crate::workos::ClientDevice;

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
    /// The identity is not linked, and its email alone may not link it.
    #[error("an identity at {issuer} is not linked, and only a signed-in user may link it")]
    NotConnected {
        /// The provider.
        issuer: String,
    },
    /// WorkOS must confirm first that the linked WorkOS user still exists and has the stored email.
    #[error(
        "account {user_id} is linked to WorkOS user {workos_user_id}, whom WorkOS has not confirmed"
    )]
    Unconfirmed {
        /// The account.
        user_id: UserId,
        /// The linked WorkOS user.
        workos_user_id: String,
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
///
/// An email links no account of staff and no superuser. An account with a WorkOS user signs in only if it is `confirmed`: WorkOS has just said that the user
/// exists, and what its address is. Without a webhook nothing else shows that the user was deleted.
pub fn find_or_link(
    conn: &mut Conn,
    identity: &ExternalIdentity,
    linking: ProviderLinking,
    confirmed: Option<UserId>,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<User, LinkError> {
    for _ in 0..ATTEMPTS {
        if let Some(user) = identity.linked_user(conn)? {
            return confirmed_by_workos(active(user)?, confirmed);
        }
        if let Some(user) = identity.link(conn, linking, confirmed, device, now)? {
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
    fn link(
        &self,
        conn: &mut Conn,
        linking: ProviderLinking,
        confirmed: Option<UserId>,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<Option<User>, LinkError> {
        let issuer = || self.issuer.clone();
        if linking == ProviderLinking::SignedIn {
            return Err(LinkError::NotConnected { issuer: issuer() });
        }
        // Checked before the look-up: an unverified address must not reveal whether an account
        // exists.
        let email = self.email.as_deref().map(str::trim);
        let email = email
            .filter(|email| email_problem(email).is_none())
            .ok_or_else(|| LinkError::EmailNotVerified { issuer: issuer() })?;
        let proved = User::by_proved_email(conn, email)?;
        let not_found = || LinkError::NotFound { issuer: issuer() };
        let (user, is_further) = proved.ok_or_else(not_found)?;
        let user = active(user)?;
        if user.has_privileges() {
            return Err(LinkError::NotConnected { issuer: issuer() });
        }
        let user = confirmed_by_workos(user, confirmed)?;
        let is_unchanged = if is_further {
            still_has_further_address(conn, &user, email)?
        } else {
            mark_email_verified(conn, &user, device, now)?
        };
        if !is_unchanged {
            return Ok(None);
        }
        if !self.insert(conn, &user, device, now)? {
            return match self.linked_user(conn)? {
                Some(_) => Ok(None),
                None => Err(LinkError::Conflict {
                    issuer: issuer(),
                    user_id: user.id,
                }),
            };
        }
        Ok(User::by_id(conn, user.id)?)
    }

    /// Links the identity to an account. `false` if the identity or the account is linked already.
    fn insert(
        &self,
        conn: &mut Conn,
        user: &User,
        device: &ClientDevice,
        now: Timestamp,
    ) -> QueryResult<bool> {
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
            return Ok(false);
        }
        let connected = AuditEvent::ProviderConnected {
            user_id: user.id,
            provider: self.issuer.clone(),
            subject: self.subject.clone(),
        };
        connected.record(conn, device, now)?;
        Ok(true)
    }
}

/// Links an identity to the account of a signed-in user. To be called in a transaction.
pub fn connect_identity(
    conn: &mut Conn,
    identity: &ExternalIdentity,
    user_id: UserId,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<(), LinkError> {
    lock_accounts(conn, [Some(user_id), None])?;
    let user = User::by_id(conn, user_id)?;
    let user = active(user.ok_or(LinkError::Inactive { user_id })?)?;
    if identity.insert(conn, &user, device, now)? {
        return Ok(());
    }
    match identity.linked_user(conn)? {
        Some(linked) if linked.id == user_id => Ok(()),
        _ => Err(LinkError::Conflict {
            issuer: identity.issuer.clone(),
            user_id,
        }),
    }
}

/// Removes an account's identity at a provider. Returns its subject; `None` if there is none.
pub fn disconnect_identity(
    conn: &mut Conn,
    issuer: &str,
    user_id: UserId,
) -> QueryResult<Option<String>> {
    let identity = identities::table
        .filter(identities::issuer.eq(issuer))
        .filter(identities::user_id.eq(user_id));
    let subject = identity.select(identities::subject);
    let subject = subject.first(conn).optional()?;
    diesel::delete(identity).execute(conn)?;
    Ok(subject)
}

/// The issuers at which an account has an identity.
pub fn connected_issuers(conn: &mut Conn, user_id: UserId) -> QueryResult<Vec<String>> {
    identities::table
        .filter(identities::user_id.eq(user_id))
        .select(identities::issuer)
        .load(conn)
}

/// Marks the account's email as verified. If it was not verified before, another person may have
/// registered it. Therefore the account's password, sessions, tokens and links are removed, also the
/// link to WorkOS. Returns `false` if the account has changed since it was read: then try again.
fn mark_email_verified(
    conn: &mut Conn,
    user: &User,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<bool, DbError> {
    lock_accounts(conn, [Some(user.id), None])?;
    let as_read = |current: User| {
        current.email_key == user.email_key
            && current.email_verified == user.email_verified
            && current.workos_user_id == user.workos_user_id
            && current.is_active
    };
    if !User::by_id(conn, user.id)?.is_some_and(as_read) {
        return Ok(false);
    }
    let written = write_email(conn, user, &user.email, true, device, now)?;
    if written == EmailWrite::WrittenAndRevoked {
        diesel::update(users::table.find(user.id))
            .set((
                users::workos_user_id.eq(None::<String>),
                users::workos_updated_at.eq(None::<Timestamp>),
            ))
            .execute(conn)?;
    }
    Ok(true)
}

/// Locks an account, and returns whether it still has the further address. The address is verified, so
/// nothing that was given out before has to end.
fn still_has_further_address(conn: &mut Conn, user: &User, email: &str) -> QueryResult<bool> {
    lock_accounts(conn, [Some(user.id), None])?;
    let current = User::linkable_by_further_address(conn, email)?;
    Ok(current.is_some_and(|current| current.id == user.id && current.is_active))
}

fn active(user: User) -> Result<User, LinkError> {
    if user.is_active {
        Ok(user)
    } else {
        Err(LinkError::Inactive { user_id: user.id })
    }
}

fn confirmed_by_workos(user: User, confirmed: Option<UserId>) -> Result<User, LinkError> {
    match &user.workos_user_id {
        Some(workos_user_id) if confirmed != Some(user.id) => Err(LinkError::Unconfirmed {
            user_id: user.id,
            workos_user_id: workos_user_id.clone(),
        }),
        _ => Ok(user),
    }
}

#[cfg(test)]
mod tests;
