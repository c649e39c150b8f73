//! Who may come in by a password: one answer, and one time for every refusal.

use std::time::Instant;

use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::passwords::{self, Hasher, Overloaded};
use super::user::User;
use crate::db::schema::users;
use crate::db::{Conn, Database, DbError};
use crate::settings::PasswordLogin;

/// Why nobody came in by this password.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// No such account, a closed one, one without a password, one that may not use it, or a wrong
    /// password: outside, all the same.
    #[error("no active account has these credentials")]
    Refused,
    /// Too many passwords are being checked.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
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
pub struct Authenticated {
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
) -> Result<Authenticated, CredentialError> {
    let began = Instant::now();
    let outcome = check(database, hasher, policy, email.to_owned(), password).await;
    if let Err(CredentialError::Refused) = outcome {
        hasher.pad_refusal(began).await;
    }
    outcome
}

async fn check(
    database: &Database,
    hasher: &Hasher,
    policy: PasswordLogin,
    email: String,
    password: SecretString,
) -> Result<Authenticated, CredentialError> {
    if policy == PasswordLogin::Off {
        return Err(CredentialError::Refused);
    }
    // Neither database takes a NUL, and no account's e-mail holds one.
    let user = match email.contains('\0') {
        true => None,
        false => {
            database
                .read(move |conn| User::by_email(conn, email.trim()).map_err(DbError::from))
                .await?
        }
    };
    let user = user.filter(|user| may_use_password(user, policy));
    // Nobody's password is compared too, so that the queue is as long for those who are not there.
    let stored = user.as_ref().map(|user| user.password.clone());
    let stored = stored.filter(|stored| passwords::is_usable(stored));
    let (right, rehashed) = hasher
        .run(move || compare(&password, &stored.unwrap_or_else(passwords::decoy)))
        .await?;
    match user {
        Some(user) if right => Ok(Authenticated { user, rehashed }),
        _ => Err(CredentialError::Refused),
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

/// Whether this account may come in by a password at all.
pub fn may_use_password(user: &User, policy: PasswordLogin) -> bool {
    let allowed = match policy {
        PasswordLogin::Unlinked => user.workos_user_id.is_none() || user.is_superuser,
        PasswordLogin::Superusers => user.is_superuser,
        PasswordLogin::All => true,
        PasswordLogin::Off => false,
    };
    user.is_active && allowed
}

impl Authenticated {
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
        let user = User::by_id(conn, self.user.id)?;
        Ok(user.filter(|user| {
            let unchanged = user.is_active && user.workos_user_id == self.user.workos_user_id;
            settled == 1 && unchanged
        }))
    }
}
