//! Replaces the keys of emails that an earlier version computed.
//!
//! SQL cannot compute them, so this is no migration: `migrate`, the start of the server and an import call it.
//! Only keys with letters beyond ASCII can differ, and only rows with such keys are read.

use std::collections::HashMap;

use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::account_addresses::{delete_further_addresses, unverify_closed_owners};
use super::email_key::email_key;
use crate::db::schema::users;
use crate::db::{Conn, Database, DbError, on_unique_violation};
use crate::ids::UserId;

/// The result of [`rewrite_email_keys`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewrittenEmailKeys {
    /// The number of accounts with a new key.
    pub rewritten: usize,
    /// The accounts that keep their earlier key, because their addresses are now the same as another
    /// account's. Each can still be reached by its address as it is written.
    pub conflicts: Vec<UserId>,
}

impl RewrittenEmailKeys {
    /// Logs what was done.
    pub fn log(&self) {
        if self.rewritten > 0 {
            log::info!(
                "updated the keys of the emails of {} accounts",
                self.rewritten
            );
        }
        if !self.conflicts.is_empty() {
            log::warn!("{}", self.conflict_message());
        }
    }

    /// A sentence that names the accounts in conflict.
    pub fn conflict_message(&self) -> String {
        let ids: Vec<_> = self.conflicts.iter().map(ToString::to_string).collect();
        format!(
            "the emails of these accounts are other spellings of another account's email: {}; see accounts.W005 of `vestibule check`",
            ids.join(", ")
        )
    }
}

/// A row whose key is not that of its email.
struct EarlierKey {
    id: UserId,
    earlier: String,
    key: String,
    is_verified: bool,
}

/// Whether the stored key of this email is that of an earlier version.
pub fn has_earlier_key(email: &str, key: &str) -> bool {
    !email.is_empty() && key != email_key(email)
}

/// Gives every account the current key of its email. Of accounts that would get the same key none is changed,
/// because nobody can know whether they are one person's. Does nothing if all keys are current.
pub fn rewrite_email_keys(database: &Database) -> Result<RewrittenEmailKeys, DbError> {
    if database.read_blocking(earlier_keys)?.is_empty() {
        return Ok(RewrittenEmailKeys::default());
    }
    database.write_blocking(|conn| {
        let mut result = RewrittenEmailKeys::default();
        let mut rows_of_key: HashMap<String, Vec<EarlierKey>> = HashMap::new();
        for row in earlier_keys(conn)? {
            rows_of_key.entry(row.key.clone()).or_default().push(row);
        }
        for rows in rows_of_key.into_values() {
            match rows.as_slice() {
                [row] if row.rewrite(conn)? => result.rewritten += 1,
                rows => result.conflicts.extend(rows.iter().map(|row| row.id)),
            }
        }
        result.conflicts.sort_unstable();
        Ok(result)
    })
}

fn earlier_keys(conn: &mut Conn) -> Result<Vec<EarlierKey>, DbError> {
    let beyond_ascii = sql::<Bool>("octet_length(email_key) <> length(email_key)");
    let rows: Vec<(UserId, String, String, bool)> = users::table
        .filter(beyond_ascii)
        .select((
            users::id,
            users::email,
            users::email_key,
            users::email_verified,
        ))
        .load(conn)?;
    let rows = rows.into_iter();
    let earlier = rows.filter(|(_, email, key, _)| has_earlier_key(email, key));
    Ok(earlier
        .map(|(id, email, earlier, is_verified)| EarlierKey {
            id,
            earlier,
            key: email_key(&email),
            is_verified,
        })
        .collect())
}

impl EarlierKey {
    /// Writes the new key; `false` if another account has it.
    fn rewrite(&self, conn: &mut Conn) -> QueryResult<bool> {
        let row = users::table
            .find(self.id)
            .filter(users::email_key.eq(&self.earlier));
        let written = on_unique_violation(conn, |conn| {
            diesel::update(row)
                .set(users::email_key.eq(&self.key))
                .execute(conn)
        })?;
        if written.is_some() && self.is_verified {
            // A closed account takes no address away.
            unverify_closed_owners(conn, &[&self.key])?;
            let own = users::table
                .find(self.id)
                .filter(users::email_verified.eq(true));
            if diesel::select(exists(own)).get_result(conn)? {
                delete_further_addresses(conn, &[&self.key])?;
            }
        }
        Ok(written.is_some())
    }
}
