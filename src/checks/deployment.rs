//! Checks for a site with real users: Django's deployment checks that apply here, and our own.

use chrono::TimeDelta;
use secrecy::ExposeSecret;

use super::foreign_origins::is_public_suffix;
use super::report::{CheckLevel, CheckMessage};
use super::too_permissive::{self, is_placeholder};
use super::workos::dashboard;
use crate::origin::HostPattern;
use crate::settings::{ProviderLinking, Settings, is_guessable_key};

/// Django's least length for `security.W009`, in characters.
const LONG_SECRET_KEY: usize = 50;

/// simplejwt's default is five minutes.
const LONGEST_ACCESS_LIFETIME: TimeDelta = TimeDelta::days(1);

/// WorkOS's secrets are longer.
const LONG_WEBHOOK_SECRET: usize = 16;

/// Checks the settings of a site with real users.
pub fn deployment(settings: &Settings) -> Vec<CheckMessage> {
    let mut issues = Vec::new();
    let mut warn = |id, message: &str, hint: &str| {
        issues.push(CheckMessage::new(id, CheckLevel::Warning, message, hint));
    };
    if !settings.public_url.is_https() {
        warn(
            "security.W008",
            "PUBLIC_URL is not https, so cookies are not Secure and HSTS is off.",
            "Serve the site through a TLS proxy, and set PUBLIC_URL to the proxy's https:// origin.",
        );
    }
    if is_weak(settings.secret_key.expose_secret()) {
        warn(
            "security.W009",
            "SECRET_KEY has fewer than 50 characters.",
            "Set it to the output of `openssl rand -base64 48`, and add the old key to SECRET_KEY_FALLBACKS.",
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
            "Remove it as soon as the sessions that were encrypted with it have ended.",
        );
    }
    if settings.allowed_hosts.contains(&HostPattern::Any) {
        warn(
            "security.W020",
            "ALLOWED_HOSTS allows every host.",
            "List the host names that browsers use.",
        );
    }
    let mut hosts = settings.allowed_hosts.iter();
    if hosts.any(|host| matches!(host, HostPattern::Domain(name) if is_public_suffix(name))) {
        warn(
            "security.W020",
            "ALLOWED_HOSTS allows all hosts below a public suffix, such as .com or .co.uk, where anybody can register a name.",
            "List the host names that browsers use, or your own domain with a dot before it.",
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
            "PUBLIC_URL is https and TRUSTED_PROXIES is empty, so every client seems to have the address of the TLS proxy.",
            "Set TRUSTED_PROXIES to the proxy's address or network.",
        );
    }
    if settings.database.url.is_unverified() {
        warn(
            "database.W005",
            "DATABASE_URL names a server on another machine without sslmode=verify-full. Whoever answers in its place gets the password, and can read and change all accounts.",
            "Add sslmode=verify-full to the URL, and sslrootcert with the certificate of the server's authority, or sslrootcert=system.",
        );
    }
    if settings.api.throttle_login.is_none() {
        warn(
            "api.W003",
            "THROTTLE_LOGIN is off, so passwords and codes can be guessed without limit.",
            "Set a rate, such as the default 10/min.",
        );
    }
    if settings.api.throttle_refresh.is_none() {
        warn(
            "api.W003",
            "THROTTLE_REFRESH is off, so one client can ask for tokens, and make rows in the database, without limit.",
            "Set a rate, such as the default 60/min.",
        );
    }
    if settings.tokens.access_lifetime > LONGEST_ACCESS_LIFETIME {
        warn(
            "tokens.W003",
            "ACCESS_TOKEN_LIFETIME is longer than a day. A stolen access token is valid for as long in every program that verifies it alone.",
            "Set it to minutes, such as the default, and let clients refresh their tokens.",
        );
    }
    if settings.public_url.is_https() && settings.cors.allows_plain_http() {
        warn(
            "cors.W001",
            "CORS_ALLOWED_ORIGINS has an origin without https. Whoever is in its network can change its pages, and so use this site in the name of its users.",
            "Serve those pages over https, and list their https:// origin.",
        );
    }
    let webhook_secret = settings.workos.webhook_secret.as_ref();
    if webhook_secret.is_some_and(|secret| is_weak_webhook_secret(secret.expose_secret())) {
        warn(
            "workos.W004",
            "WORKOS_WEBHOOK_SECRET has fewer than 16 characters, few different ones, or looks like a placeholder. Whoever guesses it can change any account by an event of their own.",
            "Set it to the secret that WorkOS's dashboard shows for the endpoint.",
        );
    }
    let oidc = &settings.oidc;
    let okta_links_all = oidc
        .okta
        .as_ref()
        .is_some_and(|okta| okta.domains.is_empty());
    if okta_links_all && oidc.linking == ProviderLinking::Email {
        warn(
            "oidc.W002",
            "OKTA_DOMAINS is empty, so an administrator of Okta can sign in to any account by giving a user its address.",
            "List the domains of your organisation's addresses in OKTA_DOMAINS, or set PROVIDER_LINKING=signed-in.",
        );
    }
    let domains = [
        ("GOOGLE_DOMAINS", &oidc.google),
        ("OKTA_DOMAINS", &oidc.okta),
    ];
    for (name, provider) in domains {
        let mut domains = provider.iter().flat_map(|provider| &provider.domains);
        if domains.any(|domain| is_public_suffix(domain)) {
            warn(
                "oidc.W004",
                &format!(
                    "{name} contains a public suffix, such as com or co.uk, which is the domain of nobody's addresses."
                ),
                "List the domains of your organisation's addresses, such as example.com. An entry does not include its subdomains.",
            );
        }
    }
    if (oidc.google.is_some() || oidc.okta.is_some()) && !oidc.require_nonce {
        warn(
            "oidc.W003",
            "PROVIDER_REQUIRE_NONCE is off, so a code of Google or Okta that was stolen from one browser can be used in another.",
            "Send `nonce` and `code_verifier` from your pages, and set PROVIDER_REQUIRE_NONCE=true.",
        );
    }
    issues.extend(too_permissive::issues(settings));
    issues.push(dashboard(settings));
    issues
}

fn is_weak_webhook_secret(secret: &str) -> bool {
    secret.len() < LONG_WEBHOOK_SECRET || is_guessable_key(secret) || is_placeholder(secret)
}

/// Keys that can be guessed are refused when the settings are read.
fn is_weak(key: &str) -> bool {
    key.chars().count() < LONG_SECRET_KEY
}
