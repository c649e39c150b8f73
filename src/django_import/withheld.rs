//! Passwords that stay withheld because of a second factor that does not exist here.
//!
//! With `--require-totp`, an account with such a factor is imported without its password, and
//! `django_import_items` records the tables of the factor. A later run, with or without the option, leaves the
//! password out too, until it has read these tables, or `--no-factor` names them, and no factor of the account was
//! found in any table.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::item::{ImportItem, ItemKind, RecordedItems, forget_all};
use super::ledger::ImportRecord;
use super::second_factor::DjangoFactor;
use crate::accounts::User;
use crate::accounts::second_factor::has_second_factor;
use crate::db::Conn;
use crate::db::schema::django_import_items;
use crate::ids::UserId;

/// The accounts of a batch whose passwords earlier runs have withheld.
pub(super) struct WithheldPasswords {
    /// The tables of the factors.
    tables: HashMap<UserId, BTreeSet<String>>,
    /// The accounts for which an authenticator app was imported.
    with_app: BTreeSet<UserId>,
}

impl WithheldPasswords {
    pub(super) fn load<'a>(
        conn: &mut Conn,
        users: impl Iterator<Item = &'a UserId>,
    ) -> QueryResult<Self> {
        let mut found = Self {
            tables: HashMap::new(),
            with_app: BTreeSet::new(),
        };
        let ids: Vec<&UserId> = users.collect();
        if ids.is_empty() {
            return Ok(found);
        }
        let kinds = [ItemKind::Withheld.name(), ItemKind::Totp.name()];
        let rows: Vec<(UserId, String, String)> = django_import_items::table
            .filter(django_import_items::user_id.eq_any(ids))
            .filter(django_import_items::kind.eq_any(kinds))
            .load(conn)?;
        for (user_id, kind, value) in rows {
            if kind == ItemKind::Withheld.name() {
                found.tables.entry(user_id).or_default().insert(value);
            } else {
                found.with_app.insert(user_id);
            }
        }
        Ok(found)
    }

    /// Whether the password of an account stays withheld in this run. `read`: the tables of factors that are read, and
    /// those that `--no-factor` has left out; `imports_apps`: whether authenticator apps are imported.
    pub(super) fn keeps(
        &self,
        conn: &mut Conn,
        (user, record): (&User, &ImportRecord),
        factor: &DjangoFactor,
        ([read, left_out], imports_apps): ([&BTreeSet<String>; 2], bool),
    ) -> QueryResult<bool> {
        let Some(tables) = self.tables.get(&user.id) else {
            return Ok(false);
        };
        Ok(match factor {
            DjangoFactor::Missing => {
                let mut tables = tables.iter();
                !tables.all(|table| read.contains(table) || left_out.contains(table))
            }
            DjangoFactor::Other(_) => true,
            // The app that this run imports protects the account.
            DjangoFactor::Totp(_) if imports_apps => {
                let is_imported =
                    !self.with_app.contains(&user.id) && record.matches_password_of(user);
                !is_imported && !has_second_factor(conn, user.id)?
            }
            DjangoFactor::Totp(_) => true,
        })
    }
}

/// The tables and columns of factors because of which passwords are withheld.
pub(super) fn withheld_tables(conn: &mut Conn) -> QueryResult<BTreeSet<String>> {
    let withheld = django_import_items::kind.eq(ItemKind::Withheld.name());
    let tables = django_import_items::table.filter(withheld);
    let tables = tables.select(django_import_items::value).distinct();
    Ok(tables.load(conn)?.into_iter().collect())
}

/// Records that the password of an account is withheld because of factors in these tables.
pub(super) fn record_withheld(
    conn: &mut Conn,
    (user_id, recorded): (UserId, &RecordedItems),
    tables: &BTreeSet<String>,
) -> QueryResult<()> {
    let kind = ItemKind::Withheld;
    let is_known = |table: &String| {
        let known = recorded.get(&user_id);
        known.is_some_and(|items| items.contains(&(kind, table.clone())))
    };
    let new = tables.iter().filter(|table| !is_known(table));
    let new = new.map(|table| ImportItem {
        user_id,
        kind,
        value: table.clone(),
    });
    let new: Vec<ImportItem> = new.collect();
    if !new.is_empty() {
        ImportItem::record_all(conn, &new)?;
    }
    Ok(())
}

/// Forgets that the password of an account was withheld.
pub(super) fn forget_withheld(
    conn: &mut Conn,
    (user_id, recorded): (UserId, &RecordedItems),
) -> QueryResult<()> {
    let is_recorded = recorded.get(&user_id).is_some_and(|items| {
        let mut items = items.iter();
        items.any(|(kind, _)| *kind == ItemKind::Withheld)
    });
    if is_recorded {
        forget_all(conn, user_id, ItemKind::Withheld)?;
    }
    Ok(())
}
