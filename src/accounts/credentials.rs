//! Who may come in by a password: one answer, and one time for every refusal.

use std::time::Instant;

use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::import_ledger::record_rehash;
use super::lifecycle::set_password;
use super::passwords::{self, Hasher, HasherOverloaded, PasswordError};
use super::user::User;
use crate::clock::Timestamp;
use crate::db::schema::users;
use crate::db::{Conn, Database, DbError};
use crate::settings::PasswordLogin;

/// A round is lost only when the account changed between a check of its password and what it was
/// checked for.
const ROUNDS: usize = 3;
/// Accounts that are read at once, so that a large table is not held in memory as a whole.
const PAGE: i64 = 2_000;

/// Why nobody came in by this password.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// No such account, a closed one, one without a password, one that may not use it, or a wrong
    /// password: outside, all the same.
    #[error("no active account has these credentials")]
    Refused,
    /// Too many passwords are being checked.
    #[error(transparent)]
    Overloaded(#[from] HasherOverloaded),
    /// There is no hash of a new password.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// The database's failure.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for CredentialError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// An account whose password was right a moment ago.
pub struct CheckedCredentials {
    user: User,
    /// The password under the current scheme, where it was stored under a weaker one.
    rehashed: Option<String>,
}

/// Checks an e-mail and a password. Whatever is refused takes one and the same time.
pub async fn authenticate(
    database: &Database,
    hasher: &Hasher,
    policy: PasswordLogin,
    email: &str,
    password: SecretString,
) -> Result<CheckedCredentials, CredentialError> {
    let email = email.to_owned();
    // Neither database takes a NUL, and no account's e-mail holds one.
    let find = move |conn: &mut Conn| match email.contains('\0') {
        true => Ok(None),
        false => User::by_email(conn, email.trim()),
    };
    let mut began = Instant::now();
    let outcome = check(database, hasher, policy, find, password, &mut began).await;
    padded(hasher, outcome, began).await
}

/// A new password, for an account whose old one is known.
pub struct PasswordChange {
    /// Whose.
    pub user_id: i64,
    /// What is said to be the old password.
    pub old: SecretString,
    /// The new one, found good.
    pub new: SecretString,
    /// The one session that goes on.
    pub keep: String,
    /// The moment.
    pub now: Timestamp,
}

/// Checks the old password, at the pace of a sign-in's refusals, and puts the new one in its place;
/// tokens and other sessions end. Returns how many sessions ended. Of two changes at once one wins.
pub async fn change_password(
    database: &Database,
    hasher: &Hasher,
    policy: PasswordLogin,
    change: PasswordChange,
) -> Result<usize, CredentialError> {
    let mut began = Instant::now();
    let outcome = try_to_change(database, hasher, policy, &change, &mut began).await;
    padded(hasher, outcome, began).await
}

async fn try_to_change(
    database: &Database,
    hasher: &Hasher,
    policy: PasswordLogin,
    change: &PasswordChange,
    began: &mut Instant,
) -> Result<usize, CredentialError> {
    let (id, now) = (change.user_id, change.now);
    for _ in 0..ROUNDS {
        let find = move |conn: &mut Conn| User::by_id(conn, id);
        let old = change.old.clone();
        let checked = check(database, hasher, policy, find, old, began).await?;
        let new = change.new.clone();
        let encoded = hasher
            .run(move || passwords::hash(new.expose_secret()))
            .await?
            .value?;
        let keep = change.keep.clone();
        let changed = database
            .write(move |conn| {
                if checked.settle(conn)?.is_none() {
                    return Ok::<_, DbError>(None);
                }
                let ended = set_password(conn, id, &encoded, now, Some(&keep))?;
                Ok(Some(ended))
            })
            .await?;
        if let Some(ended) = changed {
            return Ok(ended);
        }
    }
    Err(CredentialError::Refused)
}

/// Has every refusal take one and the same time from when its turn came.
async fn padded<T>(
    hasher: &Hasher,
    outcome: Result<T, CredentialError>,
    began: Instant,
) -> Result<T, CredentialError> {
    if let Err(CredentialError::Refused) = outcome {
        hasher.pad_refusal(began).await;
    }
    outcome
}

/// Compares a password with that of the account that `find` finds; `began`: when its turn came.
async fn check(
    database: &Database,
    hasher: &Hasher,
    policy: PasswordLogin,
    find: impl FnOnce(&mut Conn) -> QueryResult<Option<User>> + Send + 'static,
    password: SecretString,
    began: &mut Instant,
) -> Result<CheckedCredentials, CredentialError> {
    if policy == PasswordLogin::Off {
        return Err(CredentialError::Refused);
    }
    let user = database
        .read(move |conn| find(conn).map_err(DbError::from))
        .await?;
    let whose = user.as_ref().map(|user| user.id);
    let user = user.filter(|user| may_use_password(user, policy));
    // Nobody's password is compared too, so that the queue is as long for those who are not there.
    let stored = user.as_ref().map(|user| user.password.clone());
    let stored = stored.filter(|stored| passwords::is_usable(stored));
    let compared = hasher
        .run(move || compare(&password, &stored.unwrap_or_else(passwords::decoy)))
        .await?;
    *began = compared.began;
    match (user, compared.value) {
        (Some(user), (true, rehashed)) => Ok(CheckedCredentials { user, rehashed }),
        (_, _) => {
            match whose {
                Some(id) => log::warn!("a password was refused for account {id}"),
                None => log::info!("a password was refused for an unknown account"),
            }
            Err(CredentialError::Refused)
        }
    }
}

/// Whether it is the password, and the password under the current scheme where that is stronger.
fn compare(password: &SecretString, stored: &str) -> (bool, Option<String>) {
    let password = password.expose_secret();
    if !passwords::verify(password, stored) {
        return (false, None);
    }
    let rehashed = passwords::needs_upgrade(stored).then(|| passwords::hash(password));
    // A failed rehash is tried again at the next sign-in; this one succeeds all the same.
    (true, rehashed.and_then(Result::ok))
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

/// Whether the account can sign in today: through a linked WorkOS user, or with a password. A WorkOS user
/// who is not linked yet does not count, since nobody can know in advance whether one exists.
pub fn has_sign_in_method(user: &User, policy: PasswordLogin) -> bool {
    // The form refuses an e-mail without `@`.
    let by_password = has_password(user, policy) && user.email.contains('@');
    user.workos_user_id.is_some() || by_password
}

/// The e-mails of the first `limit` active accounts, by id, that have no sign-in method.
pub fn emails_without_sign_in_method(
    conn: &mut Conn,
    policy: PasswordLogin,
    limit: usize,
) -> QueryResult<Vec<String>> {
    let mut emails = Vec::new();
    let mut last_id = i64::MIN;
    while emails.len() < limit {
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
        let without = without.filter(|user| !has_sign_in_method(user, policy));
        emails.extend(without.map(|user| user.email).take(limit - emails.len()));
    }
    Ok(emails)
}

impl CheckedCredentials {
    /// Settles it inside the transaction that signs in: the account as it is now, its password
    /// under the current scheme. `None`: the account has changed since the password was checked
    /// (another sign-in may have rehashed it), so check again.
    pub fn settle(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        let checked = users::table
            .find(self.user.id)
            .filter(users::password.eq(&self.user.password));
        // Neither its sessions nor its tokens end: it is the same password.
        let password = self.rehashed.as_ref().unwrap_or(&self.user.password);
        let settled = diesel::update(checked)
            .set(users::password.eq(password))
            .execute(conn)?;
        if let (1, Some(new)) = (settled, &self.rehashed) {
            record_rehash(conn, self.user.id, &self.user.password, new)?;
        }
        let user = User::by_id(conn, self.user.id)?;
        Ok(user.filter(|user| {
            let unchanged = user.is_active && user.workos_user_id == self.user.workos_user_id;
            settled == 1 && unchanged
        }))
    }
}
