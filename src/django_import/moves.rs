//! Frees the emails and usernames that accounts of a batch give up, so that other accounts of the batch can have them,
//! whatever their order is.

use std::collections::HashMap;

use super::existing::ExistingRows;
use super::row::DjangoUser;
use crate::ids::UserId;

/// What rows of a batch want to have: an email, or a username.
struct Wanted<'a> {
    /// The place of the first row that wants each value.
    first: HashMap<&'a str, usize>,
    /// The accounts that give up a value for another one: the row's place, the old value and the new one.
    moves: HashMap<UserId, (usize, Option<String>, &'a str)>,
}

impl ExistingRows {
    /// Forgets the owners of the values that these rows' accounts give up.
    pub(super) fn free_moved_values(&mut self, rows: &[DjangoUser], source_table: &str) {
        let emails = self.wanted_emails(rows, source_table);
        let usernames = self.wanted_usernames(rows, source_table);
        emails.free(&mut self.emails);
        usernames.free(&mut self.usernames);
    }

    fn wanted_emails<'a>(&self, rows: &'a [DjangoUser], source_table: &str) -> Wanted<'a> {
        let mut wanted = Wanted::new();
        for (place, row) in rows.iter().enumerate() {
            let Ok(email) = &row.email else { continue };
            let id = self.account_id(&row.key);
            match (self.users.get(&id), self.records.get(&id)) {
                (Some(user), Some(record)) => {
                    let moves = email.key != user.email_key
                        && user.workos_user_id.is_none()
                        && record.matches_profile_of(user)
                        && self.refusal(id, row, source_table).is_none();
                    if moves {
                        wanted.add_move(id, place, Some(&user.email_key), &email.key);
                    }
                }
                _ => wanted.add(place, &email.key),
            }
        }
        wanted
    }

    fn wanted_usernames<'a>(&self, rows: &'a [DjangoUser], source_table: &str) -> Wanted<'a> {
        let mut wanted = Wanted::new();
        for (place, row) in rows.iter().enumerate() {
            let Some(username) = &row.username else {
                continue;
            };
            let id = self.account_id(&row.key);
            match self.users.get(&id) {
                Some(user) if self.records.contains_key(&id) => {
                    let moves = user.username.as_ref() != Some(username)
                        && self.refusal(id, row, source_table).is_none();
                    if moves {
                        wanted.add_move(id, place, user.username.as_deref(), username);
                    }
                }
                _ => wanted.add(place, username),
            }
        }
        wanted
    }
}

impl<'a> Wanted<'a> {
    fn new() -> Self {
        Self {
            first: HashMap::new(),
            moves: HashMap::new(),
        }
    }

    fn add(&mut self, place: usize, value: &'a str) {
        self.first.entry(value).or_insert(place);
    }

    fn add_move(&mut self, id: UserId, place: usize, old: Option<&str>, new: &'a str) {
        self.add(place, new);
        self.moves.insert(id, (place, old.map(str::to_owned), new));
    }

    /// Removes the values from their owners, except those of accounts that cannot have their new value.
    fn free(mut self, owners: &mut HashMap<String, UserId>) {
        loop {
            let is_blocked = |(id, (place, _, new)): (&UserId, &(usize, Option<String>, &str))| {
                let owner = owners.get(*new);
                let is_free =
                    owner.is_none_or(|owner| owner == id || self.moves.contains_key(owner));
                (!is_free || self.first.get(*new) != Some(place)).then_some(*id)
            };
            let blocked: Vec<UserId> = self.moves.iter().filter_map(is_blocked).collect();
            if blocked.is_empty() {
                break;
            }
            for id in blocked {
                self.moves.remove(&id);
            }
        }
        for (id, (_, old, _)) in self.moves {
            if let Some(old) = old.filter(|old| owners.get(old) == Some(&id)) {
                owners.remove(&old);
            }
        }
    }
}
