//! The typed settings, and the only code that reads the environment.
//!
//! All errors are collected, so that one start shows all of them. Each names its variable, the value
//! that was read (never a secret) and what to set.

mod api;
mod api_prefix;
mod application_claim;
mod cors;
mod database_url;
mod django_names;
mod dotenv;
mod error;
mod forward_auth;
mod log;
mod login_field;
mod misspelt;
mod oidc;
mod passwords;
mod pem;
mod reader;
mod restore_mark;
mod retention;
mod source;
mod superuser;
mod tokens;
mod values;
mod workos;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::SecretString;

pub use api::{ApiSettings, Rate, auth_header_types};
pub use api_prefix::ApiPrefix;
pub use application_claim::ApplicationClaim;
pub use cors::CorsSettings;
pub use database_url::DatabaseUrl;
pub use django_names::DjangoName;
pub use error::{InvalidSetting, SettingsError};
pub use forward_auth::{ForwardAuthHeaders, ForwardAuthSettings};
pub use log::{LogFormat, LogSettings};
pub use login_field::LoginField;
pub use misspelt::MisspeltName;
pub use oidc::{OidcSettings, ProviderLinking, ProviderSettings, parse_issuer, provider_issuers};
pub use passwords::{argon2_max_memory, password_blocklist_file};
use passwords::{argon2_memory, blocklist_file};
use reader::Reader;
use restore_mark::restore_mark_file;
pub use retention::RetentionSettings;
pub use source::Source;
pub use superuser::SuperuserSettings;
pub use tokens::{JwtAlgorithm, TokenSettings};
pub use values::{PasswordLogin, is_guessable_key, parse_bind};
use values::{
    WANTED_COOKIE_NAME, WANTED_SECRET_KEY, parse_cookie_name, parse_django_key, parse_domain,
    parse_network, parse_redirect_target,
};
pub use workos::{RedirectUri, WorkosSettings};

use crate::origin::{HostPattern, Origin};
use crate::sessions::IdleTimeout;

/// Django's `SESSION_COOKIE_AGE`: two weeks, in seconds.
const SESSION_COOKIE_AGE: i64 = 1_209_600;
/// Browsers limit the lifetime of a cookie to 400 days (RFC 6265bis), in seconds.
const LONGEST_COOKIE_AGE: i64 = 34_560_000;
/// An hour, in seconds.
const SESSION_STALE_GRACE: i64 = 3_600;
/// A week, in seconds: without WorkOS's confirmation no session is served for longer.
const LONGEST_STALE_GRACE: i64 = 604_800;
/// Seconds in which a proxy or load balancer notices that a server is about to stop.
const SHUTDOWN_GRACE: u64 = 5;
/// Five minutes, in seconds.
const LONGEST_SHUTDOWN_GRACE: u64 = 300;

/// All settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The settings of WorkOS.
    pub workos: WorkosSettings,
    /// The key that all other keys are derived from.
    pub secret_key: SecretString,
    /// Older keys that still decrypt what was encrypted with them.
    pub secret_key_fallbacks: Vec<SecretString>,
    /// The database of the user table.
    pub database: DatabaseSettings,
    /// The address to listen on.
    pub bind: SocketAddr,
    /// The origin that browsers see.
    pub public_url: Origin,
    /// Whether `PUBLIC_URL` is not set, so that the origin is this machine's.
    pub public_url_is_default: bool,
    /// The accepted `Host` headers.
    pub allowed_hosts: Vec<HostPattern>,
    /// Hosts besides that of `PUBLIC_URL` to which a sign-in or a log-out may lead.
    pub login_redirect_hosts: Vec<HostPattern>,
    /// The session cookie's name.
    pub session_cookie_name: String,
    /// The domain whose hosts all get the session cookie, without a leading dot; `None`: only the host that has
    /// set it.
    pub session_cookie_domain: Option<String>,
    /// The lifetime of a session.
    pub session_cookie_age: TimeDelta,
    /// How long a session is served after its last renewal failed because WorkOS was unavailable.
    pub session_stale_grace: TimeDelta,
    /// After how long without a request a session ends; `None` if it does not.
    pub session_idle_timeout: Option<IdleTimeout>,
    /// Where a sign-in without `next` leads.
    pub login_redirect_url: String,
    /// The settings of first-party tokens.
    pub tokens: TokenSettings,
    /// The settings of sign-in with Google and Okta.
    pub oidc: OidcSettings,
    /// How long expired rows are kept.
    pub retention: RetentionSettings,
    /// The settings of the JSON API.
    pub api: ApiSettings,
    /// Forward authentication.
    pub forward_auth: ForwardAuthSettings,
    /// What a user enters besides the password.
    pub login_field: LoginField,
    /// Who may sign in with a password.
    pub password_login: PasswordLogin,
    /// The file of breached passwords, which nobody may set.
    pub password_blocklist_file: Option<PathBuf>,
    /// The memory that a stored Argon2 hash may demand, in MiB.
    pub argon2_max_memory: u32,
    /// Other origins whose pages may use the API and send unsafe requests with cookies.
    pub cors: CorsSettings,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a stopping server still accepts connections, so that a load balancer can stop using it.
    pub shutdown_grace: Duration,
    /// The settings of the log.
    pub log: LogSettings,
    /// Whether this is `runserver --demo`, which also serves the example of a single-page application.
    pub demo: bool,
    /// Ids of system checks whose findings are neither shown nor counted as failures.
    pub silenced_system_checks: Vec<String>,
    /// Files with secrets; `check` warns if other users of the machine can read them.
    pub files: SecretFiles,
    /// Variables of `.env` in which dotenvy expanded a `$`; `check` warns of them.
    pub expanded_dollars: Vec<String>,
    /// Variables that look like misspelt settings; `check` warns of them.
    pub misspelt: Vec<MisspeltName>,
    /// Variables of `.env` that are settings of Django, and not of this program; `check` warns of them.
    pub django_names: Vec<DjangoName>,
}

