//! System checks, as Django has them: each with an id, a level and a hint.

mod accounts;
mod auth_cookie;
mod report;
mod tokens;

use secrecy::ExposeSecret;

use crate::db::{Database, DbError};
use crate::origin::Origin;
use crate::settings::{HostPattern, Settings, SettingsError};
use crate::workos::{WorkosClient, WorkosError};
pub use report::{Issue, Level, Report};

/// Django's bound for `security.W009`, in characters.
const LONG_SECRET_KEY: usize = 50;
/// Django's bound for `security.W009`.
const VARIED_SECRET_KEY: usize = 5;

/// Settings that cannot be read.
pub fn unreadable_settings(error: &SettingsError) -> Vec<Issue> {
    let issue = |error: &crate::settings::SettingError| {
        let message = format!("{}: {}.", error.name, error.problem);
        Issue::new(
            "settings.E001",
            Level::Error,
            message,
            format!("{} {}.", error.name, error.hint),
        )
    };
    error.0.iter().map(issue).collect()
}

/// What is wrong with settings that can be read, whatever the place.
pub fn settings(settings: &Settings) -> Vec<Issue> {
    let mut issues = Vec::new();
    if !settings.expanded_dollars.is_empty() {
        issues.push(Issue::new(
            "settings.W001",
            Level::Warning,
            format!(
                "In .env, a `$` was expanded in {}.",
                settings.expanded_dollars.join(", ")
            ),
            "Put the value between single quotes, or it is not the value you wrote.",
        ));
    }
    issues.extend(redirect_uri(settings));
    issues.extend(tokens::issues(&settings.tokens));
    issues.extend(okta(settings));
    issues.extend(auth_cookie::issues(settings));
    let name = &settings.session_cookie_name;
    if (name.starts_with("__Host-") || name.starts_with("__Secure-"))
        && !settings.public_url.is_https()
    {
        issues.push(Issue::new(
            "session.E001",
            Level::Error,
            format!(
                "Browsers refuse the cookie {name} from {}.",
                settings.public_url.as_str()
            ),
            "Serve PUBLIC_URL over https, or choose a SESSION_COOKIE_NAME without that prefix.",
        ));
    }
    issues
}

/// A sign-in that can never be completed.
fn okta(settings: &Settings) -> Option<Issue> {
    let okta = settings.oidc.okta.as_ref()?;
    okta.redirect_uris.is_empty().then(|| {
        Issue::new(
            "oidc.W001",
            Level::Warning,
            "OKTA_CLIENT_ID is set and OKTA_REDIRECT_URIS is empty: every sign-in is refused.",
            "List the redirect URIs that your pages send in OKTA_REDIRECT_URIS.",
        )
    })
}

fn redirect_uri(settings: &Settings) -> Option<Issue> {
    let uri = url::Url::parse(&settings.workos.redirect_uri).ok()?;
    if Origin::of(&uri).as_ref() != Some(&settings.public_url) {
        return Some(Issue::new(
            "workos.E001",
            Level::Error,
            format!(
                "WORKOS_REDIRECT_URI ({uri}) is not on PUBLIC_URL ({}), where the sign-in's cookie is.",
                settings.public_url.as_str()
            ),
            "Set PUBLIC_URL to the origin that browsers see, or WORKOS_REDIRECT_URI to an address on it.",
        ));
    }
    (uri.path().trim_end_matches('/') != "/auth/callback").then(|| {
        Issue::new(
            "workos.W001",
            Level::Warning,
            format!(
                "WORKOS_REDIRECT_URI leads to {}, not to /auth/callback.",
                uri.path()
            ),
            "Unless a proxy rewrites the path, register and set {PUBLIC_URL}/auth/callback.",
        )
    })
}

