//! Checks of the accounts: can each sign in, and is each password hash strong enough.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::report::{CheckLevel, CheckMessage};
use crate::accounts::passwords::{PasswordScheme, needs_upgrade, scheme};
use crate::accounts::{User, emails_without_sign_in_method, has_password, has_sign_in_method};
use crate::db::schema::{totp_factors, users};
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::settings::PasswordLogin;

/// The number of rows per query, so that a million accounts are never in memory together.
const PAGE: i64 = 2_000;
/// The number of accounts that `accounts.W001` names.
const NAMED_ACCOUNTS: usize = 5;

/// Checks every account.
pub(super) fn issues(
    database: &Database,
    password_login: PasswordLogin,
    verbose: bool,
) -> Result<Vec<CheckMessage>, DbError> {
    database.read_blocking(|conn| {
        let counts = count(conn, password_login)?;
        let mut issues = Vec::new();
        if counts.without_sign_in_method > 0 {
            let emails = emails_without_sign_in_method(conn, password_login, NAMED_ACCOUNTS)?;
            issues.push(without_sign_in_method(
                counts.without_sign_in_method,
                &emails,
            ));
        }
        issues.extend(weak_hashes(&counts.weak_hashes, verbose));
        Ok(issues)
    })
}

/// Checks for a site with real users: superusers whose password alone is enough to sign in.
pub(super) fn deployment_issues(
    database: &Database,
    password_login: PasswordLogin,
) -> Result<Vec<CheckMessage>, DbError> {
    let superusers = database.read_blocking(|conn| {
        let active = users::table.filter(users::is_active.eq(true));
        let superusers = active.filter(users::is_superuser.eq(true));
        let without_factor =
            superusers.filter(users::id.ne_all(totp_factors::table.select(totp_factors::user_id)));
        let found = without_factor.order(users::id).select(User::as_select());
        found.load(conn).map_err(DbError::from)
    })?;
    let with_password = superusers
        .into_iter()
        .filter(|user| has_password(user, password_login));
    let emails: Vec<String> = with_password.map(|user| user.email).collect();
    Ok(Vec::from_iter(without_second_factor(&emails)))
}

fn without_second_factor(emails: &[String]) -> Option<CheckMessage> {
    let superusers = match emails.len() {
        0 => return None,
        1 => "1 superuser can".to_owned(),
        many => format!("{many} superusers can"),
    };
    let first = &emails[..emails.len().min(NAMED_ACCOUNTS)];
    Some(CheckMessage::new(
        "accounts.W003",
        CheckLevel::Warning,
        format!(
            "{superusers} log in with a password alone, without an authenticator app: {}.",
            named(first, emails.len())
        ),
        "Each of them sets up an authenticator app at /account/authenticator.",
    ))
}

#[derive(Default)]
struct AccountCounts {
    without_sign_in_method: usize,
    weak_hashes: BTreeMap<PasswordScheme, Vec<UserId>>,
}

fn count(conn: &mut Conn, password_login: PasswordLogin) -> Result<AccountCounts, DbError> {
    let mut counts = AccountCounts::default();
    let mut last_id = UserId::from(i64::MIN);
    loop {
        let page: Vec<User> = users::table
            .filter(users::id.gt(last_id))
            .order(users::id)
            .limit(PAGE)
            .select(User::as_select())
            .load(conn)?;
        let Some(last) = page.last() else {
            return Ok(counts);
        };
        last_id = last.id;
        for user in &page {
            counts.add(user, password_login);
        }
    }
}

impl AccountCounts {
    fn add(&mut self, user: &User, password_login: PasswordLogin) {
        if user.is_active && !has_sign_in_method(user, password_login) {
            self.without_sign_in_method += 1;
        }
        let scheme = scheme(&user.password);
        if needs_upgrade(&user.password) || scheme == PasswordScheme::Unknown {
            self.weak_hashes.entry(scheme).or_default().push(user.id);
        }
    }
}

fn without_sign_in_method(count: usize, emails: &[String]) -> CheckMessage {
    let accounts = match count {
        1 => "1 active account".to_owned(),
        many => format!("{many} active accounts"),
    };
    CheckMessage::new(
        "accounts.W001",
        CheckLevel::Warning,
        format!(
            "{accounts} cannot sign in, having neither a linked WorkOS user nor a usable password that PASSWORD_LOGIN permits: {}.",
            named(emails, count)
        ),
        "An account is linked by the first sign-in through WorkOS with the same verified email. Otherwise run `vestibule changepassword EMAIL` or `vestibule deactivate EMAIL`.",
    )
}

/// The emails, with an ellipsis if there are more accounts than that.
fn named(emails: &[String], count: usize) -> String {
    // An imported email may hold control characters.
    let mut named: Vec<String> = emails
        .iter()
        .map(|email| email.escape_debug().to_string())
        .collect();
    if count > emails.len() {
        named.push("…".to_owned());
    }
    named.join(", ")
}

fn weak_hashes(
    accounts: &BTreeMap<PasswordScheme, Vec<UserId>>,
    verbose: bool,
) -> Option<CheckMessage> {
    let hashes = match accounts.values().map(Vec::len).sum() {
        0 => return None,
        1 => "1 stored password hash is".to_owned(),
        many => format!("{many} stored password hashes are"),
    };
    let by_scheme: Vec<_> = accounts
        .iter()
        .map(|(scheme, ids)| match verbose {
            false => format!("{} {}", scheme.name(), ids.len()),
            true => {
                let ids: Vec<_> = ids.iter().map(UserId::to_string).collect();
                let (name, count) = (scheme.name(), ids.len());
                format!("{name} {count} (accounts {})", ids.join(", "))
            }
        })
        .collect();
    Some(CheckMessage::new(
        "accounts.W002",
        CheckLevel::Warning,
        format!(
            "{hashes} weaker than argon2 with the current parameters: {}.",
            by_scheme.join(", ")
        ),
        "Each hash is replaced when its owner next signs in with the password. A hash of an unknown scheme never matches: its owner signs in through WorkOS, or needs `vestibule changepassword EMAIL`.",
    ))
}
