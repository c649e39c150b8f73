//! The name of Django's user table at the last import, and its new name.

use diesel::prelude::*;

use super::error::ImportError;
use super::source::DjangoUserTable;
use crate::db::schema::{django_import_options, django_imports};
use crate::db::{Conn, Database, DbError, insert_all};

/// Refuses `--renamed-from OLD` if no account was imported from that table, or if an option is missing with which its
/// imports decided which accounts are closed.
pub(super) fn refuse_wrong_name(
    target: &Database,
    old: &str,
    table: &DjangoUserTable,
) -> Result<(), ImportError> {
    let (mut known, options) = target.read_blocking(|conn| {
        let names = django_imports::table.select(django_imports::source_table);
        let names: Vec<Option<String>> = names.distinct().load(conn)?;
        let names: Vec<String> = names.into_iter().flatten().collect();
        Ok::<_, DbError>((names, options_of(conn, plain_name(old))?))
    })?;
    if !known.iter().any(|name| name == old) {
        known.sort();
        let known = match known.is_empty() {
            true => "no earlier import has recorded a table".to_owned(),
            false => format!(
                "accounts were imported from {}",
                known.join(", ").escape_debug()
            ),
        };
        return Err(ImportError::Impossible(format!(
            "--renamed-from: no account was imported from a table {old:?}; {known}"
        )));
    }
    let missing = options
        .into_iter()
        .filter(|option| table.lacks_flag_option(option));
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ImportError::Impossible(format!(
        "--renamed-from: an earlier import of {} passed {}; without that, accounts that are closed would be opened. \
         Pass it again",
        old.escape_debug(),
        missing.join(" ").escape_debug(),
    )))
}

/// A table's name without its schema.
fn plain_name(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}

/// Records that the accounts of the table `old` belong to the rows of this table from now on, and that the options
/// of its imports apply to this table.
pub(super) fn rename_source(
    target: &Database,
    old: &str,
    table: &DjangoUserTable,
) -> Result<(), ImportError> {
    let (old_name, new_name) = (plain_name(old), table.plain_name());
    target.write_blocking(|conn| {
        let accounts = django_imports::table.filter(django_imports::source_table.eq(old));
        diesel::update(accounts)
            .set(django_imports::source_table.eq(table.source_name()))
            .execute(conn)?;
        let known = options_of(conn, new_name)?;
        let old = options_of(conn, old_name)?.into_iter();
        let missing = old.filter(|option| !known.contains(option));
        let missing = missing.map(|option| {
            (
                django_import_options::source_table.eq(new_name),
                django_import_options::option.eq(option),
            )
        });
        let missing: Vec<_> = missing.collect();
        if !missing.is_empty() {
            insert_all!(conn, django_import_options::table, &missing)?;
        }
        Ok::<_, DbError>(())
    })?;
    Ok(())
}

fn options_of(conn: &mut Conn, name: &str) -> QueryResult<Vec<String>> {
    django_import_options::table
        .filter(django_import_options::source_table.eq(name))
        .select(django_import_options::option)
        .load(conn)
}
