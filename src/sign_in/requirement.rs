//! What a sign-in must show beyond a valid authentication: that it is recent, and of a certain user.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::SignInFailure;
use crate::ids::UserId;
use crate::workos::Authentication;

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

    /// Whether the user must have entered credentials after this time.
    pub fn asks_for_credentials_after(&self, time: Timestamp) -> bool {
        self.authenticated_after
            .is_some_and(|required| required > time.seconds())
    }

    /// Whether nothing is required.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the user and the time that WorkOS's access token claims. WorkOS documents that every access
    /// token claims one; a token without it shows no recent authentication.
    pub(super) fn check(
        &self,
        user_id: UserId,
        claimed: Option<Timestamp>,
    ) -> Result<(), SignInFailure> {
        if self.user_id.is_some_and(|required| required != user_id) {
            return Err(SignInFailure::AnotherUser);
        }
        let required = self.authenticated_after.and_then(Timestamp::from_seconds);
        match required {
            Some(required) if claimed.is_none_or(|claimed| claimed.plus(LEEWAY) < required) => {
                Err(SignInFailure::NotReauthenticated)
            }
            _ => Ok(()),
        }
    }
}

/// When the user entered credentials, as WorkOS's access token claims; `None` if it claims nothing.
pub(super) fn auth_time(authentication: &Authentication, now: Timestamp) -> Option<Timestamp> {
    let claimed = authentication.auth_time.map(Timestamp::from);
    // WorkOS's clock may be ahead.
    claimed.map(|claimed| claimed.min(now))
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
        let unknown = requirement.check(UserId::from(1), None);
        assert!(matches!(unknown, Err(SignInFailure::NotReauthenticated)));
        let nothing_required = SignInRequirement::default();
        assert!(nothing_required.check(UserId::from(1), None).is_ok());
    }

    #[test]
    fn another_user_is_refused() {
        let requirement = SignInRequirement::default().of_user(Some(UserId::from(1)));
        assert!(requirement.check(UserId::from(1), None).is_ok());
        let refused = requirement.check(UserId::from(2), None);
        assert!(matches!(refused, Err(SignInFailure::AnotherUser)));
    }
}