/// Django's deployment warnings that apply here, and ours.
pub fn deployment(settings: &Settings) -> Vec<Issue> {
    let mut issues = Vec::new();
    let mut warn = |id, message: &str, hint: &str| {
        issues.push(Issue::new(id, Level::Warning, message, hint));
    };
    if !settings.public_url.is_https() {
        warn(
            "security.W008",
            "PUBLIC_URL is not https, so cookies are not Secure and HSTS is off.",
            "Put a TLS proxy in front and set PUBLIC_URL to its https:// origin.",
        );
    }
    if is_weak(settings.secret_key.expose_secret()) {
        warn(
            "security.W009",
            "SECRET_KEY has fewer than 50 characters, fewer than 5 different ones, or begins with `django-insecure-`.",
            "Make a long random one, such as `openssl rand -base64 48` prints; move the old one to SECRET_KEY_FALLBACKS.",
        );
    }
    if settings
        .secret_key_fallbacks
        .iter()
        .any(|key| is_weak(key.expose_secret()))
    {
        warn(
            "security.W025",
            "An entry of SECRET_KEY_FALLBACKS is as weak as security.W009 describes.",
            "Remove it as soon as the sessions that it opens have ended.",
        );
    }
    if settings.allowed_hosts.contains(&HostPattern::Any) {
        warn(
            "security.W020",
            "ALLOWED_HOSTS allows every host.",
            "List the host names that browsers use.",
        );
    }
    if settings.workos.api_base_url.starts_with("http:") {
        warn(
            "workos.W002",
            "WORKOS_API_BASE_URL is not https, so the API key travels in the clear.",
            "Use https://api.workos.com or your custom authentication domain.",
        );
    }
    if settings.public_url.is_https()
        && settings
            .workos
            .api_key
            .expose_secret()
            .starts_with("sk_test_")
    {
        warn(
            "workos.W003",
            "WORKOS_API_KEY is a key of WorkOS's staging environment.",
            "Use the production environment's key and client id for real users.",
        );
    }
    if settings.public_url.is_https() && settings.trusted_proxies.is_empty() {
        warn(
            "proxy.W001",
            "PUBLIC_URL is https and TRUSTED_PROXIES is empty, so every client has the TLS proxy's address.",
            "Set TRUSTED_PROXIES to the proxy's address or network.",
        );
    }
    issues.push(dashboard(settings));
    issues
}

/// What has to be registered in WorkOS's dashboard, which no call of ours can see.
pub fn dashboard(settings: &Settings) -> Issue {
    let sign_in = format!("{}/auth/login", settings.public_url.as_str());
    let sign_out = settings.workos.logout_return_to.as_deref();
    Issue::new(
        "workos.I001",
        Level::Info,
        "WorkOS's dashboard must know these addresses.",
        format!(
            "Redirect URI: {}. Sign-in endpoint: {sign_in} (or invitation and impersonation links lose their way). Sign-out redirect: {}.",
            settings.workos.redirect_uri,
            sign_out.unwrap_or("its own default")
        ),
    )
}

/// Whether the database is there, can be written to and is up to date, and what is in it.
pub fn database(settings: &Settings) -> Vec<Issue> {
    let issues = Database::open(&settings.database).and_then(|database| {
        database.check_writable()?;
        let pending = database.migrations()?.pending()?.len();
        if pending > 0 {
            return Ok(vec![unapplied(&format!("{}.", not_applied(pending)))]);
        }
        accounts::issues(&database, settings.password_login)
    });
    issues.unwrap_or_else(|error| match error {
        DbError::Missing(_) => vec![unapplied(&format!("{error}."))],
        error => vec![Issue::new(
            "database.E001",
            Level::Error,
            format!("{error}."),
            "Check DATABASE_URL, that the server runs, and that its file and folder can be written to.",
        )],
    })
}

/// `1 migration is not applied`, `2 migrations are not applied`.
pub fn not_applied(count: usize) -> String {
    match count {
        1 => "1 migration is not applied".to_owned(),
        many => format!("{many} migrations are not applied"),
    }
}

fn unapplied(message: &str) -> Issue {
    Issue::new(
        "database.W001",
        Level::Warning,
        message,
        "Run `vestibule migrate`.",
    )
}

/// Asks WorkOS whether the key and the client id work together.
pub async fn online(settings: &Settings) -> Vec<Issue> {
    let verified = match WorkosClient::new(&settings.workos) {
        Ok(client) => client.verify_credentials().await,
        Err(error) => Err(error),
    };
    match verified {
        Ok(()) => vec![dashboard(settings)],
        Err(error @ WorkosError::Refused { .. }) => vec![Issue::new(
            "workos.E002",
            Level::Error,
            format!("{error}."),
            "WORKOS_API_KEY and WORKOS_CLIENT_ID must be of the same WorkOS environment.",
        )],
        Err(error @ WorkosError::Unavailable { .. }) => vec![Issue::new(
            "workos.E003",
            Level::Error,
            format!("{error}."),
            "Check WORKOS_API_BASE_URL, and that this machine may reach it.",
        )],
    }
}

fn is_weak(key: &str) -> bool {
    let mut different: Vec<char> = key.chars().collect();
    different.sort_unstable();
    different.dedup();
    key.chars().count() < LONG_SECRET_KEY
        || different.len() < VARIED_SECRET_KEY
        || key.starts_with("django-insecure-")
}

#[cfg(test)]
mod tests;
