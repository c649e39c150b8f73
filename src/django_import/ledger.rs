//! What was brought of a row: the memory that tells a change here from a change there.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;

use super::row::DjangoUser;
use crate::accounts::User;
use crate::accounts::import_ledger::password_digest;
use crate::clock::Timestamp;
use crate::db::schema::django_imports;
use crate::db::{Conn, insert_all};

/// The row of an imported account in `django_imports`.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = django_imports, primary_key(user_id), treat_none_as_default_value = false)]
pub(super) struct ImportRecord {
    pub(super) user_id: i64,
    /// Of Django's password.
    pub(super) password_digest: Vec<u8>,
    /// Of the same password here.
    pub(super) password_here: Vec<u8>,
    pub(super) profile_digest: Vec<u8>,
    pub(super) workos_user_id: Option<String>,
    pub(super) is_active: bool,
    pub(super) is_staff: bool,
    pub(super) is_superuser: bool,
    pub(super) imported_at: Timestamp,
}

impl ImportRecord {
    /// Of a row that is brought for the first time; `password` and `email` are what is written here.
    pub(super) fn new(row: &DjangoUser, password: &str, email: &str, now: Timestamp) -> Self {
        Self {
            user_id: row.id,
            password_digest: password_digest(password),
            password_here: password_digest(password),
            profile_digest: of_profile(email, &row.first_name, &row.last_name),
            workos_user_id: row.workos_user_id.clone(),
            is_active: row.is_active,
            is_staff: row.is_staff,
            is_superuser: row.is_superuser,
            imported_at: now,
        }
    }

    /// Those of these accounts.
    pub(super) fn of(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Self>> {
        django_imports::table
            .filter(django_imports::user_id.eq_any(ids))
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

    /// Whether the password here is the one that was brought, under whatever scheme.
    pub(super) fn has_password_of(&self, user: &User) -> bool {
        self.password_here == password_digest(&user.password)
    }

    /// Whether e-mail and names here are the ones that were brought.
    pub(super) fn has_profile_of(&self, user: &User) -> bool {
        self.profile_digest == of_profile(&user.email, &user.first_name, &user.last_name)
    }
}

/// No text holds a NUL, so that no two profiles make one digest.
pub(super) fn of_profile(email: &str, first_name: &str, last_name: &str) -> Vec<u8> {
    let profile = [email, first_name, last_name].join("\0");
    digest(&SHA256, profile.as_bytes()).as_ref().to_vec()
}
