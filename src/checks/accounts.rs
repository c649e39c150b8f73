//! Accounts that cannot come in, and passwords that are kept badly.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::{Issue, Level};
use crate::accounts::passwords::{PasswordScheme, is_usable, needs_upgrade, scheme};
use crate::accounts::{User, may_use_password};
use crate::db::schema::users;
use crate::db::{Conn, Database, DbError};
use crate::settings::PasswordLogin;

/// Rows read at once: a million accounts must not stand in memory together.
const PAGE: i64 = 2_000;

/// What the user table has to tell.
pub(super) fn issues(
    database: &Database,
    password_login: PasswordLogin,
) -> Result<Vec<Issue>, DbError> {
    let tally = database.read_blocking(|conn| count(conn, password_login))?;
    Ok([tally.without_a_door(), tally.weak_hashes()]
        .into_iter()
        .flatten()
        .collect())
}

fn count(conn: &mut Conn, password_login: PasswordLogin) -> Result<Tally, DbError> {
    let mut tally = Tally::default();
    let mut last = i64::MIN;
    loop {
        let page: Vec<User> = users::table
            .filter(users::id.gt(last))
            .order(users::id)
            .limit(PAGE)
            .select(User::as_select())
            .load(conn)?;
        let Some(end) = page.last() else {
            return Ok(tally);
        };
        last = end.id;
        for user in &page {
            tally.add(user, password_login);
        }
    }
}

#[derive(Default)]
struct Tally {
    without_a_door: usize,
    weak: BTreeMap<PasswordScheme, usize>,
}

impl Tally {
    fn add(&mut self, user: &User, password_login: PasswordLogin) {
        if user.is_active && !has_a_door(user, password_login) {
            self.without_a_door += 1;
        }
        let scheme = scheme(&user.password);
        if needs_upgrade(&user.password) || scheme == PasswordScheme::Unknown {
            *self.weak.entry(scheme).or_default() += 1;
        }
    }

    fn without_a_door(&self) -> Option<Issue> {
        let accounts = match self.without_a_door {
            0 => return None,
            1 => "1 active account".to_owned(),
            many => format!("{many} active accounts"),
        };
        Some(Issue::new(
            "accounts.W001",
            Level::Warning,
            format!(
                "{accounts} cannot sign in by any door: no WorkOS user is linked yet, and no password opens it (there is none that can match, or PASSWORD_LOGIN forbids it)."
            ),
            "A first sign-in through WorkOS, with the same e-mail verified there, opens that door. Else use `vestibule changepassword EMAIL`, or `vestibule deactivate EMAIL`.",
        ))
    }

    fn weak_hashes(&self) -> Option<Issue> {
        let hashes = match self.weak.values().sum() {
            0 => return None,
            1 => "1 stored password hash is".to_owned(),
            many => format!("{many} stored password hashes are"),
        };
        let by_scheme: Vec<_> = self
            .weak
            .iter()
            .map(|(scheme, count)| format!("{} {count}", scheme.name()))
            .collect();
        Some(Issue::new(
            "accounts.W002",
            Level::Warning,
            format!(
                "{hashes} weaker than argon2 at the current parameters: {}.",
                by_scheme.join(", ")
            ),
            "Each is made anew when its owner next signs in with the password. What is unknown here never matches: its owner comes through WorkOS, or needs `vestibule changepassword EMAIL`.",
        ))
    }
}

/// Whether one is open today. What WorkOS will say of an e-mail cannot be known beforehand.
fn has_a_door(user: &User, password_login: PasswordLogin) -> bool {
    let by_password = may_use_password(user, password_login)
        && is_usable(&user.password)
        && user.email.contains('@');
    user.workos_user_id.is_some() || by_password
}
