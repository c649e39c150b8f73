//! What vestibule has answered so far in one case: the families of its tokens, and the pairs that it issued.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::Exchange;

/// What vestibule has answered so far in one case.
#[derive(Default)]
pub(super) struct History {
    /// The number of the family of each token that vestibule has seen.
    families: BTreeMap<String, usize>,
    /// The families that were revoked.
    revoked: BTreeSet<usize>,
    /// The answer to each refresh token that was exchanged.
    exchanged: BTreeMap<String, Value>,
}

impl History {
    /// Adds an exchange.
    pub(super) fn add(&mut self, exchange: &Exchange) {
        let (ours, path) = (&exchange.ours, exchange.request.path());
        let family = match exchange.sent.field("refresh") {
            Some(token) if path != "/api/token" => self.family(&token),
            _ => self.families.len(),
        };
        if ours.status == 200 {
            for token in ["refresh", "access"]
                .iter()
                .filter_map(|name| ours.field(name))
            {
                self.families.insert(token, family);
            }
        }
        let Some(token) = exchange.sent.field("refresh") else {
            return;
        };
        match (path, ours.status) {
            ("/api/token/refresh", 200) => {
                self.exchanged.entry(token).or_insert_with(|| ours.json());
            }
            // The replay of a token that was exchanged counts as theft, and blacklisting it ends its successors.
            ("/api/token/refresh" | "/api/token/blacklist", 401)
                if self.exchanged.contains_key(&token) =>
            {
                self.revoked.insert(family);
            }
            ("/api/token/blacklist", 200) => {
                self.revoked.insert(family);
            }
            _ => {}
        }
    }

    /// The family of a token; a token that was not seen before has one of its own.
    fn family(&mut self, token: &str) -> usize {
        let next = self.families.len();
        *self.families.entry(token.to_owned()).or_insert(next)
    }

    /// The body of the answer to the first exchange of a refresh token.
    pub(super) fn answer_to(&self, token: &str) -> Option<&Value> {
        self.exchanged.get(token)
    }

    /// Whether the token belongs to a family that was revoked.
    pub(super) fn is_revoked(&self, token: &str) -> bool {
        let family = self.families.get(token);
        family.is_some_and(|family| self.revoked.contains(family))
    }
}