/// The files with secrets that the settings come from.
#[derive(Clone, Debug, Default)]
pub struct SecretFiles {
    /// `.env`, if there is one.
    pub dotenv: Option<PathBuf>,
    /// The PEM files with private keys.
    pub private_keys: Vec<PathBuf>,
}

/// The settings of the database.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// The SQLite file, or the URL of the PostgreSQL database.
    pub url: DatabaseUrl,
    /// The number of PostgreSQL connections.
    pub pool_size: u32,
    /// The file by which a restored or missing database is recognized, in systemd's `STATE_DIRECTORY` or beside the
    /// SQLite file. `None` for PostgreSQL without `STATE_DIRECTORY`.
    pub restore_mark_file: Option<PathBuf>,
}

impl Settings {
    /// Reads every setting from `source`, or returns all errors at once.
    pub fn read(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let settings = Self::with_reader(&mut reader);
        let settings = Self {
            files: SecretFiles {
                dotenv: source.dotenv_file().map(Path::to_owned),
                private_keys: reader.private_key_files().to_vec(),
            },
            expanded_dollars: source.expanded_dollars().to_vec(),
            misspelt: Self::misspelt_in(source),
            django_names: django_names::find(source.dotenv_names()),
            ..settings
        };
        reader.finish(settings).map_err(|error| SettingsError {
            misspelt: Self::misspelt_in(source),
            ..error
        })
    }

    /// Variables of `source` that look like misspelt settings.
    pub fn misspelt_in(source: &Source) -> Vec<MisspeltName> {
        let nothing = Source::default();
        let mut reader = Reader::new(&nothing);
        // Every setting is asked for, so that the reader knows all names.
        drop(Self::with_reader(&mut reader));
        let mut known = reader.into_names();
        known.extend(SuperuserSettings::NAMES);
        misspelt::find(source.names(), &known)
    }

    /// The domain of the session cookie, if it includes this host name. Browsers refuse the cookie of another one.
    pub fn session_cookie_domain_of(&self, host: &str) -> Option<&str> {
        let domain = self.session_cookie_domain.as_ref();
        let includes = |domain: &&String| HostPattern::Domain((*domain).clone()).allows(host);
        domain.filter(includes).map(String::as_str)
    }

