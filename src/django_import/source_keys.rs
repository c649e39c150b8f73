//! The keys that Django's user table has, to find the imported accounts that it no longer has.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use diesel::prelude::*;

use super::report::{CountLabel, ImportTally};
use crate::accounts::UserKey;
use crate::db::Conn;
use crate::db::schema::{django_imports, users};
use crate::ids::UserId;

/// The report's remark on an open account that is absent in Django.
pub(super) const ABSENT: CountLabel = (
    "open accounts that were imported and that Django no longer has; close them with `vestibule deactivate EMAIL`",
    "open account that was imported and that Django no longer has; close it with `vestibule deactivate EMAIL`",
);
/// Accounts of one query.
const CHUNK: i64 = 1000;

/// Hashes of eight bytes, since a million keys would need too much memory.
#[derive(Default)]
pub(super) struct SourceKeys {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl SourceKeys {
    pub(super) fn add(&mut self, key: &UserKey) {
        self.hashes.insert(self.hasher.hash_one(key.to_string()));
    }

    pub(super) fn contains(&self, key: &UserKey) -> bool {
        self.hashes.contains(&self.hasher.hash_one(key.to_string()))
    }

    /// Notes the open accounts that were imported from rows of this table with other keys.
    pub(super) fn note_absent(
        &self,
        conn: &mut Conn,
        source_table: &str,
        tally: &mut ImportTally,
    ) -> QueryResult<()> {
        let known = django_imports::source_table;
        let mut last = UserId::default();
        loop {
            let accounts: Vec<(UserId, Option<String>)> = users::table
                .inner_join(django_imports::table.on(django_imports::user_id.eq(users::id)))
                .filter(known.is_null().or(known.eq(source_table)))
                .filter(users::is_active.eq(true))
                .filter(users::id.gt(last))
                .order(users::id)
                .select((users::id, users::django_id))
                .limit(CHUNK)
                .load(conn)?;
            let Some((id, _)) = accounts.last() else {
                return Ok(());
            };
            last = *id;
            for (id, django_id) in accounts {
                let key = django_id.map_or(UserKey::Id(id), UserKey::Text);
                if !self.contains(&key) {
                    tally.note(ABSENT, key);
                }
            }
        }
    }
}
