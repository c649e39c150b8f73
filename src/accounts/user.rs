//! The table of users: its row and its queries.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::result::Error as QueryError;

use super::account_addresses::delete_further_addresses;
use super::email_key::{earlier_email_key, email_key};
use super::user_key::UserKey;
use super::username::MAX_USERNAME_LENGTH;
use crate::clock::Timestamp;
use crate::db::schema::{account_addresses, sessions, users};
use crate::db::{Conn, on_unique_violation};
use crate::ids::{SessionId, UserId};
use crate::random::{RandomnessError, random_number};

/// A user account.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    /// The primary key. Ids are never reused.
    pub id: UserId,
    /// The email as it was entered.
    pub email: String,
    /// The form in which emails are compared; see [`email_key`].
    pub email_key: String,
    /// Whether the user has proved that the address is theirs.
    pub email_verified: bool,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// The hash in Django's encoding; `!…` is unusable.
    pub password: String,
    /// The linked WorkOS user.
    pub workos_user_id: Option<String>,
    /// WorkOS's `updated_at` of the stored profile.
    pub workos_updated_at: Option<Timestamp>,
    /// The profile picture at WorkOS.
    pub picture_url: Option<String>,
    /// `false` for a deactivated account, to which nobody can sign in.
    pub is_active: bool,
    /// Django's flag.
    pub is_staff: bool,
    /// Django's flag.
    pub is_superuser: bool,
    /// Whether the account was imported by `import-django`.
    pub imported: bool,
    /// Incremented to revoke all tokens that were issued before. It starts at a random number, so that no
    /// restore of a backup gives an id and a version out again; at 0 for imported accounts, whose ids are
    /// Django's.
    pub token_version: i64,
    /// When the account was created.
    pub date_joined: Timestamp,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    /// When WorkOS deleted the linked user. `activate` then removes the link, so that another user
    /// can be linked.
    pub workos_deleted_at: Option<Timestamp>,
    /// The key of an imported account in Django, if it is no integer; `id` is ours then.
    pub django_id: Option<String>,
    /// Django's username, which is compared exactly.
    pub username: Option<String>,
    /// When all sessions of the account last ended at once.
    pub sessions_ended_at: Option<Timestamp>,
}

/// Values for the insert of a user.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = users)]
pub struct NewUser {
    /// See [`User::email`].
    pub email: String,
    /// See [`User::email_key`].
    pub email_key: String,
    /// See [`User::email_verified`].
    pub email_verified: bool,
    /// See [`User::first_name`].
    pub first_name: String,
    /// See [`User::last_name`].
    pub last_name: String,
    /// See [`User::password`].
    pub password: String,
    /// See [`User::workos_user_id`].
    pub workos_user_id: Option<String>,
    /// See [`User::workos_updated_at`].
    pub workos_updated_at: Option<Timestamp>,
    /// See [`User::picture_url`].
    pub picture_url: Option<String>,
    /// See [`User::date_joined`].
    pub date_joined: Timestamp,
    /// See [`User::username`].
    pub username: Option<String>,
}

impl NewUser {
    /// Values of an account that is not linked to WorkOS and has no names. Its email counts as
    /// verified.
    pub fn unlinked(email: String, password: String, date_joined: Timestamp) -> Self {
        Self {
            email_key: email_key(&email),
            email,
            email_verified: true,
            first_name: String::new(),
            last_name: String::new(),
            password,
            workos_user_id: None,
            workos_updated_at: None,
            picture_url: None,
            date_joined,
            username: None,
        }
    }

    /// Inserts the row and returns it with its id.
    pub fn insert(&self, conn: &mut Conn) -> QueryResult<User> {
        self.take_further_address(conn)?;
        let version = users::token_version.eq(first_token_version()?);
        diesel::insert_into(users::table)
            .values((self, version))
            .returning(users::all_columns)
            .get_result(conn)
    }

    /// Inserts the row as a superuser; `None` if the email or the username is taken.
    pub fn insert_superuser(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        let flags = (users::is_staff.eq(true), users::is_superuser.eq(true));
        let version = users::token_version.eq(first_token_version()?);
        on_unique_violation(conn, |conn| {
            self.take_further_address(conn)?;
            diesel::insert_into(users::table)
                .values((self, flags, version))
                .returning(users::all_columns)
                .get_result(conn)
        })
    }

    fn take_further_address(&self, conn: &mut Conn) -> QueryResult<()> {
        if self.email_verified {
            delete_further_addresses(conn, &[&self.email_key])?;
        }
        Ok(())
    }
}

/// The first `token_version` of an account. Two accounts that are given the same id, one of them before a backup
/// was restored and the other after it, never have the same version.
fn first_token_version() -> QueryResult<i64> {
    random_version_step().map_err(|error| QueryError::SerializationError(error.into()))
}

/// A random distance of two values of `token_version`: 36 random bits, and 16 bits for counting. So the version
/// stays below 2^53, as far as JavaScript can read numbers exactly.
pub(crate) fn random_version_step() -> Result<i64, RandomnessError> {
    Ok((random_number()? >> 12) << 16)
}

impl User {
    /// Whether the account has one of Django's flags for staff. An email address alone never links it.
    pub fn has_privileges(&self) -> bool {
        self.is_staff || self.is_superuser
    }

    /// The user with this id.
    pub fn by_id(conn: &mut Conn, id: UserId) -> QueryResult<Option<Self>> {
        users::table
            .find(id)
            .select(Self::as_select())
            .first(conn)
            .optional()
    }

