//! The part of the import's ledger (`django_imports`) that sign-ins and the opening and closing of accounts have to keep
//! correct.
//!
//! `import-django` stores a digest of each imported password. A password that differs from its
//! digest was changed here, and a later import does not overwrite it. A rehash at a sign-in is no
//! such change.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::dsl::exists;
use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::{django_import_items, django_imports};
use crate::ids::UserId;

/// Replaces the digest of an imported password after a sign-in has hashed the same password again.
/// Does nothing for an account that was not imported, or whose password was changed here.
pub(crate) fn record_rehash(
    conn: &mut Conn,
    user_id: UserId,
    old: &str,
    new: &str,
) -> QueryResult<usize> {
    let entry = django_imports::table
        .find(user_id)
        .filter(django_imports::password_here.eq(password_digest(old)));
    diesel::update(entry)
        .set(django_imports::password_here.eq(password_digest(new)))
        .execute(conn)
}

/// Records that an account that an import has closed was closed here too, so that no later import opens it. Does nothing
/// for an account that was not imported, or that Django has not closed.
pub(crate) fn record_closing(conn: &mut Conn, user_id: UserId) -> QueryResult<usize> {
    set_active(conn, user_id, true)
}

/// Records that an account was opened here that Django had closed at the last import, so that no later import closes it
/// for that. An account that was closed here alone follows Django again.
pub(crate) fn record_opening(conn: &mut Conn, user_id: UserId) -> QueryResult<usize> {
    let closing = django_import_items::table
        .filter(django_import_items::user_id.eq(user_id))
        .filter(django_import_items::kind.eq("closed"));
    match diesel::select(exists(closing)).get_result(conn)? {
        true => set_active(conn, user_id, false),
        false => Ok(0),
    }
}

/// Sets what the import compares the account's flag with.
fn set_active(conn: &mut Conn, user_id: UserId, is_active: bool) -> QueryResult<usize> {
    diesel::update(django_imports::table.find(user_id))
        .set(django_imports::is_active.eq(is_active))
        .execute(conn)
}

/// The SHA-256 digest of a stored password hash.
pub(crate) fn password_digest(password: &str) -> Vec<u8> {
    digest(&SHA256, password.as_bytes()).as_ref().to_vec()
}
