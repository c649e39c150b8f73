//! What WorkOS has said about users, in bounded memory.

use std::collections::HashMap;
use std::time::Duration;

/// How long an answer of WorkOS is cached.
const LIFETIME: Duration = Duration::from_secs(60);
/// After how long WorkOS is asked again about a user if it gave no answer.
pub(super) const BACK_OFF: Duration = Duration::from_secs(10);
/// The largest number of users: about 1 MB.
const CAPACITY: usize = 10_000;

/// What is known about a user of WorkOS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UserStatus {
    /// WorkOS has said so within the last minute.
    Exists,
    /// WorkOS has said so, at any time: it never gives out the id of a user again.
    Deleted,
    /// WorkOS gives no answer.
    Unknown {
        /// The time of the first question that it did not answer.
        since: Duration,
    },
}

/// The users that WorkOS was asked about. All times are durations since the start of the clock.
pub(super) struct KnownUsers {
    users: HashMap<String, KnownUser>,
    /// How long a user without an answer, or a deleted one, is kept after the last question if the memory is full.
    keep_for: Duration,
    /// Since when some users have not fitted. It is the beginning of the grace period of all that do not fit.
    full_since: Option<Duration>,
}

struct KnownUser {
    status: UserStatus,
    /// WorkOS is not asked before this time.
    ask_again_at: Duration,
}

impl KnownUsers {
    /// Knows nobody. `stale_grace`: how long a user counts as existing without an answer.
    pub(super) fn new(stale_grace: Duration) -> Self {
        Self {
            users: HashMap::new(),
            keep_for: stale_grace,
            full_since: None,
        }
    }

    /// The status of a user about whom WorkOS is not to be asked again yet.
    pub(super) fn fresh(&self, user_id: &str, now: Duration) -> Option<UserStatus> {
        let known = self.users.get(user_id)?;
        (now < known.ask_again_at).then_some(known.status)
    }

    /// The status of a user after the last question.
    pub(super) fn last(&self, user_id: &str) -> Option<UserStatus> {
        self.users.get(user_id).map(|known| known.status)
    }

    /// The status of a user if WorkOS does not answer.
    pub(super) fn after_failure(&self, user_id: &str, now: Duration) -> UserStatus {
        match self.last(user_id) {
            Some(known @ (UserStatus::Deleted | UserStatus::Unknown { .. })) => known,
            Some(UserStatus::Exists) => UserStatus::Unknown { since: now },
            None => UserStatus::Unknown {
                since: self.full_since.unwrap_or(now),
            },
        }
    }

    /// Stores WorkOS's answer, or that there was none, and returns the user's status.
    pub(super) fn store(
        &mut self,
        user_id: &str,
        answer: Option<UserStatus>,
        now: Duration,
    ) -> UserStatus {
        let (status, lifetime) = match answer {
            Some(status) => (status, LIFETIME),
            None => (self.after_failure(user_id, now), BACK_OFF),
        };
        if !self.users.contains_key(user_id) {
            if self.users.len() >= CAPACITY {
                self.remove_old(now);
            }
            if self.users.len() >= CAPACITY {
                self.full_since.get_or_insert(now);
                return status;
            }
            self.full_since = None;
        }
        let known = KnownUser {
            status,
            ask_again_at: now + lifetime,
        };
        self.users.insert(user_id.to_owned(), known);
        status
    }

    fn remove_old(&mut self, now: Duration) {
        let keep_for = self.keep_for;
        self.users.retain(|_, known| {
            let keep_for = match known.status {
                UserStatus::Exists => Duration::ZERO,
                UserStatus::Deleted | UserStatus::Unknown { .. } => keep_for,
            };
            now < known.ask_again_at + keep_for
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn unknown_since(seconds: u64) -> UserStatus {
        let since = at(seconds);
        UserStatus::Unknown { since }
    }

    #[test]
    fn each_user_has_a_grace_period_of_their_own() {
        let mut users = KnownUsers::new(HOUR);
        assert_eq!(users.store("ada", None, at(0)), unknown_since(0));
        users.store("olive", Some(UserStatus::Exists), at(1_000));
        assert_eq!(users.store("ada", None, at(2_000)), unknown_since(0));
        assert_eq!(users.store("olive", None, at(3_000)), unknown_since(3_000));
        assert_eq!(users.fresh("olive", at(3_009)), Some(unknown_since(3_000)));
        assert_eq!(users.fresh("olive", at(3_010)), None);
        users.store("ada", Some(UserStatus::Exists), at(4_000));
        assert_eq!(users.store("ada", None, at(5_000)), unknown_since(5_000));
    }

    #[test]
    fn a_deleted_user_stays_deleted_without_an_answer() {
        let mut users = KnownUsers::new(HOUR);
        users.store("ada", Some(UserStatus::Deleted), at(0));
        assert_eq!(users.fresh("ada", at(60)), None);
        assert_eq!(users.store("ada", None, at(60)), UserStatus::Deleted);
        assert_eq!(users.after_failure("ada", at(9_000)), UserStatus::Deleted);
    }

    #[test]
    fn users_that_do_not_fit_share_a_grace_period() {
        let mut users = KnownUsers::new(HOUR);
        let id = |number: usize| format!("user-{number}");
        for number in 0..CAPACITY {
            users.store(&id(number), None, at(0));
        }
        assert_eq!(users.store("ada", None, at(100)), unknown_since(100));
        assert_eq!(users.store("olive", None, at(200)), unknown_since(100));
        assert_eq!(users.after_failure("ada", at(300)), unknown_since(100));
        assert_eq!(users.users.len(), CAPACITY);
        // Users that nobody has asked about for the grace period make room.
        let later = at(10) + HOUR;
        for number in 0..10 {
            users.store(&id(number), None, at(20));
        }
        assert_eq!(users.store("ada", None, later), unknown_since(100));
        assert_eq!((users.users.len(), users.full_since), (11, None));
        let new = UserStatus::Unknown { since: later };
        assert_eq!(users.store("olive", None, later), new);
    }

    #[test]
    fn answers_of_the_past_make_room_first() {
        let mut users = KnownUsers::new(HOUR);
        users.store("deleted", Some(UserStatus::Deleted), at(0));
        for number in 1..CAPACITY {
            users.store(&format!("user-{number}"), Some(UserStatus::Exists), at(0));
        }
        users.store("ada", None, at(60));
        assert_eq!(users.users.len(), 2);
        assert_eq!(users.last("deleted"), Some(UserStatus::Deleted));
    }
}
