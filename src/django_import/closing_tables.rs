//! Tables and groups that may close accounts, and are not read: the report names them.

use super::active::{says_closed_of_persons, says_closed_of_table};
use super::error::ImportError;
use super::factor_table_names::may_hold_factors;
use super::user_table::UserTableName;
use super::values::ColumnValues;
use crate::db::source::ForeignDatabase;

/// Columns of tables that name users without a foreign key.
const USERS: [&str; 8] = [
    "account_id",
    "email",
    "member_id",
    "user",
    "user_email",
    "user_id",
    "userid",
    "username",
];
/// Tables whose names say so of tokens.
const OF_TOKENS: [&str; 2] = [
    "token_blacklist_blacklistedtoken",
    "token_blacklist_outstandingtoken",
];

/// The lines of the report.
pub(super) fn closing_tables(
    source: &mut ForeignDatabase,
    users: &UserTableName<'_>,
) -> Result<Vec<String>, ImportError> {
    let referring = source.foreign_keys_to(users.referred());
    let referring = referring.map_err(ImportError::Source)?;
    let mut lines = Vec::new();
    for table in source.tables().map_err(ImportError::Source)? {
        let plain = table.plain();
        let is_other = plain == users.plain
            || OF_TOKENS.contains(&plain)
            || may_hold_factors(plain, users.plain);
        if is_other || !says_closed_of_table(plain) {
            continue;
        }
        let columns = source.columns(&table.quoted);
        let columns = columns.map_err(ImportError::Source)?;
        let refers = referring.iter().any(|key| key.table == table.name);
        let mut names = columns.iter().map(|column| column.name.as_str());
        if !refers && !names.any(|name| USERS.contains(&name)) {
            continue;
        }
        let rows = source.count(&table.quoted).map_err(ImportError::Source)?;
        if rows > 0 {
            lines.push(format!("{rows:>8} {}", plain.escape_debug()));
        }
    }
    lines.extend(closing_groups(source, users)?);
    Ok(lines)
}

/// Groups such as `Banned users`.
fn closing_groups(
    source: &mut ForeignDatabase,
    users: &UserTableName<'_>,
) -> Result<Vec<String>, ImportError> {
    let Some(groups) = &users.groups else {
        return Ok(Vec::new());
    };
    let columns = source.columns(groups).map_err(ImportError::Source)?;
    if !columns.iter().any(|column| column.name == "name") {
        return Ok(Vec::new());
    }
    let names = ColumnValues::read(source, groups, "name")?.unwrap_or_default();
    let closed = names.texts().filter(|name| says_closed_of_persons(name));
    let lines = closed.map(|name| format!("the group {}", name.escape_debug()));
    Ok(lines.collect())
}
