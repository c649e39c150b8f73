//! What a sign-in must show beyond a valid authentication: that it is recent, and of a certain user.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::SignInFailure;
use crate::ids::UserId;

/// How far WorkOS's clock may differ from ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// What a sign-in must show. Without fields it must show nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInRequirement {
    /// The user must have entered credentials at this time or later, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authenticated_after: Option<i64>,
    /// The sign-in repeats the authentication of this user, and must not sign in another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
}

impl SignInRequirement {
    /// The authentication must not be older than `max_age` seconds at `now`, when the sign-in starts.
    #[must_use]
    pub fn with_max_age(self, max_age: i64, now: Timestamp) -> Self {
        Self {
            authenticated_after: Some(now.seconds().saturating_sub(max_age)),
            ..self
        }
    }

    /// The user must be this one.
    #[must_use]
    pub fn of_user(self, user_id: Option<UserId>) -> Self {
        Self { user_id, ..self }
    }

    /// Whether nothing is required.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// When the user entered credentials. WorkOS says so in its access token. Without that, a user who
    /// signs in has been authenticated now, or has been within the required time.
    pub(super) fn auth_time(&self, claimed: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let required = self.authenticated_after.and_then(Timestamp::from_seconds);
        claimed.or(required).unwrap_or(now).min(now)
    }

    /// Checks the user and the time that WorkOS's access token claims.
    pub(super) fn check(
        &self,
        user_id: UserId,
        claimed: Option<Timestamp>,
    ) -> Result<(), SignInFailure> {
        if self.user_id.is_some_and(|required| required != user_id) {
            return Err(SignInFailure::AnotherUser);
        }
        let required = self.authenticated_after.and_then(Timestamp::from_seconds);
        match (claimed, required) {
            (Some(claimed), Some(required)) if claimed.plus(LEEWAY) < required => {
                Err(SignInFailure::NotReauthenticated)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn an_older_authentication_is_refused_except_for_the_leeway() {
        let requirement = SignInRequirement::default().with_max_age(100, at(10_000));
        for (claimed, accepted) in [(9_900, true), (9_840, true), (9_839, false), (0, false)] {
            let checked = requirement.check(UserId::from(1), Some(at(claimed)));
            assert_eq!(checked.is_ok(), accepted, "{claimed}");
        }
        assert!(requirement.check(UserId::from(1), None).is_ok());
        assert_eq!(requirement.auth_time(None, at(10_005)), at(9_900));
    }

    #[test]
    fn another_user_is_refused() {
        let requirement = SignInRequirement::default().of_user(Some(UserId::from(1)));
        assert!(requirement.check(UserId::from(1), None).is_ok());
        let refused = requirement.check(UserId::from(2), None);
        assert!(matches!(refused, Err(SignInFailure::AnotherUser)));
    }

    #[test]
    fn an_authentication_is_never_in_the_future() {
        let none = SignInRequirement::default();
        assert_eq!(none.auth_time(Some(at(200)), at(100)), at(100));
        assert_eq!(none.auth_time(Some(at(50)), at(100)), at(50));
        assert_eq!(none.auth_time(None, at(100)), at(100));
    }
}
