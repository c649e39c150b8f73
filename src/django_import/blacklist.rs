//! simplejwt's blacklist: what Django revoked stays revoked.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable};

use super::decode::{self, RawCell};
use super::report::{ImportTally, RefusalReason, RefusedRow};
use super::source::DjangoUserTable;
use super::{ImportError, write_again_when_taken};
use crate::clock::Timestamp;
use crate::db::schema::users;
use crate::db::source::ForeignDatabase;
use crate::db::{Conn, Database, DbError};
use crate::tokens::RefreshTokenRow;

const OUTSTANDING: &str = "token_blacklist_outstandingtoken";
const BLACKLISTED: &str = "token_blacklist_blacklistedtoken";

/// A blacklisted token as it was read, without the token itself.
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

/// The statement that reads the blacklist; `None` where Django has none. A blacklist that cannot be
/// read ends the import: left out, it would make revoked tokens good again.
pub(super) fn find(
    source: &mut ForeignDatabase,
    users: &DjangoUserTable,
) -> Result<Option<String>, ImportError> {
    let mut tables = Vec::new();
    for (name, wanted) in [
        (
            OUTSTANDING,
            &["id", "jti", "user_id", "created_at", "expires_at"][..],
        ),
        (BLACKLISTED, &["token_id", "blacklisted_at"]),
    ] {
        let name = users.neighbour(name);
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
        tables.push(table);
    }
    let cell = |column: &str, name: &str| source.as_bytes(Some(column), name);
    let cells = [
        cell("o.id", "c_id"),
        cell("o.jti", "c_jti"),
        cell("o.user_id", "c_user_id"),
        cell("o.created_at", "c_created_at"),
        cell("o.expires_at", "c_expires_at"),
        cell("b.blacklisted_at", "c_blacklisted_at"),
    ]
    .join(", ");
    let tables = tables.join(" AS o JOIN ");
    Ok(Some(format!(
        "SELECT {cells} FROM {tables} AS b ON b.token_id = o.id ORDER BY o.id"
    )))
}

/// Brings a batch of the blacklist in one transaction, or only looks what it would do, and counts.
pub(super) fn bring(
    target: &Database,
    batch: Vec<RawToken>,
    now: Timestamp,
    dry_run: bool,
    tally: &mut ImportTally,
) -> Result<(), ImportError> {
    let mut rows = Vec::with_capacity(batch.len());
    for cells in batch {
        let id = decode::shown(&cells.c_id);
        match cells.check(now) {
            Ok(row) if row.expires_at <= now => tally.expired += 1,
            Ok(row) => rows.push(row),
            Err(reason) => tally.refuse(RefusedRow::new(id, reason)),
        }
    }
    let done = if dry_run {
        target.read_blocking(|conn| write(conn, &rows, true))?
    } else {
        write_again_when_taken(target, |conn| write(conn, &rows, false))?
    };
    tally.add(done);
    Ok(())
}

impl RawToken {
    fn check(self, now: Timestamp) -> Result<RefreshTokenRow, RefusalReason> {
        let jti = decode::text(self.c_jti)?.filter(|jti| !jti.is_empty());
        let jti = jti.ok_or(RefusalReason::NoJti)?;
        let revoked_at = decode::moment(self.c_blacklisted_at)?.unwrap_or(now);
        Ok(RefreshTokenRow {
            family: jti.clone(),
            jti,
            // A key of another kind is nobody's here.
            user_id: decode::text(self.c_user_id)?.and_then(|id| id.parse().ok()),
            sid: None,
            session_id: None,
            issued_at: decode::moment(self.c_created_at)?.unwrap_or(revoked_at),
            // Without an end that can be read it stays revoked for good.
            expires_at: decode::moment(self.c_expires_at)
                .ok()
                .flatten()
                .unwrap_or(Timestamp::FAR_AWAY),
            family_expires_at: None,
            consumed_at: None,
            successor: None,
            revoked_at: Some(revoked_at),
        })
    }
}

fn write(conn: &mut Conn, rows: &[RefreshTokenRow], dry_run: bool) -> Result<ImportTally, DbError> {
    let jtis: Vec<&str> = rows.iter().map(|row| row.jti.as_str()).collect();
    let known: HashMap<String, bool> = RefreshTokenRow::with_jtis(conn, &jtis)?
        .into_iter()
        .map(|row| (row.jti, row.revoked_at.is_some()))
        .collect();
    let ours = imported_among(conn, rows)?;
    let (mut tally, mut new, mut seen) = (ImportTally::default(), Vec::new(), HashSet::new());
    for row in rows {
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
                let user_id = row.user_id.filter(|id| ours.contains(id));
                new.push(RefreshTokenRow {
                    user_id,
                    ..row.clone()
                });
                tally.taken += 1;
            }
        }
    }
    if !dry_run && !new.is_empty() {
        RefreshTokenRow::insert_all(conn, &new)?;
    }
    Ok(tally)
}

/// Whose tokens these are, of those who were imported: another account's id may be the same.
fn imported_among(conn: &mut Conn, rows: &[RefreshTokenRow]) -> QueryResult<HashSet<i64>> {
    let ids: Vec<i64> = rows.iter().filter_map(|row| row.user_id).collect();
    let imported = users::table.filter(users::imported.eq(true));
    let imported = imported.filter(users::id.eq_any(ids));
    let imported: Vec<i64> = imported.select(users::id).load(conn)?;
    Ok(imported.into_iter().collect())
}
