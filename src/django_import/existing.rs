//! Loads what this database already holds of the values in a batch.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use diesel::prelude::*;

use super::item::ImportItem;
use super::ledger::ImportRecord;
use super::moves::ValueMoves;
use super::report::{RefusalReason, RefusedRow};
use super::row::DjangoUser;
use super::same_person::identity_problem;
use crate::accounts::account_addresses::FurtherAddress;
use crate::accounts::{User, UserKey};
use crate::db::schema::users;
use crate::db::{Conn, DbError, take_ids};
use crate::ids::UserId;

/// How the account of a row gets an email or username.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueClaim {
    /// Nobody has it, or an account that the batch changes.
    Free,
    /// This account, which gets another value later in the import, loses it now.
    FreedBy(UserId),
    /// This closed account loses it.
    ReleasedBy(UserId),
}

/// The accounts and records with the keys of a batch, and the accounts that hold its emails and
/// WorkOS ids.
pub(super) struct ExistingRows {
    /// Django's key, if it is no integer → account, which may have been deleted here.
    text_keys: HashMap<String, UserId>,
    pub(super) users: HashMap<UserId, User>,
    pub(super) records: HashMap<UserId, ImportRecord>,
    /// Email key → account.
    pub(super) emails: HashMap<String, UserId>,
    /// The accounts of the batch's rows.
    batch: HashSet<UserId>,
    /// The imported accounts that hold an email of the batch, with their records.
    pub(super) email_owners: HashMap<UserId, (User, ImportRecord)>,
    /// WorkOS user id → account.
    pub(super) workos_ids: HashMap<String, UserId>,
    /// Username → account.
    pub(super) usernames: HashMap<String, UserId>,
    /// Email key → the account with this further address.
    further: HashMap<String, UserId>,
}

/// The emails and WorkOS ids that a dry run would have written so far, and the row of each. A dry
/// run has to notice that two rows of the source collide. Values are kept as hashes of eight bytes,
/// since a million emails would need too much memory.
#[derive(Default)]
pub(super) struct SimulatedValues {
    hasher: RandomState,
    owners: HashMap<u64, UserId>,
    /// The WorkOS ids that accounts would have given up for others.
    given_up: HashSet<(u64, UserId)>,
    /// The accounts that the dry run would have closed so far.
    closed: HashSet<UserId>,
    /// The items that the dry run would have removed so far.
    removed: BTreeSet<ImportItem>,
}

/// How a dry run remembers a username: unlike every email and WorkOS id.
pub(super) fn simulated_username(username: &str) -> String {
    format!("username\0{username}")
}

impl SimulatedValues {
    pub(super) fn insert(&mut self, value: &str, id: UserId) {
        self.owners.insert(self.hasher.hash_one(value), id);
    }

    /// Notes that an account is linked to another WorkOS user than this one.
    pub(super) fn give_up(&mut self, value: &str, id: UserId) {
        self.given_up.insert((self.hasher.hash_one(value), id));
    }

    /// Whether the account is linked to this WorkOS user no longer.
    pub(super) fn has_given_up(&self, value: &str, id: UserId) -> bool {
        self.given_up.contains(&(self.hasher.hash_one(value), id))
    }

    pub(super) fn close(&mut self, id: UserId) {
        self.closed.insert(id);
    }

    pub(super) fn is_closed(&self, id: UserId) -> bool {
        self.closed.contains(&id)
    }

    /// Notes that an item was removed; `false` if it was noted before.
    pub(super) fn remove(&mut self, item: ImportItem) -> bool {
        self.removed.insert(item)
    }

    pub(super) fn owner(&self, value: &str) -> Option<UserId> {
        self.owners.get(&self.hasher.hash_one(value)).copied()
    }
}

