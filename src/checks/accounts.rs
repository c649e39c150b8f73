//! Checks of the accounts: can each sign in, and is each password hash strong enough.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::report::{CheckLevel, CheckMessage};
use crate::accounts::passwords::{PasswordScheme, needs_upgrade, scheme};
use crate::accounts::{
    User, email_key, has_earlier_key, has_password, has_sign_in_method,
    labels_without_sign_in_method,
};
use crate::db::schema::{totp_factors, users};
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::settings::{LoginField, PasswordLogin, Settings};

/// The number of rows per query, so that a million accounts are never in memory together.
const PAGE: i64 = 2_000;
/// The number of accounts that `accounts.W001` names.
const NAMED_ACCOUNTS: usize = 5;

/// Checks every account.
pub(super) fn issues(
    database: &Database,
    settings: &Settings,
    verbose: bool,
) -> Result<Vec<CheckMessage>, DbError> {
    let (policy, field) = (settings.password_login, settings.login_field);
    database.read_blocking(|conn| {
        let counts = count(conn, policy, field)?;
        let mut issues = Vec::new();
        if counts.without_sign_in_method > 0 {
            let labels = labels_without_sign_in_method(conn, policy, field, NAMED_ACCOUNTS)?;
            issues.push(without_sign_in_method(
                counts.without_sign_in_method,
                &labels,
            ));
        }
        issues.extend(without_username(&counts.superusers_without_username));
        issues.extend(named_like_emails(&counts.named_like_emails));
        issues.extend(earlier_keys(&counts.earlier_keys));
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
    let labels: Vec<String> = with_password.map(|user| user.label()).collect();
    Ok(Vec::from_iter(without_second_factor(&labels)))
}

fn without_second_factor(labels: &[String]) -> Option<CheckMessage> {
    let superusers = match labels.len() {
        0 => return None,
        1 => "1 superuser can".to_owned(),
        many => format!("{many} superusers can"),
    };
    Some(CheckMessage::new(
        "accounts.W003",
        CheckLevel::Warning,
        format!(
            "{superusers} log in with a password alone, without an authenticator app: {}.",
            first_named(labels)
        ),
        "Each of them sets up an authenticator app at /account/authenticator.",
    ))
}

#[derive(Default)]
struct AccountCounts {
    without_sign_in_method: usize,
    superusers_without_username: Vec<String>,
    earlier_keys: Vec<String>,
    named_like_emails: Vec<String>,
    weak_hashes: BTreeMap<PasswordScheme, Vec<UserId>>,
}

fn count(
    conn: &mut Conn,
    policy: PasswordLogin,
    field: LoginField,
) -> Result<AccountCounts, DbError> {
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
            counts.add(user, policy, field);
        }
        if field == LoginField::Username {
            counts
                .named_like_emails
                .extend(names_like_emails(conn, &page)?);
        }
    }
}

impl AccountCounts {
    fn add(&mut self, user: &User, policy: PasswordLogin, field: LoginField) {
        if user.is_active && !has_sign_in_method(user, policy, field) {
            self.without_sign_in_method += 1;
        }
        if has_earlier_key(&user.email, &user.email_key) {
            self.earlier_keys
                .push(format!("{} ({})", user.id, user.email));
        }
        let needs_username = field == LoginField::Username && user.is_superuser;
        if needs_username && user.username.is_none() && has_password(user, policy) {
            self.superusers_without_username.push(user.label());
        }
        let scheme = scheme(&user.password);
        if needs_upgrade(&user.password) || scheme == PasswordScheme::Unknown {
            self.weak_hashes.entry(scheme).or_default().push(user.id);
        }
    }
}

/// Of these accounts, the open ones whose username is the email of another account.
fn names_like_emails(conn: &mut Conn, page: &[User]) -> QueryResult<Vec<String>> {
    let names = page.iter().filter_map(|user| {
        let username = user.username.as_deref().filter(|_| user.is_active);
        let username = username.filter(|name| name.contains('@'))?;
        let key = email_key(username);
        (key != user.email_key).then_some((key, user))
    });
    let names: Vec<(String, &User)> = names.collect();
    let keys: Vec<&String> = names.iter().map(|(key, _)| key).collect();
    let owned = User::open_email_keys(conn, &keys)?;
    let taken = names.into_iter().filter(|(key, _)| owned.contains(key));
    let label = |user: &User| format!("{} ({})", user.id, user.username.as_deref().unwrap_or(""));
    Ok(taken.map(|(_, user)| label(user)).collect())
}

fn named_like_emails(accounts: &[String]) -> Option<CheckMessage> {
    let usernames = match accounts.len() {
        0 => return None,
        1 => "The username of 1 account is".to_owned(),
        many => format!("The usernames of {many} accounts are"),
    };
    Some(CheckMessage::new(
        "accounts.W006",
        CheckLevel::Warning,
        format!(
            "LOGIN_FIELD is username. {usernames} another account's email, and log-ins with that text find the account with the username: {}.",
            first_named(accounts)
        ),
        "The owner of such an email logs in with the username of the account, or, if it has none, not with a password. Change the other account's username in Django and import again, or deactivate that account.",
    ))
}

fn earlier_keys(accounts: &[String]) -> Option<CheckMessage> {
    let emails = match accounts.len() {
        0 => return None,
        1 => "The email of 1 account is".to_owned(),
        many => format!("The emails of {many} accounts are"),
    };
    Some(CheckMessage::new(
        "accounts.W005",
        CheckLevel::Warning,
        format!(
            "{emails} compared as in an earlier version: {}.",
            first_named(accounts)
        ),
        "Run `vestibule migrate`. An account that is still named afterwards has another spelling of another account's email: it is found by its own spelling only. If both are one person's, deactivate one of them or change its email.",
    ))
}

fn without_username(superusers: &[String]) -> Option<CheckMessage> {
    let who = match superusers.len() {
        0 => return None,
        1 => "1 superuser has".to_owned(),
        many => format!("{many} superusers have"),
    };
    Some(CheckMessage::new(
        "accounts.W004",
        CheckLevel::Warning,
        format!(
            "LOGIN_FIELD is username, and {who} none, so that their password is refused at /api/token: {}.",
            first_named(superusers)
        ),
        "They log in at /login with the email. Create a superuser with `vestibule createsuperuser --username NAME`, or import Django's usernames again.",
    ))
}

fn without_sign_in_method(count: usize, labels: &[String]) -> CheckMessage {
    let accounts = match count {
        1 => "1 active account".to_owned(),
        many => format!("{many} active accounts"),
    };
    CheckMessage::new(
        "accounts.W001",
        CheckLevel::Warning,
        format!(
            "{accounts} cannot sign in, having neither a linked WorkOS user nor a usable password that PASSWORD_LOGIN permits: {}.",
            named(labels, count)
        ),
        "An account is linked by the first sign-in through WorkOS with the same verified email. An account with a username and no email needs LOGIN_FIELD=username. Otherwise run `vestibule changepassword EMAIL` or `vestibule deactivate EMAIL`.",
    )
}

/// The first of these labels, with the number of further ones.
fn first_named(labels: &[String]) -> String {
    named(&labels[..labels.len().min(NAMED_ACCOUNTS)], labels.len())
}

/// The labels, with the number of further accounts if there are more accounts than that.
fn named(labels: &[String], count: usize) -> String {
    // An imported name may hold control characters.
    let mut named: Vec<String> = labels
        .iter()
        .map(|label| label.escape_debug().to_string())
        .collect();
    if count > labels.len() {
        named.push(format!("and {} more", count - labels.len()));
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
