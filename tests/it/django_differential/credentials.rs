//! The people whom both servers know.

use super::random::Random;
use crate::support::real_django::{RealDjango, RealUser};

/// Users of the Django that both servers started from.
pub(super) struct People {
    users: Vec<RealUser>,
}

impl People {
    pub(super) fn new(made: &RealDjango) -> Self {
        Self {
            users: made.users.clone(),
        }
    }

    /// The id of somebody, mostly of an open account.
    pub(super) fn id(&self, random: &mut Random) -> String {
        self.user(random).id.to_string()
    }

    /// The email and the password of somebody.
    pub(super) fn credentials(&self, random: &mut Random) -> (&str, &str) {
        let user = self.user(random);
        (&user.email, user.password.as_deref().unwrap_or("!"))
    }

    fn user(&self, random: &mut Random) -> &RealUser {
        &self.users[random.below(self.users.len())]
    }
}
