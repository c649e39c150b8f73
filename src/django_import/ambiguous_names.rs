//! Usernames that are the emails of other accounts. With `LOGIN_FIELD=username`, these emails do not sign in.

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;

use super::existing::{SimulatedValues, simulated_username};
use super::report::{CountLabel, ImportTally};
use super::row::DjangoUser;
use crate::accounts::{User, UserKey, email_key};
use crate::db::Conn;
use crate::db::schema::users;

const AMBIGUOUS: CountLabel = (
    "username that is the email of another account, so that a log-in with it finds these accounts, and not the owners of the emails; change it in Django and import again",
    "username that is the email of another account, so that a log-in with it finds this account, and not the owner of the email; change it in Django and import again",
);
/// Names of one query.
const CHUNK: usize = 1000;

/// The usernames that look like emails and are not the emails of their own accounts: the username → its key as an
/// email, and the account.
#[derive(Default)]
pub(super) struct AmbiguousNames(BTreeMap<String, (String, UserKey)>);

impl AmbiguousNames {
    pub(super) fn add(&mut self, row: &DjangoUser) {
        let Some(username) = row
            .username
            .as_ref()
            .filter(|name| row.is_active && name.contains('@'))
        else {
            return;
        };
        let key = email_key(username);
        if !row.email.as_ref().is_ok_and(|email| email.key == key) {
            self.0.insert(username.clone(), (key, row.key.clone()));
        }
    }

    /// Names the accounts that have such a username, if another account has the email after the import.
    pub(super) fn note(
        &self,
        conn: &mut Conn,
        simulated: Option<&SimulatedValues>,
        tally: &mut ImportTally,
    ) -> QueryResult<()> {
        let all: Vec<_> = self.0.iter().collect();
        for names in all.chunks(CHUNK) {
            let usernames: Vec<&String> = names.iter().map(|(name, _)| *name).collect();
            let open = users::table.filter(users::is_active.eq(true));
            let named = open.filter(users::username.eq_any(usernames));
            let named: Vec<Option<String>> = named.select(users::username).load(conn)?;
            let named: HashSet<String> = named.into_iter().flatten().collect();
            let keys: Vec<&String> = names.iter().map(|(_, (key, _))| key).collect();
            let owned = User::open_email_keys(conn, &keys)?;
            let owner = |value: &str| simulated.and_then(|values| values.owner(value));
            let is_simulated = |value: &str| owner(value).is_some();
            let is_open = |id| !simulated.is_some_and(|values| values.is_closed(id));
            for (name, (key, account)) in names {
                let is_named = named.contains(*name) || is_simulated(&simulated_username(name));
                if is_named && (owned.contains(key) || owner(key).is_some_and(is_open)) {
                    tally.name(AMBIGUOUS, account);
                }
            }
        }
        Ok(())
    }
}
