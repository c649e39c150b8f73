//! What accounts have in other tables, and the record of what was imported of it, `django_import_items`.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::report::CountLabel;
use super::row::DjangoUser;
use crate::accounts::account_addresses::FurtherAddress;
use crate::accounts::groups::GroupMembership;
use crate::db::schema::{django_import_items, identities};
use crate::db::{Conn, insert_all};
use crate::ids::UserId;

/// A row whose account exists here.
#[derive(Clone, Copy, Debug)]
pub(super) struct AcceptedRow<'a> {
    /// The account.
    pub(super) user_id: UserId,
    pub(super) row: &'a DjangoUser,
    /// Whether the account is new here.
    pub(super) is_new: bool,
    /// Whether the account is open after the batch.
    pub(super) is_open: bool,
    /// Whether the batch verifies the account's email, and so removes and forgets its identities.
    pub(super) verifies_email: bool,
    /// Whether it then also removes the authenticator app, if there is one, and forgets that one was imported.
    pub(super) loses_factor: bool,
    /// Whether the account gets another email in the batch.
    pub(super) changes_email: bool,
    /// Whether the row's email is the verified own address of the account after the batch.
    pub(super) has_verified_email: bool,
    /// Whether the account still has the imported password.
    pub(super) is_unchanged: bool,
    /// Whether the password stays withheld, as it was by an earlier run.
    pub(super) is_withheld: bool,
    /// Whether a password is enough to sign in, as far as the account has no second factor.
    pub(super) has_password: bool,
}

/// What an account can have besides its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ItemKind {
    Address,
    Identity,
    Group,
    Totp,
    /// A table with factors because of which the password was withheld.
    Withheld,
    /// An option of the import that has closed the account.
    Closed,
}

impl ItemKind {
    const ALL: [Self; 6] = [
        Self::Address,
        Self::Identity,
        Self::Group,
        Self::Totp,
        Self::Withheld,
        Self::Closed,
    ];

    /// The name in the database.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Identity => "identity",
            Self::Group => "group",
            Self::Totp => "totp",
            Self::Withheld => "withheld",
            Self::Closed => "closed",
        }
    }

    /// The names in the report: of imported rows, and of removed ones.
    pub(super) fn labels(self) -> [CountLabel; 2] {
        match self {
            Self::Address => [
                ("further email addresses", "further email address"),
                (
                    "further email addresses removed",
                    "further email address removed",
                ),
            ],
            Self::Identity => [
                ("identities", "identity"),
                ("identities removed", "identity removed"),
            ],
            Self::Group => [
                ("group memberships", "group membership"),
                ("group memberships removed", "group membership removed"),
            ],
            Self::Totp => [
                ("authenticator apps", "authenticator app"),
                ("authenticator apps removed", "authenticator app removed"),
            ],
            Self::Withheld => [
                ("withheld passwords", "withheld password"),
                ("withheld passwords imported", "withheld password imported"),
            ],
            Self::Closed => [
                ("closed accounts", "closed account"),
                ("opened accounts", "opened account"),
            ],
        }
    }
}

/// An item of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ImportItem {
    pub(super) user_id: UserId,
    pub(super) kind: ItemKind,
    /// The address's key; the issuer, a space and the subject; the group's name; the secret's digest, a
    /// space and the table of the app; the table of a factor; an option.
    pub(super) value: String,
}

/// The recorded items of some accounts.
pub(super) type RecordedItems = HashMap<UserId, BTreeSet<(ItemKind, String)>>;

impl ImportItem {
    /// Records the item.
    pub(super) fn record_all(conn: &mut Conn, items: &[Self]) -> QueryResult<usize> {
        let rows = items.iter().map(|item| {
            (
                django_import_items::user_id.eq(item.user_id),
                django_import_items::kind.eq(item.kind.name()),
                django_import_items::value.eq(&item.value),
            )
        });
        let rows: Vec<_> = rows.collect();
        insert_all!(conn, django_import_items::table, &rows)
    }

    /// Forgets the item.
    pub(super) fn forget(&self, conn: &mut Conn) -> QueryResult<usize> {
        let key = (self.user_id, self.kind.name(), &self.value);
        diesel::delete(django_import_items::table.find(key)).execute(conn)
    }

    /// The issuer and the subject of an identity.
    pub(super) fn identity(&self) -> Option<(&str, &str)> {
        self.value
            .split_once(' ')
            .filter(|_| self.kind == ItemKind::Identity)
    }

    /// Removes the item from its account, and forgets it.
    pub(super) fn delete(&self, conn: &mut Conn) -> QueryResult<()> {
        self.forget(conn)?;
        let (user_id, value) = (self.user_id, self.value.clone());
        match self.kind {
            ItemKind::Address => {
                let email_key = value;
                FurtherAddress { email_key, user_id }.delete(conn)?;
            }
            ItemKind::Identity => {
                if let Some(identity) = self.identity() {
                    let same = identities::table.find(identity);
                    let theirs = same.filter(identities::user_id.eq(user_id));
                    diesel::delete(theirs).execute(conn)?;
                }
            }
            ItemKind::Group => {
                let name = value;
                GroupMembership { user_id, name }.delete(conn)?;
            }
            ItemKind::Totp | ItemKind::Withheld | ItemKind::Closed => {}
        }
        Ok(())
    }
}

/// Forgets the items of a kind of an account, after they were removed, so that Django's are imported again.
pub(super) fn forget_all(conn: &mut Conn, user_id: UserId, kind: ItemKind) -> QueryResult<usize> {
    let theirs = django_import_items::table
        .filter(django_import_items::user_id.eq(user_id))
        .filter(django_import_items::kind.eq(kind.name()));
    diesel::delete(theirs).execute(conn)
}

/// The value of the recorded authenticator app of an account.
pub(super) fn recorded_app(conn: &mut Conn, user_id: UserId) -> QueryResult<Option<String>> {
    let theirs = django_import_items::table
        .filter(django_import_items::user_id.eq(user_id))
        .filter(django_import_items::kind.eq(ItemKind::Totp.name()));
    let value = theirs.select(django_import_items::value);
    value.first(conn).optional()
}

/// Reads the recorded items of these accounts.
pub(super) fn recorded_items(conn: &mut Conn, ids: Vec<UserId>) -> QueryResult<RecordedItems> {
    let mut recorded = RecordedItems::new();
    if ids.is_empty() {
        return Ok(recorded);
    }
    let rows: Vec<(UserId, String, String)> = django_import_items::table
        .filter(django_import_items::user_id.eq_any(ids))
        .load(conn)?;
    for (user_id, name, value) in rows {
        let kind = ItemKind::ALL.into_iter().find(|kind| kind.name() == name);
        if let Some(kind) = kind {
            recorded.entry(user_id).or_default().insert((kind, value));
        }
    }
    Ok(recorded)
}
