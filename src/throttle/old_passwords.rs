//! Counts wrong old passwords of a session, so that whoever finds an open session cannot guess on.

use std::time::Duration;

use super::bounded_map::{BoundedMap, KeyHash};

/// With this many wrong old passwords a session ends.
const MOST_WRONG: u32 = 5;
/// Wrong old passwords are forgotten this long after the last one.
const RETENTION: Duration = Duration::from_secs(86_400);

/// The wrong old passwords of each session.
pub(super) struct OldPasswords {
    counts: BoundedMap<OldPasswordCount>,
}

#[derive(Clone, Copy, Debug, Default)]
struct OldPasswordCount {
    wrong: u32,
    running: u32,
}

/// How the comparison of an old password ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OldPasswordOutcome {
    Right,
    Wrong,
    NotCompared,
}

/// An old password that is being compared. Unless it ends otherwise it counts as wrong, also if the
/// client goes away.
#[must_use = "the password counts as wrong when this is dropped"]
pub struct OldPasswordAttempt<'a> {
    passwords: &'a OldPasswords,
    key: KeyHash,
    now: Duration,
    outcome: OldPasswordOutcome,
}

impl OldPasswords {
    pub(super) fn new() -> Self {
        Self {
            counts: BoundedMap::new(),
        }
    }

    /// Begins a comparison; `None` if as many are running or were wrong as are allowed.
    pub(super) fn begin(&self, key: KeyHash, now: Duration) -> Option<OldPasswordAttempt<'_>> {
        let begun = self.counts.update(key, now, |count| {
            let allowed = count.wrong + count.running < MOST_WRONG;
            count.running += u32::from(allowed);
            (allowed, now + RETENTION)
        });
        begun.then_some(OldPasswordAttempt {
            passwords: self,
            key,
            now,
            outcome: OldPasswordOutcome::Wrong,
        })
    }
}

impl OldPasswordAttempt<'_> {
    /// The password was right. The wrong ones before it no longer count.
    pub fn was_right(mut self) {
        self.outcome = OldPasswordOutcome::Right;
    }

    /// The password was not compared.
    pub fn was_not_compared(mut self) {
        self.outcome = OldPasswordOutcome::NotCompared;
    }

    /// The password was wrong. Returns whether the session has to end.
    pub fn was_wrong(self) -> bool {
        let (passwords, key) = (self.passwords, self.key);
        drop(self);
        passwords
            .counts
            .read(key, |count| count.wrong >= MOST_WRONG)
    }
}

impl Drop for OldPasswordAttempt<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome;
        self.passwords.counts.update(self.key, self.now, |count| {
            count.running = count.running.saturating_sub(1);
            match outcome {
                OldPasswordOutcome::Right => count.wrong = 0,
                OldPasswordOutcome::Wrong => count.wrong += 1,
                OldPasswordOutcome::NotCompared => {}
            }
            ((), self.now + RETENTION)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: KeyHash = [7; 16];

    fn begin(passwords: &OldPasswords) -> Option<OldPasswordAttempt<'_>> {
        passwords.begin(KEY, Duration::ZERO)
    }

    #[test]
    fn the_fifth_wrong_password_ends_the_session() {
        let passwords = OldPasswords::new();
        for number in 1..=5 {
            let ends = begin(&passwords).unwrap().was_wrong();
            assert_eq!(ends, number == 5, "{number}");
        }
        assert!(begin(&passwords).is_none());
        let other = passwords.begin([8; 16], Duration::ZERO);
        assert!(!other.unwrap().was_wrong(), "another session");
    }

    #[test]
    fn a_client_that_goes_away_has_sent_a_wrong_password() {
        let passwords = OldPasswords::new();
        for _ in 0..4 {
            drop(begin(&passwords));
        }
        assert!(begin(&passwords).unwrap().was_wrong());
    }

    #[test]
    fn running_comparisons_count() {
        let passwords = OldPasswords::new();
        let running: Vec<_> = (0..5).map(|_| begin(&passwords).unwrap()).collect();
        assert!(begin(&passwords).is_none());
        for attempt in running {
            attempt.was_not_compared();
        }
        assert!(!begin(&passwords).unwrap().was_wrong());
    }

    #[test]
    fn a_right_password_clears_the_count() {
        let passwords = OldPasswords::new();
        for _ in 0..3 {
            for _ in 0..4 {
                assert!(!begin(&passwords).unwrap().was_wrong());
            }
            begin(&passwords).unwrap().was_right();
        }
    }
}
