//! The part of the import's ledger (`django_imports`) that a sign-in has to keep correct.
//!
//! `import-django` stores a digest of each imported password. A password that differs from its
//! digest was changed here, and a later import does not overwrite it. A rehash at a sign-in is no
//! such change.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::django_imports;
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

/// The SHA-256 digest of a stored password hash.
pub(crate) fn password_digest(password: &str) -> Vec<u8> {
    digest(&SHA256, password.as_bytes()).as_ref().to_vec()
}
