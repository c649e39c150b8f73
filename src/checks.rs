//! System checks, as in Django: each finding has an id, a level and a hint.

mod accounts;
mod auth_cookie;
mod deployment;
mod django;
mod files;
mod foreign_origins;
mod hosts;
mod passwords;
mod report;
mod restored;
mod session_cookie;
mod tokens;
mod too_permissive;
mod workos;

use crate::accounts::passwords::allow_argon2_memory;
use crate::db::{Database, DbError};
use crate::settings::{
    DatabaseUrl, DjangoName, InvalidSetting, MisspeltName, Settings, SettingsError,
};
pub use deployment::deployment;
pub use django::django;
use report::sentence;
pub use report::{CheckLevel, CheckMessage, CheckReport};
pub use restored::restored;
pub use workos::online;

/// The findings about settings that cannot be used.
pub fn unreadable_settings(error: &SettingsError) -> Vec<CheckMessage> {
    let invalid = |invalid: &InvalidSetting| {
        CheckMessage::new(
            "settings.E001",
            CheckLevel::Error,
            format!("{}: {}.", invalid.name, invalid.problem),
            sentence(&invalid.hint),
        )
    };
    let issues = error.invalid.iter().map(invalid);
    issues.chain(error.misspelt.iter().map(misspelt)).collect()
}

/// Checks the settings, for development and for real users alike.
pub fn settings(settings: &Settings) -> Vec<CheckMessage> {
    let mut issues = Vec::new();
    if !settings.expanded_dollars.is_empty() {
        issues.push(CheckMessage::new(
            "settings.W001",
            CheckLevel::Warning,
            format!(
                "In .env, a `$` was expanded in {}.",
                settings.expanded_dollars.join(", ")
            ),
            "Put the value between single quotes to keep the `$`.",
        ));
    }
    issues.extend(settings.misspelt.iter().map(misspelt));
    issues.extend(settings.django_names.iter().map(django_name));
    issues.extend(hosts::issues(settings));
    issues.extend(workos::redirect_uri(settings));
    issues.extend(workos::redirect_uris(settings));
    issues.extend(workos::token_route(settings));
    issues.extend(tokens::issues(&settings.tokens));
    issues.extend(okta(settings));
    issues.extend(auth_cookie::issues(settings));
    issues.extend(files::settings_files(settings));
    issues.extend(passwords::blocklist(settings));
    issues.extend(session_cookie::domain(settings));
    let name = &settings.session_cookie_name;
    if auth_cookie::is_own_name(name) {
        issues.push(CheckMessage::new(
            "session.E002",
            CheckLevel::Error,
            format!("SESSION_COOKIE_NAME ({name}) is the name of another cookie of vestibule."),
            "Choose another name, such as the default sessionid.",
        ));
    }
    if (name.starts_with("__Host-") || name.starts_with("__Secure-"))
        && !settings.public_url.is_https()
    {
        issues.push(CheckMessage::new(
            "session.E001",
            CheckLevel::Error,
            format!(
                "Browsers refuse the cookie {name} from {}.",
                settings.public_url.as_str()
            ),
            "Serve PUBLIC_URL over https, or choose a SESSION_COOKIE_NAME without that prefix.",
        ));
    }
    issues
}

fn misspelt(misspelt: &MisspeltName) -> CheckMessage {
    CheckMessage::new(
        "settings.W002",
        CheckLevel::Warning,
        misspelt.to_string(),
        "Correct the name, or remove the variable; if another program needs it, add settings.W002 to SILENCED_SYSTEM_CHECKS.",
    )
}

fn django_name(found: &DjangoName) -> CheckMessage {
    CheckMessage::new(
        "settings.W004",
        CheckLevel::Warning,
        format!(
            "{} in .env is a setting of Django and has no effect here.",
            found.name
        ),
        found.hint,
    )
}

fn okta(settings: &Settings) -> Option<CheckMessage> {
    let okta = settings.oidc.okta.as_ref()?;
    okta.redirect_uris.is_empty().then(|| {
        CheckMessage::new(
            "oidc.W001",
            CheckLevel::Warning,
            "OKTA_CLIENT_ID is set and OKTA_REDIRECT_URIS is empty, so every sign-in with Okta is refused.",
            "List the redirect URIs that your pages send in OKTA_REDIRECT_URIS.",
        )
    })
}

/// Checks that the database exists, is writable and has all migrations, and checks its accounts.
///
/// With `verbose`, findings about accounts name all of their ids.
pub fn database(settings: &Settings, verbose: bool) -> Vec<CheckMessage> {
    allow_argon2_memory(settings.argon2_max_memory);
    // Before the database is opened, because SQLite removes `-wal` and `-shm` with the last connection.
    let mut messages = files::database_files(&settings.database.url);
    let opened = Database::open(&settings.database);
    messages.extend(django(settings, opened.as_ref().ok()));
    let issues = opened.and_then(|database| {
        database.check_writable()?;
        let pending = database.migrations()?.pending()?.len();
        if pending > 0 {
            return Ok(vec![not_migrated(unapplied_migrations(pending))]);
        }
        let mut issues = restored(settings, &database)?;
        issues.extend(accounts::issues(&database, settings, verbose)?);
        Ok(issues)
    });
    messages.extend(issues.unwrap_or_else(|error| match error {
        DbError::Missing(file) => {
            let message = format!("the database file {} does not exist", file.display());
            vec![not_migrated(message)]
        }
        error @ DbError::Lost { .. } => vec![CheckMessage::new(
            "database.E003",
            CheckLevel::Error,
            sentence(error),
            "See docs/operations.md, \"Backups\".",
        )],
        error => vec![unusable_database(&settings.database.url, &error)],
    }));
    messages
}

/// Checks the accounts of a site with real users. A database that cannot be read is reported by
/// [`database`].
pub fn deployed_accounts(settings: &Settings) -> Vec<CheckMessage> {
    let issues = Database::open(&settings.database)
        .and_then(|database| accounts::deployment_issues(&database, settings.password_login));
    issues.unwrap_or_default()
}

fn not_migrated(message: String) -> CheckMessage {
    CheckMessage::new(
        "database.W001",
        CheckLevel::Warning,
        sentence(message),
        "Run `vestibule migrate`.",
    )
}

fn unusable_database(url: &DatabaseUrl, error: &DbError) -> CheckMessage {
    let hint = match url {
        _ if matches!(error, DbError::Unsuitable(_)) => {
            "Keep the old database until the new one works."
        }
        DatabaseUrl::Sqlite(_) => {
            "Check that DATABASE_URL names a SQLite database, and that its file and folder are writable."
        }
        DatabaseUrl::Postgres(_) => {
            "Check DATABASE_URL, and that PostgreSQL runs and accepts connections from this machine."
        }
    };
    CheckMessage::new("database.E001", CheckLevel::Error, sentence(error), hint)
}

/// `1 migration is not applied`, `2 migrations are not applied`.
pub fn unapplied_migrations(count: usize) -> String {
    match count {
        1 => "1 migration is not applied".to_owned(),
        many => format!("{many} migrations are not applied"),
    }
}

#[cfg(test)]
mod tests;