    /// The user `id` of a session, which may have ended. The session's id is what identifies the user of a cookie:
    /// after a restored backup, another account may have the number `id`, but no session has the same id again.
    pub fn of_session(
        conn: &mut Conn,
        session_id: &SessionId,
        id: UserId,
    ) -> QueryResult<Option<Self>> {
        users::table
            .inner_join(sessions::table)
            .filter(sessions::id.eq(session_id))
            .filter(users::id.eq(id))
            .select(Self::as_select())
            .first(conn)
            .optional()
    }

    /// The key by which tokens and clients of the API name the account.
    pub fn key(&self) -> UserKey {
        match &self.django_id {
            Some(text) => UserKey::Text(text.clone()),
            None => UserKey::Id(self.id),
        }
    }

    /// The user whom tokens and clients of the API name by this key.
    pub fn by_key(conn: &mut Conn, key: &UserKey) -> QueryResult<Option<Self>> {
        match key {
            UserKey::Id(id) => {
                let user = Self::by_id(conn, *id)?;
                Ok(user.filter(|user| user.django_id.is_none()))
            }
            // PostgreSQL knows no such text.
            UserKey::Text(text) if text.contains('\0') => Ok(None),
            UserKey::Text(text) => {
                let with_key = users::table.filter(users::django_id.eq(text));
                with_key.select(Self::as_select()).first(conn).optional()
            }
        }
    }

    /// The user linked to this WorkOS user.
    pub fn by_workos_user_id(conn: &mut Conn, id: &str) -> QueryResult<Option<Self>> {
        let linked = users::table.filter(users::workos_user_id.eq(id));
        linked.select(Self::as_select()).first(conn).optional()
    }

    /// The user with this email, compared as [`email_key`] says. An account that keeps the key of an earlier
    /// version is found by the spelling of its own email first, so that it is not taken for the account
    /// whose key is the current one.
    pub fn by_email(conn: &mut Conn, email: &str) -> QueryResult<Option<Self>> {
        if let Some(earlier) = earlier_email_key(email)
            && let Some(user) = Self::by_email_key(conn, &earlier)?
        {
            return Ok(Some(user));
        }
        Self::by_email_key(conn, &email_key(email))
    }

    /// Those of these [keys](email_key()) that are the emails of open accounts.
    pub(crate) fn open_email_keys(
        conn: &mut Conn,
        keys: &[&String],
    ) -> QueryResult<HashSet<String>> {
        let open = users::table.filter(users::is_active.eq(true));
        let owned = open.filter(users::email_key.eq_any(keys));
        let owned: Vec<String> = owned.select(users::email_key).load(conn)?;
        Ok(owned.into_iter().collect())
    }

    fn by_email_key(conn: &mut Conn, key: &str) -> QueryResult<Option<Self>> {
        let same = users::table.filter(users::email_key.eq(key));
        same.select(Self::as_select()).first(conn).optional()
    }

    /// The user whom a proof of this email leads to: the one who has verified it, as the own email or as a
    /// further address that may link the account, otherwise the one who has it unverified. Also whether it is a
    /// further address of that user.
    pub(super) fn by_proved_email(
        conn: &mut Conn,
        email: &str,
    ) -> QueryResult<Option<(Self, bool)>> {
        let own = Self::by_email(conn, email)?;
        if let Some(own) = own.as_ref().filter(|own| own.email_verified) {
            return Ok(Some((own.clone(), false)));
        }
        let further = Self::linkable_by_further_address(conn, email)?;
        let own = own.map(|own| (own, false));
        Ok(further.map(|further| (further, true)).or(own))
    }

    /// The user with this further address.
    pub(super) fn by_further_address(conn: &mut Conn, email: &str) -> QueryResult<Option<Self>> {
        account_addresses::table
            .find(email_key(email))
            .inner_join(users::table)
            .select(Self::as_select())
            .first(conn)
            .optional()
    }

    /// The user with this further address, if an address alone may link the account to a provider's
    /// user: not staff, no superuser, and not linked to a WorkOS user, whose addresses WorkOS knows.
    pub(super) fn linkable_by_further_address(
        conn: &mut Conn,
        email: &str,
    ) -> QueryResult<Option<Self>> {
        let user = Self::by_further_address(conn, email)?;
        Ok(user.filter(|user| !user.has_privileges() && user.workos_user_id.is_none()))
    }

    /// The user with this username, compared exactly.
    pub fn by_username(conn: &mut Conn, username: &str) -> QueryResult<Option<Self>> {
        let same = users::table.filter(users::username.eq(username));
        same.select(Self::as_select()).first(conn).optional()
    }

    /// What the account is called in commands and findings: its email, or else its username or its id.
    pub fn label(&self) -> String {
        match &self.username {
            _ if !self.email.is_empty() => self.email.clone(),
            Some(username) => username.clone(),
            None => format!("account {}", self.id),
        }
    }

    /// The username of an account without an email: pages show it in place of the email. It is at most as
    /// long as Django's, so that it fits into a cookie.
    pub fn username_without_email(&self) -> Option<String> {
        let username = self.username.as_ref().filter(|_| self.email.is_empty())?;
        Some(username.chars().take(MAX_USERNAME_LENGTH).collect())
    }

    /// Stores the time of a sign-in. Returns 0 if the account has been deactivated meanwhile.
    pub fn record_login(conn: &mut Conn, id: UserId, now: Timestamp) -> QueryResult<usize> {
        diesel::update(users::table.find(id))
            .filter(users::is_active.eq(true))
            .set(users::last_login.eq(now))
            .execute(conn)
    }
}
