//! Checks an email or username and a password. Every refusal gets the same answer after the same time, so
//! that neither tells why it was refused.

use std::time::Instant;

use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::import_ledger::record_rehash;
use super::lifecycle::{RevokedSessions, set_password};
use super::login_name::LoginName;
use super::passwords::{self, Hasher, HasherOverloaded, PasswordError, PasswordSource};
use super::user::User;
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::Timestamp;
use crate::db::schema::users;
use crate::db::{Conn, Database, DbError};
use crate::ids::{SessionId, UserId};
use crate::sessions::{SessionRow, WorkosRevocation};
use crate::settings::{LoginField, PasswordLogin};
use crate::workos::ClientDevice;

/// How often a password change is tried. A try fails only if the account changes between the check
/// of the old password and the write of the new one.
const ATTEMPTS: usize = 3;
/// Accounts that are read at once, so that a large table is not held in memory as a whole.
const PAGE: i64 = 2_000;

/// Why a password was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The account does not exist, is deactivated, has no password or may not use it, or the
    /// password is wrong. The client cannot tell which. The account, if there is one, is for the audit
    /// trail.
    #[error("no active account has these credentials")]
    Refused(Option<UserId>),
    /// The password is right, but the account has signed in too often. The number is the seconds to wait.
    #[error("the account has signed in too often")]
    TooManySignIns(u64),
    /// Too many passwords are being checked at the moment.
    #[error(transparent)]
    Overloaded(#[from] HasherOverloaded),
    /// The new password could not be hashed.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for CredentialError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// An account whose password has been checked and is right.
#[derive(Clone)]
pub struct CheckedCredentials {
    user: User,
    /// The password hashed with the current parameters, if the stored hash is weaker.
    rehashed: Option<String>,
}

/// Checks a login name and a password. Every refusal takes the same time.
pub async fn authenticate(
    database: &Database,
    hasher: &Hasher,
    policy: PasswordLogin,
    name: &LoginName,
    password: SecretString,
    source: PasswordSource,
) -> Result<CheckedCredentials, CredentialError> {
    let mut started = Instant::now();
    let outcome = if policy == PasswordLogin::Off {
        Err(CredentialError::Refused(None))
    } else {
        let user = name.account(database).await?;
        let allows = |user: &User| !name.is_refused() && may_use_password(user, policy);
        check(hasher, (user, allows), (password, source), &mut started).await
    };
    padded(hasher, outcome, started).await
}

/// A request to change a password.
pub struct PasswordChange {
    /// The account.
    pub user_id: UserId,
    /// The old password, not yet checked.
    pub old: SecretString,
    /// The new password, already validated.
    pub new: SecretString,
    /// Where the passwords come from.
    pub source: PasswordSource,
    /// The id of the session that is not revoked.
    pub keep: SessionId,
    /// The client's device.
    pub device: ClientDevice,
    /// The current time.
    pub now: Timestamp,
}

/// Checks the old password and stores the new one. Revokes the account's tokens and other sessions,
/// and returns the revoked sessions. A refusal takes as long as a refused sign-in. Of two
/// concurrent changes only one succeeds.
pub async fn change_password(
    database: &Database,
    hasher: &Hasher,
    policy: PasswordLogin,
    change: PasswordChange,
) -> Result<RevokedSessions, CredentialError> {
    let mut started = Instant::now();
    let outcome = try_to_change(database, hasher, policy, &change, &mut started).await;
    padded(hasher, outcome, started).await
}

async fn try_to_change(
    database: &Database,
    hasher: &Hasher,
    policy: PasswordLogin,
    change: &PasswordChange,
    started: &mut Instant,
) -> Result<RevokedSessions, CredentialError> {
    let (id, now) = (change.user_id, change.now);
    for _ in 0..ATTEMPTS {
        let user = database
            .read(move |conn| User::by_id(conn, id).map_err(DbError::from))
            .await?;
        let allows = |user: &User| may_use_password(user, policy);
        let old = (change.old.clone(), change.source.clone());
        let checked = check(hasher, (user, allows), old, started).await?;
        let new = change.new.clone();
        let encoded = hasher
            .run(change.source.clone(), move || {
                passwords::hash(new.expose_secret())
            })
            .await?
            .value?;
        let (keep, device) = (change.keep.clone(), change.device.clone());
        let changed = database
            .queued_by(id)
            .write(move |conn| {
                // The session may have ended a moment ago, on another replica.
                let is_refused = checked.confirm(conn)?.is_none()
                    || SessionRow::lock_active(conn, &keep, now)?.is_none();
                if is_refused {
                    return Ok::<_, DbError>(None);
                }
                let ended = set_password(conn, id, &encoded, now, Some(&keep))?;
                WorkosRevocation::request(conn, &ended.workos_sids, now)?;
                let changed = AuditEvent::PasswordChanged {
                    user_id: id,
                    by: ChangedBy::Owner,
                    ended_sessions: ended.count,
                };
                changed.record(conn, &device, now)?;
                Ok(Some(ended))
            })
            .await?;
        if let Some(ended) = changed {
            return Ok(ended);
        }
    }
    Err(CredentialError::Refused(Some(id)))
}

/// Delays a refusal so that every refusal takes the same time since the hasher started on it.
async fn padded<T>(
    hasher: &Hasher,
    outcome: Result<T, CredentialError>,
    started: Instant,
) -> Result<T, CredentialError> {
    if let Err(CredentialError::Refused(_)) = outcome {
        hasher.pad_refusal(started).await;
    }
    outcome
}

/// Compares a password with that of the account, if it `allows` one. Sets `started` to the time at which the hasher
/// started on it.
async fn check(
    hasher: &Hasher,
    (user, allows): (Option<User>, impl FnOnce(&User) -> bool),
    (password, source): (SecretString, PasswordSource),
    started: &mut Instant,
) -> Result<CheckedCredentials, CredentialError> {
    let user_id = user.as_ref().map(|user| user.id);
    let user = user.filter(allows);
    // A password is compared even if there is no account, so that both cases wait in the same
    // queue.
    let stored = user.as_ref().map(|user| user.password.clone());
    let stored = stored.filter(|stored| passwords::is_usable(stored));
    let compared = hasher
        .compare(source, move || {
            compare(&password, &stored.unwrap_or_else(passwords::decoy))
        })
        .await?;
    *started = compared.started;
    match (user, compared.value) {
        (Some(user), Some(PasswordMatch { rehashed })) => Ok(CheckedCredentials { user, rehashed }),
        (_, _) => {
            match user_id {
                Some(id) => log::warn!("refused a password for account {id}"),
                None => log::info!("refused a password for an unknown account"),
            }
            Err(CredentialError::Refused(user_id))
        }
    }
}

/// A password that matches the stored hash.
struct PasswordMatch {
    /// The password hashed with the current parameters, if the stored hash is weaker.
    rehashed: Option<String>,
}

/// Compares a password with the stored hash; `None` if it does not match.
fn compare(password: &SecretString, stored: &str) -> Option<PasswordMatch> {
    let password = password.expose_secret();
    if !passwords::verify(password, stored) {
        return None;
    }
    let rehashed = passwords::needs_upgrade(stored).then(|| passwords::hash(password));
    // A failed rehash does not fail the sign-in. It is tried again at the next one.
    Some(PasswordMatch {
        rehashed: rehashed.and_then(Result::ok),
    })
}

/// Whether this account is allowed to sign in with a password, whether or not it has one.
pub fn may_use_password(user: &User, policy: PasswordLogin) -> bool {
    let allowed = match policy {
        PasswordLogin::Unlinked => user.workos_user_id.is_none() || user.is_superuser,
        PasswordLogin::Superusers => user.is_superuser,
        PasswordLogin::All => true,
        PasswordLogin::Off => false,
    };
    user.is_active && allowed
}

/// Whether the account has a password and is allowed to sign in with it.
pub fn has_password(user: &User, policy: PasswordLogin) -> bool {
    may_use_password(user, policy) && passwords::is_usable(&user.password)
}

/// Whether the account can sign in today: through a linked WorkOS user, or with a password. A
/// WorkOS user who is not linked yet does not count, since nobody can know in advance whether one
/// exists.
pub fn has_sign_in_method(user: &User, policy: PasswordLogin, field: LoginField) -> bool {
    let has_username = field == LoginField::Username && user.username.is_some();
    // The form refuses an email without `@`.
    let by_password = has_password(user, policy) && (has_username || user.email.contains('@'));
    user.workos_user_id.is_some() || by_password
}

/// The labels of the first `limit` active accounts, by id, that have no sign-in method.
pub fn labels_without_sign_in_method(
    conn: &mut Conn,
    policy: PasswordLogin,
    field: LoginField,
    limit: usize,
) -> QueryResult<Vec<String>> {
    let mut labels = Vec::new();
    let mut last_id = UserId::from(i64::MIN);
    while labels.len() < limit {
        let page: Vec<User> = users::table
            .filter(users::is_active.eq(true))
            .filter(users::id.gt(last_id))
            .order(users::id)
            .limit(PAGE)
            .select(User::as_select())
            .load(conn)?;
        let Some(last) = page.last() else {
            break;
        };
        last_id = last.id;
        let without = page.into_iter();
        let without = without.filter(|user| !has_sign_in_method(user, policy, field));
        let room = limit - labels.len();
        labels.extend(without.map(|user| user.label()).take(room));
    }
    Ok(labels)
}

impl CheckedCredentials {
    /// The account whose password was checked.
    pub fn user_id(&self) -> UserId {
        self.user.id
    }

    /// Returns the account as it is now, and stores the rehashed password. To be called in the
    /// transaction that signs in. `None`: the account has changed since the password was checked
    /// (another sign-in may have rehashed it), so the password has to be checked again.
    pub fn confirm(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        let checked = users::table
            .find(self.user.id)
            .filter(users::password.eq(&self.user.password));
        // The password stays the same, so sessions and tokens stay valid.
        let password = self.rehashed.as_ref().unwrap_or(&self.user.password);
        let updated = diesel::update(checked)
            .set(users::password.eq(password))
            .execute(conn)?;
        if let (1, Some(new)) = (updated, &self.rehashed) {
            record_rehash(conn, self.user.id, &self.user.password, new)?;
        }
        let user = User::by_id(conn, self.user.id)?;
        Ok(user.filter(|user| {
            let unchanged = user.is_active && user.workos_user_id == self.user.workos_user_id;
            updated == 1 && unchanged
        }))
    }
}
