//! Remembers with which options an import decided which accounts are closed. A later import without one of them would
//! open the accounts that the option has closed.

use diesel::prelude::*;

use super::error::ImportError;
use super::source::DjangoUserTable;
use crate::db::schema::django_import_options;
use crate::db::{Conn, Database, DbError, insert_all};

/// A row of `django_import_options`.
#[derive(Insertable)]
#[diesel(table_name = django_import_options)]
struct FlagOption<'a> {
    source_table: &'a str,
    option: &'a str,
}

/// Refuses an import that lacks an option of an earlier one, unless the table has lost its column.
pub(super) fn refuse_missing_options(
    target: &Database,
    table: &DjangoUserTable,
) -> Result<(), ImportError> {
    let name = table.plain_name();
    let known = target.read_blocking(|conn| Ok::<_, DbError>(known_options(conn, name)?))?;
    let missing: Vec<String> = known
        .into_iter()
        .filter(|option| table.lacks_flag_option(option))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ImportError::Impossible(format!(
        "--table: an earlier import of {} passed {}; without that, accounts that are closed would be opened. Pass it \
         again",
        name.escape_debug(),
        missing.join(" ").escape_debug(),
    )))
}

/// Adds the options of this import to those of earlier ones.
pub(super) fn remember_options(
    target: &Database,
    table: &DjangoUserTable,
) -> Result<(), ImportError> {
    let source_table = table.plain_name();
    target.write_blocking(|conn| {
        let known = known_options(conn, source_table)?;
        let used = table.flag_options().iter();
        let new: Vec<FlagOption<'_>> = used
            .filter(|option| !known.contains(option))
            .map(|option| FlagOption {
                source_table,
                option,
            })
            .collect();
        if !new.is_empty() {
            insert_all!(conn, django_import_options::table, &new)?;
        }
        Ok::<_, DbError>(())
    })?;
    Ok(())
}

fn known_options(conn: &mut Conn, table: &str) -> QueryResult<Vec<String>> {
    django_import_options::table
        .filter(django_import_options::source_table.eq(table))
        .select(django_import_options::option)
        .order(django_import_options::option)
        .load(conn)
}