impl ExistingRows {
    pub(super) fn load(conn: &mut Conn, rows: &[DjangoUser]) -> Result<Self, DbError> {
        let texts: Vec<&str> = rows.iter().filter_map(|row| row.key.django_id()).collect();
        let mut records = ImportRecord::with_django_ids(conn, &texts)?;
        let text_keys: HashMap<String, UserId> = records
            .iter()
            .filter_map(|record| Some((record.django_id.clone()?, record.user_id)))
            .collect();
        let mut ids: Vec<UserId> = rows.iter().filter_map(|row| row.key.id()).collect();
        records.extend(ImportRecord::with_ids(conn, &ids)?);
        ids.extend(text_keys.values());
        let email_keys: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.email.as_ref().ok())
            .map(|email| email.key.as_str())
            .collect();
        let workos_ids: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.workos_user_id.as_deref())
            .collect();
        let with_id = users::table.filter(users::id.eq_any(&ids));
        let found: Vec<User> = with_id.select(User::as_select()).load(conn)?;
        let with_email = users::table.filter(users::email_key.eq_any(&email_keys));
        let owners: Vec<User> = with_email.select(User::as_select()).load(conn)?;
        let emails = owners
            .iter()
            .map(|owner| (owner.email_key.clone(), owner.id))
            .collect();
        let further = FurtherAddress::among(conn, &email_keys)?.into_iter();
        let further = further.map(|address| (address.email_key, address.user_id));
        let mut existing = Self {
            users: found.into_iter().map(|user| (user.id, user)).collect(),
            text_keys,
            records: records
                .into_iter()
                .map(|record| (record.user_id, record))
                .collect(),
            emails,
            batch: ids.iter().copied().collect(),
            email_owners: with_records(conn, owners)?,
            workos_ids: HashMap::new(),
            usernames: usernames(conn, rows)?,
            further: further.collect(),
        };
        if !workos_ids.is_empty() {
            let linked = users::table.filter(users::workos_user_id.eq_any(&workos_ids));
            let linked: Vec<(Option<String>, UserId)> = linked
                .select((users::workos_user_id, users::id))
                .load(conn)?;
            let linked = linked.into_iter();
            existing.workos_ids = linked.filter_map(|(key, id)| Some((key?, id))).collect();
        }
        Ok(existing)
    }

    /// The id of the account with this key; 0 if there is none yet.
    pub(super) fn account_id(&self, key: &UserKey) -> UserId {
        match key {
            UserKey::Id(id) => *id,
            UserKey::Text(text) => self.text_keys.get(text).copied().unwrap_or_default(),
        }
    }

    /// Another account that has this email as a further address.
    pub(super) fn further_of_another(&self, id: UserId, email_key: &str) -> Option<UserId> {
        let holder = self.further.get(email_key).copied();
        holder.filter(|holder| *holder != id)
    }

    /// In a dry run: takes the accounts of the table `old` for those of the table `new`.
    pub(super) fn rename_source(&mut self, old: &str, new: &str) {
        let owners = self.email_owners.values_mut().map(|(_, record)| record);
        for record in self.records.values_mut().chain(owners) {
            if record.source_table.as_deref() == Some(old) {
                record.source_table = Some(new.to_owned());
            }
        }
    }

    /// Why the account with this id is not the row's; `None` if it is, or if there is none.
    pub(super) fn refusal(
        &self,
        id: UserId,
        row: &DjangoUser,
        source_table: &str,
    ) -> Option<RefusedRow> {
        let record = self.records.get(&id)?;
        let reason = if !record.is_of_table(source_table) {
            RefusalReason::OfOtherTable
        } else if record.django_id.as_deref() != row.key.django_id() {
            // An account whose key is no integer may have the id that is the key of another row.
            RefusalReason::IdTaken
        } else {
            identity_problem((self.users.get(&id)?, record), row)?
        };
        let table = record.source_table.clone();
        let table = table.filter(|_| reason == RefusalReason::OfOtherTable);
        Some(RefusedRow::new(&row.key, reason).of_table(table))
    }

    /// The open account that a refused row may belong to, which Django has closed: one that nothing here has opened
    /// since Django closed it. Rows of other people may have its key by chance.
    pub(super) fn open_account(
        &self,
        id: UserId,
        row: &DjangoUser,
        refused: RefusalReason,
    ) -> Option<&User> {
        let (user, record) = (self.users.get(&id)?, self.records.get(&id)?);
        let may_be_theirs = match refused {
            RefusalReason::OfOtherTable => {
                record.django_id.as_deref() == row.key.django_id()
                    && identity_problem((user, record), row).is_none()
            }
            reason => reason == RefusalReason::Unproven,
        };
        (may_be_theirs && user.is_active && record.is_active).then_some(user)
    }

    /// Whether the account of a row may get an email or username that `owner` has, and how. `kept`: the accounts that keep
    /// their values although they were to get others.
    pub(super) fn claim(
        &self,
        moves: &ValueMoves,
        kept: &[UserId],
        owner: Option<UserId>,
        (id, value): (UserId, &str),
    ) -> Result<ValueClaim, UserId> {
        if let Some(winner) = moves.winner(value).filter(|winner| *winner != id) {
            return Err(winner);
        }
        match owner {
            None => Ok(ValueClaim::Free),
            Some(owner) if owner == id && id != UserId::default() => Ok(ValueClaim::Free),
            Some(owner) if moves.gives_up(owner, value) && !kept.contains(&owner) => {
                // The values of the batch's accounts are freed with its other changes.
                Ok(match self.batch.contains(&owner) {
                    true => ValueClaim::Free,
                    false => ValueClaim::FreedBy(owner),
                })
            }
            Some(owner) => Err(owner),
        }
    }

    /// Gives ids to the accounts that do not exist yet and whose key is no integer.
    pub(super) fn assign_ids(
        &mut self,
        conn: &mut Conn,
        rows: &[DjangoUser],
    ) -> Result<(), DbError> {
        let texts = rows.iter().filter_map(|row| row.key.django_id());
        let new = texts.filter(|text| !self.text_keys.contains_key(*text));
        let new: Vec<&str> = new.collect();
        if !new.is_empty() {
            let ids = take_ids(conn, "users", new.len())?;
            let ids = ids.into_iter().map(UserId::from);
            self.text_keys
                .extend(new.into_iter().map(str::to_owned).zip(ids));
        }
        Ok(())
    }
}

/// The accounts that have the usernames of the batch.
fn usernames(conn: &mut Conn, rows: &[DjangoUser]) -> QueryResult<HashMap<String, UserId>> {
    let names: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.username.as_deref())
        .collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let named = users::table.filter(users::username.eq_any(names));
    let named: Vec<(Option<String>, UserId)> =
        named.select((users::username, users::id)).load(conn)?;
    let named = named.into_iter();
    Ok(named.filter_map(|(name, id)| Some((name?, id))).collect())
}

/// The imported ones of these accounts, with their records.
pub(super) fn with_records(
    conn: &mut Conn,
    owners: Vec<User>,
) -> QueryResult<HashMap<UserId, (User, ImportRecord)>> {
    let owners = owners.into_iter();
    let mut owners: HashMap<UserId, User> = owners
        .filter(|owner| owner.imported)
        .map(|owner| (owner.id, owner))
        .collect();
    if owners.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<UserId> = owners.keys().copied().collect();
    let records = ImportRecord::with_ids(conn, &ids)?.into_iter();
    let pair =
        |record: ImportRecord| Some((record.user_id, (owners.remove(&record.user_id)?, record)));
    Ok(records.filter_map(pair).collect())
}
