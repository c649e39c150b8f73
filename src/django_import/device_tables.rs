//! Conditions that an account has a second factor in a column or table.

use super::active::FALSE;
use crate::db::source::{Column, ForeignDatabase, quote_identifier};

/// Columns that say whether a factor is in use.
const IN_USE: [&str; 8] = [
    "active",
    "confirmed",
    "enabled",
    "is_active",
    "is_confirmed",
    "is_enabled",
    "is_verified",
    "verified",
];
/// What a column of a factor holds for accounts without one, besides the spellings of a false flag.
const NO_VALUE: &str =
    "'none', 'null', 'n/a', 'disabled', 'inactive', 'not_set', 'unset', '[]', '{}', '\"\"'";
/// The table of django-mfa2. It names users by their usernames and has no foreign key.
pub(super) const MFA2: &str = "mfa_user_keys";

/// The condition that a quoted column says that an account has a factor.
pub(super) fn column_is_in_use(source: &ForeignDatabase, column: &str) -> String {
    let text = source.as_text(column);
    format!("COALESCE(lower(trim({text})), '') NOT IN ('', {FALSE}, {NO_VALUE})")
}

/// The condition that a row `r` is a factor in use, for a table with these columns, after another condition.
pub(super) fn is_in_use(source: &ForeignDatabase, columns: &[Column]) -> String {
    let flags = columns
        .iter()
        .filter(|column| IN_USE.contains(&column.name.as_str()));
    let conditions = flags.map(|column| {
        let text = source.as_text(&format!("r.{}", quote_identifier(&column.name)));
        format!(" AND COALESCE(lower({text}), 'true') NOT IN ({FALSE})")
    });
    conditions.collect()
}
