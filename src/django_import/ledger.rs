//! The import's ledger, `django_imports`: what was imported of each row. It tells a value that was
//! changed here from one that was changed in Django.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;

use super::row::DjangoUser;
use crate::accounts::User;
use crate::accounts::import_ledger::password_digest;
use crate::clock::Timestamp;
use crate::db::schema::django_imports;
use crate::db::{Conn, insert_all};
use crate::ids::UserId;

/// The row of an imported account in `django_imports`.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = django_imports, primary_key(user_id), treat_none_as_default_value = false)]
pub(super) struct ImportRecord {
    pub(super) user_id: UserId,
    /// The digest of Django's password at the last import.
    pub(super) password_digest: Vec<u8>,
    /// The digest of the same password as it is stored here; a rehash changes it.
    pub(super) password_here: Vec<u8>,
    pub(super) profile_digest: Vec<u8>,
    pub(super) workos_user_id: Option<String>,
    pub(super) is_active: bool,
    pub(super) is_staff: bool,
    pub(super) is_superuser: bool,
    pub(super) imported_at: Timestamp,
    /// Django's key, if it is no integer.
    pub(super) django_id: Option<String>,
    /// The name of Django's table, as [`SourceTable`](super::source_table) tells it; `None` if an earlier version
    /// imported the account.
    pub(super) source_table: Option<String>,
}

impl ImportRecord {
    /// The record of a row that is imported for the first time. `password` and `email` are the
    /// values that are written here.
    pub(super) fn new(
        user_id: UserId,
        row: &DjangoUser,
        (password, email): (&str, &str),
        source_table: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            user_id,
            password_digest: password_digest(password),
            password_here: password_digest(password),
            profile_digest: profile_digest(email, &row.first_name, &row.last_name),
            workos_user_id: row.workos_user_id.clone(),
            is_active: row.is_active,
            is_staff: row.is_staff,
            is_superuser: row.is_superuser,
            imported_at: now,
            django_id: row.key.django_id().map(str::to_owned),
            source_table: Some(source_table.to_owned()),
        }
    }

    /// The records of these accounts.
    pub(super) fn with_ids(conn: &mut Conn, ids: &[UserId]) -> QueryResult<Vec<Self>> {
        django_imports::table
            .filter(django_imports::user_id.eq_any(ids))
            .select(Self::as_select())
            .load(conn)
    }

    /// The records of the users with these keys in Django, which are no integers.
    pub(super) fn with_django_ids(conn: &mut Conn, keys: &[&str]) -> QueryResult<Vec<Self>> {
        django_imports::table
            .filter(django_imports::django_id.eq_any(keys))
            .select(Self::as_select())
            .load(conn)
    }

    pub(super) fn insert_all(conn: &mut Conn, records: &[Self]) -> QueryResult<usize> {
        insert_all!(conn, django_imports::table, records)
    }

    pub(super) fn save(&self, conn: &mut Conn) -> QueryResult<usize> {
        diesel::update(django_imports::table.find(self.user_id))
            .set(self)
            .execute(conn)
    }

    /// Notes that Django has closed the account.
    pub(super) fn set_closed(conn: &mut Conn, user_id: UserId) -> QueryResult<usize> {
        diesel::update(django_imports::table.find(user_id))
            .set(django_imports::is_active.eq(false))
            .execute(conn)
    }

    /// Notes that these accounts belong to rows of this table.
    pub(super) fn set_source_table(
        conn: &mut Conn,
        ids: &[UserId],
        source_table: &str,
    ) -> QueryResult<usize> {
        if ids.is_empty() {
            return Ok(0);
        }
        let records = django_imports::table.filter(django_imports::user_id.eq_any(ids));
        diesel::update(records)
            .set(django_imports::source_table.eq(source_table))
            .execute(conn)
    }

    /// Whether the account may have been imported from this table.
    pub(super) fn is_of_table(&self, source_table: &str) -> bool {
        let known = self.source_table.as_deref();
        known.is_none_or(|known| known == source_table)
    }

    /// Whether the account's time of joining is Django's. If Django's was unknown, it is the time of the import.
    pub(super) fn knows_joining_of(&self, user: &User) -> bool {
        user.date_joined != self.imported_at
    }

    /// Whether the account still has the imported password, perhaps rehashed.
    pub(super) fn matches_password_of(&self, user: &User) -> bool {
        self.password_here == password_digest(&user.password)
    }

    /// Whether the account is open after the row was merged into it.
    pub(super) fn merged_is_active(&self, user: &User, row: &DjangoUser) -> bool {
        merged_flag(row.is_active, user.is_active, self.is_active).unwrap_or(user.is_active)
    }

    /// Whether an import may take the email of a closed account away: it is Django's, and WorkOS does not know the account,
    /// or an import has linked it.
    pub(super) fn can_release_email_of(&self, user: &User) -> bool {
        let is_linked_here =
            user.workos_user_id.is_some() && user.workos_user_id != self.workos_user_id;
        !is_linked_here && self.matches_profile_of(user)
    }

    /// Whether any account was imported before.
    pub(super) fn has_any(conn: &mut Conn) -> QueryResult<bool> {
        let ids = django_imports::table.select(django_imports::user_id);
        let first: Option<UserId> = ids.first(conn).optional()?;
        Ok(first.is_some())
    }

    /// Whether the account still has the imported email and names.
    pub(super) fn matches_profile_of(&self, user: &User) -> bool {
        self.profile_digest == profile_digest(&user.email, &user.first_name, &user.last_name)
    }
}

/// The new value of a flag that has changed in Django since the last import and has not changed here.
pub(super) fn merged_flag(django: bool, account: bool, recorded: bool) -> Option<bool> {
    (django != recorded && account == recorded).then_some(django)
}

/// The digest of an email and two names. They are joined by NUL, which none of them contains, so
/// that two different profiles never share a digest.
pub(super) fn profile_digest(email: &str, first_name: &str, last_name: &str) -> Vec<u8> {
    let profile = [email, first_name, last_name].join("\0");
    digest(&SHA256, profile.as_bytes()).as_ref().to_vec()
}
