//! Checks for a site whose users come from a Django project.

use diesel::prelude::*;
use secrecy::ExposeSecret;

use super::report::{CheckLevel, CheckMessage};
use crate::db::schema::users;
use crate::db::{Database, DbError};
use crate::ids::UserId;
use crate::settings::Settings;

/// The least length of a key for HMAC-SHA-256, in bytes (RFC 7518, section 3.2).
const LONG_ENOUGH: usize = 32;
/// Django's default for `SESSION_COOKIE_NAME`.
const DJANGOS_COOKIE: &str = "sessionid";

/// Checks the secret key and the session cookie. A database that cannot be read counts as one without
/// imported accounts.
pub fn django(settings: &Settings, database: Option<&Database>) -> Vec<CheckMessage> {
    let has_imported = database.is_some_and(has_imported_accounts);
    let issues = match has_imported {
        true => same_cookie(settings),
        false => short_key(settings),
    };
    issues.into_iter().collect()
}

fn has_imported_accounts(database: &Database) -> bool {
    let found = database.read_blocking(|conn| {
        let imported = users::table.filter(users::imported.eq(true));
        let first = imported.select(users::id).limit(1);
        let first = first.first::<UserId>(conn).optional()?;
        Ok::<_, DbError>(first.is_some())
    });
    found.unwrap_or(false)
}

/// Only a key that a Django project has used so far may be short: another key would invalidate its tokens.
fn short_key(settings: &Settings) -> Option<CheckMessage> {
    let keys = std::iter::once(&settings.secret_key).chain(&settings.secret_key_fallbacks);
    let is_short = |key: &str| key.len() < LONG_ENOUGH;
    let found = keys.into_iter().any(|key| is_short(key.expose_secret()));
    found.then(|| {
        CheckMessage::new(
            "security.E001",
            CheckLevel::Error,
            "SECRET_KEY or an entry of SECRET_KEY_FALLBACKS has fewer than 32 bytes, and no account was imported from Django.",
            "Set SECRET_KEY to the output of `openssl rand -base64 48`. If it is the key of a Django project, run `vestibule import-django` first.",
        )
    })
}

fn same_cookie(settings: &Settings) -> Option<CheckMessage> {
    (settings.session_cookie_name == DJANGOS_COOKIE).then(|| {
        CheckMessage::new(
            "session.I001",
            CheckLevel::Info,
            "Accounts were imported from Django, whose session cookie is named sessionid too. While Django serves pages on the same host, a log-in at one of the two replaces the session cookie of the other.",
            "While both run on one host, set SESSION_COOKIE_NAME to another name, such as vestibule_session.",
        )
    })
}