    fn with_reader(reader: &mut Reader<'_>) -> Self {
        let bind = reader.value(
            "BIND",
            "127.0.0.1:8000",
            "an address and a port, such as 127.0.0.1:8000",
            parse_bind,
        );
        let public_url = reader.value(
            "PUBLIC_URL",
            &format!("http://localhost:{}", bind.port()),
            "the origin that browsers see, such as https://app.example.com, without a path",
            Origin::parse,
        );
        let workos = WorkosSettings::read(reader, &public_url);
        let secret_key = reader.secret("SECRET_KEY", WANTED_SECRET_KEY, parse_django_key);
        let fallbacks = reader.secrets("SECRET_KEY_FALLBACKS", WANTED_SECRET_KEY, parse_django_key);
        let tokens = TokenSettings::read(reader, &secret_key, &fallbacks, &workos.claims);
        let database = DatabaseSettings::read(reader);
        Self {
            workos,
            retention: RetentionSettings::read(reader, tokens.access_lifetime),
            tokens,
            oidc: OidcSettings::read(reader),
            api: ApiSettings::read(reader),
            forward_auth: ForwardAuthSettings::read(reader),
            secret_key,
            secret_key_fallbacks: fallbacks,
            database,
            bind,
            public_url_is_default: !reader.is_set("PUBLIC_URL"),
            allowed_hosts: allowed_hosts(reader, &public_url),
            login_redirect_hosts: reader.list(
                "LOGIN_REDIRECT_HOSTS",
                "",
                "host names between commas, such as app.example.com or .example.com, without a scheme or a port",
                |text| HostPattern::parse(text).filter(|host| *host != HostPattern::Any),
            ),
            session_cookie_name: reader.value(
                "SESSION_COOKIE_NAME",
                "sessionid",
                WANTED_COOKIE_NAME,
                parse_cookie_name,
            ),
            session_cookie_domain: reader.optional(
                "SESSION_COOKIE_DOMAIN",
                "a domain name, such as example.com",
                parse_domain,
            ),
            session_cookie_age: TimeDelta::seconds(reader.number(
                "SESSION_COOKIE_AGE",
                &SESSION_COOKIE_AGE,
                1..=LONGEST_COOKIE_AGE,
            )),
            session_stale_grace: TimeDelta::seconds(reader.number(
                "SESSION_STALE_GRACE",
                &SESSION_STALE_GRACE,
                0..=LONGEST_STALE_GRACE,
            )),
            session_idle_timeout: idle_timeout(reader),
            login_redirect_url: reader.value(
                "LOGIN_REDIRECT_URL",
                "/",
                "a path of this site, such as /welcome, or a whole https:// URL",
                parse_redirect_target,
            ),
            login_field: LoginField::read(reader),
            password_login: PasswordLogin::read(reader),
            password_blocklist_file: blocklist_file(reader),
            argon2_max_memory: argon2_memory(reader),
            cors: CorsSettings::read(reader),
            trusted_proxies: reader.list(
                "TRUSTED_PROXIES",
                "",
                "addresses or networks between commas, such as 10.0.0.0/8",
                parse_network,
            ),
            shutdown_grace: shutdown_grace(reader, &public_url),
            log: LogSettings::read(reader),
            demo: false,
            silenced_system_checks: reader.list(
                "SILENCED_SYSTEM_CHECKS",
                "",
                "ids of system checks between commas, such as workos.W001",
                |text| Some(text.to_owned()),
            ),
            files: SecretFiles::default(),
            expanded_dollars: Vec::new(),
            misspelt: Vec::new(),
            django_names: Vec::new(),
            public_url,
        }
    }
}

impl DatabaseSettings {
    /// Reads `DATABASE_URL`, `DATABASE_POOL_SIZE` and `STATE_DIRECTORY` alone: `migrate` needs no API key.
    pub fn from_source(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let url = reader.database_url("DATABASE_URL", "sqlite:vestibule.sqlite3");
        Self {
            pool_size: reader.number("DATABASE_POOL_SIZE", &10, 1..=1000),
            restore_mark_file: restore_mark_file(reader, &url),
            url,
        }
    }
}

fn idle_timeout(reader: &mut Reader<'_>) -> Option<IdleTimeout> {
    let seconds = reader.number("SESSION_IDLE_TIMEOUT", &0, 0..=LONGEST_COOKIE_AGE);
    (seconds > 0).then(|| IdleTimeout(TimeDelta::seconds(seconds)))
}

/// By default no time if the site is on a developer's machine.
fn shutdown_grace(reader: &mut Reader<'_>, public_url: &Origin) -> Duration {
    let default = if public_url.is_loopback() {
        0
    } else {
        SHUTDOWN_GRACE
    };
    Duration::from_secs(reader.number("SHUTDOWN_GRACE", &default, 0..=LONGEST_SHUTDOWN_GRACE))
}

fn allowed_hosts(reader: &mut Reader<'_>, public_url: &Origin) -> Vec<HostPattern> {
    let mut hosts = reader.list(
        "ALLOWED_HOSTS",
        public_url.host(),
        "host names between commas, such as example.com or .example.com, without a port",
        HostPattern::parse,
    );
    if public_url.is_loopback() {
        // A developer's machine accepts every name for itself.
        let names = ["localhost", "127.0.0.1", "[::1]"]
            .map(str::to_owned)
            .map(HostPattern::Exact);
        hosts.extend(names);
        hosts.push(HostPattern::Domain("localhost".to_owned()));
    }
    hosts
}

#[cfg(test)]
mod tests;
