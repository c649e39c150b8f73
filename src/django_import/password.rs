//! Decides what becomes of a password hash of Django's.

use super::report::{CountLabel, ImportTally};
use crate::accounts::UserKey;
use crate::accounts::passwords::{self, PasswordScheme};

/// A password as Django stores it, and what is imported of it.
#[derive(Clone, Debug)]
pub(super) struct DjangoPassword {
    /// What is stored here; `None` if the account has no password.
    pub(super) stored: Option<String>,
    /// Whether Django has a password that is not imported. A later import then leaves the password of
    /// the account as it is.
    pub(super) withheld: bool,
    scheme: PasswordScheme,
}

impl DjangoPassword {
    /// Reads a hash. `None`: the account has no password.
    pub(super) fn new(hash: Option<String>) -> Self {
        let scheme = match &hash {
            None => PasswordScheme::Unusable,
            Some(hash) => match passwords::legacy_form(hash) {
                Some(legacy) => passwords::scheme(&legacy),
                None => passwords::scheme(hash),
            },
        };
        Self {
            stored: hash,
            withheld: false,
            scheme,
        }
    }

    /// Turns a hash of a hasher that Django has removed into the form in which one sign-in accepts it, if
    /// `allowed`. Otherwise the hash is not imported.
    pub(super) fn convert_legacy(&mut self, allowed: bool) {
        if !self.scheme.is_legacy() {
            return;
        }
        // A hash that has this form already in Django is none of Django's.
        let legacy = self.stored.as_deref().and_then(passwords::legacy_form);
        self.stored = legacy.filter(|_| allowed);
        self.withheld = self.stored.is_none();
    }

    /// Leaves the password out, because it was not enough to sign in to the account in Django.
    pub(super) fn withhold(&mut self) {
        if self
            .stored
            .as_deref()
            .is_some_and(|hash| !hash.starts_with('!'))
        {
            self.stored = None;
            self.withheld = true;
        }
    }

    /// The stored hash, if it contains random text, so that no two accounts have the same one: a salt, or the random
    /// characters of an unusable password.
    pub(super) fn random_part(&self) -> Option<&str> {
        /// Django writes 40 random characters, and wrote 32 in version 1.6.
        const MIN_UNUSABLE: usize = 32;
        let hash = self.stored.as_deref()?;
        let is_random = match self.scheme {
            PasswordScheme::Unknown
            | PasswordScheme::UnsaltedMd5
            | PasswordScheme::UnsaltedSha1 => false,
            PasswordScheme::Unusable => hash.len() > MIN_UNUSABLE,
            _ => true,
        };
        is_random.then_some(hash)
    }

    /// Counts the scheme of the hash, and names the row if no password can match it.
    pub(super) fn count(&self, tally: &mut ImportTally, row: &UserKey) {
        const UNKNOWN: CountLabel = (
            "password hashes that are not understood, so that no password matches",
            "password hash that is not understood, so that no password matches",
        );
        const WITHHELD: CountLabel = (
            "hashes of hashers that Django has removed, not imported; see --legacy-hashers",
            "hash of a hasher that Django has removed, not imported; see --legacy-hashers",
        );
        *tally.hashes.entry(self.scheme.name()).or_default() += 1;
        if self.withheld && self.scheme.is_legacy() {
            tally.note(WITHHELD, row);
        } else if self.scheme == PasswordScheme::Unknown {
            tally.note(UNKNOWN, row);
        }
    }
}
