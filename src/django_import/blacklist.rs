//! Imports simplejwt's blacklist, so that tokens that Django revoked stay revoked.

use std::collections::{HashMap, HashSet};

use diesel::sql_types::{Binary, Nullable};

use super::decode::{self, RawCell};
use super::error::ImportError;
use super::key::{KeyColumn, imported_accounts};
use super::related::OUTSTANDING;
use super::report::{ImportTally, RefusalReason, RefusedRow};
use super::source::DjangoUserTable;
use super::transaction::write_retrying_conflicts;
use crate::accounts::UserKey;
use crate::clock::Timestamp;
use crate::db::source::ForeignDatabase;
use crate::db::{Conn, Database, DbError};
use crate::tokens::RefreshTokenRow;

const BLACKLISTED: &str = "token_blacklist_blacklistedtoken";

/// A row of the blacklist as it was read. The token itself is not read.
#[derive(Clone, Debug, Default, diesel::QueryableByName)]
pub(super) struct RawToken {
    #[diesel(sql_type = Nullable<Binary>)]
    c_id: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_jti: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_user_id: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_created_at: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_expires_at: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_blacklisted_at: RawCell,
}

/// The statement that reads the blacklist, and what its column of users' keys holds; `None` if Django has
/// no blacklist. A blacklist that cannot be read stops the import, since revoked tokens would become valid
/// again without it.
pub(super) fn find_query(
    source: &mut ForeignDatabase,
    users: &DjangoUserTable,
) -> Result<Option<(String, KeyColumn)>, ImportError> {
    let (mut tables, mut keys) = (Vec::new(), users.key_column());
    for (name, wanted) in [
        (
            OUTSTANDING,
            &["id", "jti", "user_id", "created_at", "expires_at"][..],
        ),
        (BLACKLISTED, &["token_id", "blacklisted_at"]),
    ] {
        let name = users.in_same_schema(name);
        let Some(table) = source.table(&name).map_err(ImportError::Source)? else {
            return Ok(None);
        };
        let columns = source.columns(&table).map_err(ImportError::Source)?;
        for column in wanted {
            if !columns.iter().any(|known| known.name == *column) {
                return Err(ImportError::Impossible(format!(
                    "--from: the table {name} has no column {column}; migrate simplejwt's token_blacklist first"
                )));
            }
        }
        if let Some(column) = columns.iter().find(|column| column.name == "user_id") {
            keys = KeyColumn::of(column);
        }
        tables.push(table);
    }
    let mut user_id = "o.user_id".to_owned();
    let owner = users.related().token_owner();
    if let Some(referenced) = owner.filter(|referenced| *referenced != users.key()) {
        // `--column id=…` names another column than the one that this refers to.
        let (table, column) = (users.name(), users.key());
        user_id = format!("(SELECT u.{column} FROM {table} AS u WHERE u.{referenced} = o.user_id)");
        keys = users.key_column();
    }
    let cell = |column: &str, name: &str| source.as_bytes(Some(column), name);
    let cells = [
        cell("o.id", "c_id"),
        cell("o.jti", "c_jti"),
        cell(&user_id, "c_user_id"),
        cell("o.created_at", "c_created_at"),
        cell("o.expires_at", "c_expires_at"),
        cell("b.blacklisted_at", "c_blacklisted_at"),
    ]
    .join(", ");
    let tables = tables.join(" AS o JOIN ");
    let query = format!("SELECT {cells} FROM {tables} AS b ON b.token_id = o.id ORDER BY o.id");
    Ok(Some((query, keys)))
}

/// Imports a batch of the blacklist in one transaction, or simulates it in a dry run, and adds to
/// the counts.
pub(super) fn import_batch(
    target: &Database,
    (keys, source_table): (KeyColumn, &str),
    batch: Vec<RawToken>,
    now: Timestamp,
    dry_run: bool,
    tally: &mut ImportTally,
) -> Result<(), ImportError> {
    let mut rows = Vec::with_capacity(batch.len());
    for raw in batch {
        let id = decode::displayed(&raw.c_id);
        match raw.check(keys, now) {
            Ok((row, _)) if row.expires_at <= now => tally.expired += 1,
            Ok(row) => rows.push(row),
            Err(reason) => tally.refuse(RefusedRow::new(id, reason)),
        }
    }
    let done = if dry_run {
        target.read_blocking(|conn| write(conn, &rows, source_table, true))?
    } else {
        write_retrying_conflicts(target, |conn| write(conn, &rows, source_table, false))?
    };
    tally.add(done);
    Ok(())
}

impl RawToken {
    /// The row, not yet with its user, and the user's key.
    fn check(
        self,
        keys: KeyColumn,
        now: Timestamp,
    ) -> Result<(RefreshTokenRow, Option<UserKey>), RefusalReason> {
        // Without a readable key, the token belongs to no account here.
        let key = keys.read(self.c_user_id).ok();
        let jti = decode::text(self.c_jti)?.filter(|jti| !jti.is_empty());
        let jti = jti.ok_or(RefusalReason::NoJti)?;
        let revoked_at = decode::timestamp(self.c_blacklisted_at)?.unwrap_or(now);
        let row = RefreshTokenRow {
            family: jti.clone(),
            jti,
            user_id: None,
            sid: None,
            session_id: None,
            issued_at: decode::timestamp(self.c_created_at)?.unwrap_or(revoked_at),
            // A token without a readable expiry stays revoked forever.
            expires_at: decode::timestamp(self.c_expires_at)
                .ok()
                .flatten()
                .unwrap_or(Timestamp::FAR_AWAY),
            family_expires_at: None,
            consumed_at: None,
            successor: None,
            revoked_at: Some(revoked_at),
            sign_in_method: None,
            sign_in_subject: None,
        };
        Ok((row, key))
    }
}

fn write(
    conn: &mut Conn,
    rows: &[(RefreshTokenRow, Option<UserKey>)],
    source_table: &str,
    dry_run: bool,
) -> Result<ImportTally, DbError> {
    let jtis: Vec<&str> = rows.iter().map(|(row, _)| row.jti.as_str()).collect();
    let known: HashMap<String, bool> = RefreshTokenRow::with_jtis(conn, &jtis)?
        .into_iter()
        .map(|row| (row.jti, row.revoked_at.is_some()))
        .collect();
    let keys = rows.iter().filter_map(|(_, key)| key.as_ref());
    let accounts = imported_accounts(conn, keys, source_table)?;
    let (mut tally, mut new, mut seen) = (ImportTally::default(), Vec::new(), HashSet::new());
    for (row, key) in rows {
        if !seen.insert(row.jti.as_str()) {
            continue;
        }
        match (known.get(&row.jti), row.revoked_at) {
            (Some(false), Some(since)) => {
                if !dry_run {
                    RefreshTokenRow::revoke(conn, &row.jti, since)?;
                }
                tally.updated += 1;
            }
            (Some(_), _) => tally.unchanged += 1,
            (None, _) => {
                let user_id = key.as_ref().and_then(|key| accounts.get(key).copied());
                new.push(RefreshTokenRow {
                    user_id,
                    ..row.clone()
                });
                tally.inserted += 1;
            }
        }
    }
    if !dry_run && !new.is_empty() {
        RefreshTokenRow::insert_all(conn, &new)?;
    }
    Ok(tally)
}
