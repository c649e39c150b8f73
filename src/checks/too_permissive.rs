//! Deployment checks of values that switch a protection off without saying so.

use chrono::TimeDelta;
use ipnet::{IpNet, Ipv6Net};
use secrecy::ExposeSecret;
use url::Url;

use super::foreign_origins;
use super::report::{CheckLevel, CheckMessage};
use crate::origin::is_https_or_loopback;
use crate::settings::{CorsSettings, Rate, Settings};

/// Origins of nobody in particular. A pattern that matches one of them matches sites that anybody can register.
const FOREIGN_ORIGINS: [&str; 8] = [
    "https://xq7-made-up.com",
    "https://xqmadeup.com",
    "https://xqmadeup.net",
    "https://xqmadeup.org",
    "https://xqmadeup.io",
    "https://www.xqmadeup.example",
    "http://xqmadeup.com",
    "http://203.0.113.7:8080",
];
/// Texts of placeholders, and rows of keys. A random key contains none of them, but for one in many thousands.
const PLACEHOLDERS: [&str; 16] = [
    "change-me",
    "change_me",
    "changeme",
    "change-this",
    "change_this",
    "changethis",
    "replace",
    "your-",
    "your_",
    "secret-key",
    "secret_key",
    "placeholder",
    "password",
    "qwerty",
    "123456",
    "abcdef",
];
/// The values that the documents show.
const PUBLISHED: [&str; 2] = [
    "the-key-of-last-year-which-was-long-and-random-too",
    "a-made-up-secret-that-signs-nothing-but-tokens",
];
/// No proxies have as much as this part of all addresses: 1/16, an IPv4 /4.
const LARGEST_SHARE: f64 = 1.0 / 16.0;
/// More failed sign-ins a minute of one address than this, a hundred times the default, are no limit.
const WIDEST_LOGIN_RATE: u64 = 1_000;
/// The same of refreshes.
const WIDEST_REFRESH_RATE: u64 = 6_000;
/// Clocks that differ by more are wrong, and expired tokens are accepted for as long.
const LONGEST_LEEWAY: TimeDelta = TimeDelta::minutes(5);
/// During a longer outage of WorkOS, sessions that it has revoked stay open for as long.
const LONGEST_STALE_GRACE: TimeDelta = TimeDelta::days(1);

/// The findings.
pub(super) fn issues(settings: &Settings) -> Vec<CheckMessage> {
    let mut issues = Vec::new();
    let mut warn = |id, message: &str, hint: &str| {
        issues.push(CheckMessage::new(id, CheckLevel::Warning, message, hint));
    };
    if is_placeholder(settings.secret_key.expose_secret()) {
        warn(
            "security.W026",
            "SECRET_KEY looks like a placeholder, or is printed in the documentation. Whoever guesses it can make a session for anyone.",
            "Set it to the output of `openssl rand -base64 48`.",
        );
    }
    let mut fallbacks = settings.secret_key_fallbacks.iter();
    if fallbacks.any(|key| is_placeholder(key.expose_secret())) {
        warn(
            "security.W026",
            "An entry of SECRET_KEY_FALLBACKS looks like a placeholder, or is printed in the documentation. Whoever guesses it can make a session for anyone.",
            "Remove it. Whoever is signed in with it must sign in again.",
        );
    }
    let signing_key = settings.tokens.signing_key.expose_secret();
    let own_key = signing_key != settings.secret_key.expose_secret();
    if settings.tokens.algorithm.is_symmetric() && own_key && is_placeholder(signing_key) {
        warn(
            "tokens.W004",
            "JWT_SIGNING_KEY looks like a placeholder, or is printed in the documentation. Whoever guesses it can make tokens for anyone.",
            "Set it to the output of `openssl rand -base64 48`.",
        );
    }
    if covers_the_internet(&settings.trusted_proxies) {
        warn(
            "proxy.W002",
            "TRUSTED_PROXIES contains every address or a large part of all, so a client can choose the address that limits and audit events see.",
            "List the addresses or networks of your proxies only.",
        );
    }
    if allows_foreign_origins(&settings.cors) {
        warn(
            "cors.W002",
            "CORS_ALLOWED_ORIGIN_REGEXES matches origins that anybody can register, so their pages can use this site in the name of its users.",
            r"Name your whole domain in each expression, with a dot before it and `\.` for every dot, such as https://[a-z0-9-]+\.example\.com.",
        );
    }
    if settings.tokens.leeway > LONGEST_LEEWAY {
        warn(
            "tokens.W005",
            "LEEWAY is longer than five minutes, so expired tokens are accepted for as long.",
            "Set it to seconds, and the clocks by NTP.",
        );
    }
    if settings.session_stale_grace > LONGEST_STALE_GRACE {
        warn(
            "session.W001",
            "SESSION_STALE_GRACE is longer than a day. While WorkOS cannot be reached, sessions that it has revoked stay open for as long.",
            "Set it to an hour or so, such as the default.",
        );
    }
    let providers = [
        ("GOOGLE_REDIRECT_URIS", &settings.oidc.google),
        ("OKTA_REDIRECT_URIS", &settings.oidc.okta),
    ];
    for (name, provider) in providers {
        let mut uris = provider.iter().flat_map(|provider| &provider.redirect_uris);
        let is_plain = |uri: &String| {
            Url::parse(uri).is_ok_and(|uri| !is_https_or_loopback(&uri) && uri.scheme() == "http")
        };
        if uris.any(is_plain) {
            warn(
                "oidc.W005",
                &format!(
                    "{name} has an address without https, so whoever is in the network can read the codes."
                ),
                "Serve that page over https, and list its https:// address.",
            );
        }
    }
    let rates = [
        (
            "THROTTLE_LOGIN",
            settings.api.throttle_login,
            WIDEST_LOGIN_RATE,
            "10/min",
        ),
        (
            "THROTTLE_REFRESH",
            settings.api.throttle_refresh,
            WIDEST_REFRESH_RATE,
            "60/min",
        ),
    ];
    for (name, rate, widest, default) in rates {
        if rate.is_some_and(|rate| is_wider(rate, widest)) {
            let message = format!(
                "{name} allows more than {widest} failed requests of one address a minute, which is no limit."
            );
            warn(
                "api.W004",
                &message,
                &format!("Set a rate near the default {default}."),
            );
        }
    }
    issues
}

/// Whether the key contains what only placeholders and published keys contain.
pub(super) fn is_placeholder(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    PUBLISHED.contains(&key) || PLACEHOLDERS.iter().any(|text| lower.contains(text))
}

fn allows_foreign_origins(cors: &CorsSettings) -> bool {
    FOREIGN_ORIGINS.iter().any(|origin| cors.allows(origin)) || foreign_origins::are_allowed(cors)
}

/// Whether the networks together have a large part of IPv4, or of IPv6's public addresses.
fn covers_the_internet(networks: &[IpNet]) -> bool {
    let networks = IpNet::aggregate(&networks.to_vec());
    let (mut ipv4, mut ipv6) = (0.0, 0.0);
    for network in networks {
        match network {
            IpNet::V4(network) => ipv4 += share(network.prefix_len()),
            IpNet::V6(network) => ipv6 += public_share(network),
        }
    }
    ipv4 >= LARGEST_SHARE || ipv6 >= LARGEST_SHARE
}

/// The part of the public addresses, 2000::/3, that a network has.
fn public_share(network: Ipv6Net) -> f64 {
    let top_bits = network.network().segments()[0] >> 13;
    match network.prefix_len().checked_sub(3) {
        Some(length) if top_bits == 1 => share(length),
        Some(_) => 0.0,
        // A network of more than an eighth of all addresses has its beginning at or before 2000::.
        None if top_bits >> (3 - network.prefix_len()) == 0 => 1.0,
        None => 0.0,
    }
}

fn share(prefix_len: u8) -> f64 {
    0.5_f64.powi(prefix_len.into())
}

fn is_wider(rate: Rate, requests_a_minute: u64) -> bool {
    let requests = u64::from(rate.requests.get()) * 60;
    requests > requests_a_minute * rate.period.as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Source;

    fn found(name: &str, value: &str) -> Vec<&'static str> {
        let base = [
            ("WORKOS_API_KEY", "sk_live_1"),
            ("WORKOS_CLIENT_ID", "client_1"),
            (
                "SECRET_KEY",
                "a-key-for-tests-only-with-more-than-fifty-characters-in-it",
            ),
        ];
        let pairs = base.into_iter().chain([(name, value)]);
        let settings = Settings::read(&Source::from_pairs(pairs)).unwrap();
        issues(&settings).iter().map(|issue| issue.id).collect()
    }

    #[test]
    fn values_that_switch_a_protection_off_are_found() {
        for (name, value, id) in [
            ("TRUSTED_PROXIES", "0.0.0.0/0", "proxy.W002"),
            ("TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1", "proxy.W002"),
            ("TRUSTED_PROXIES", "32.0.0.0/5,40.0.0.0/5", "proxy.W002"),
            ("TRUSTED_PROXIES", "::/1", "proxy.W002"),
            ("TRUSTED_PROXIES", "2000::/4,3000::/4", "proxy.W002"),
            ("CORS_ALLOWED_ORIGIN_REGEXES", ".*", "cors.W002"),
            ("CORS_ALLOWED_ORIGIN_REGEXES", "https?://.+", "cors.W002"),
            (
                "CORS_ALLOWED_ORIGIN_REGEXES",
                r"https://[a-z]+\.com",
                "cors.W002",
            ),
            (
                "CORS_ALLOWED_ORIGIN_REGEXES",
                r"http://\d+\.\d+\.\d+\.\d+(:\d+)?",
                "cors.W002",
            ),
            (
                "CORS_ALLOWED_ORIGIN_REGEXES",
                r"https://.*example\.com",
                "cors.W002",
            ),
            (
                "SECRET_KEY",
                "change-me-before-you-deploy-this-to-production!",
                "security.W026",
            ),
            (
                "SECRET_KEY",
                "qwertyuiopasdfghjklzxcvbnm1234567890",
                "security.W026",
            ),
            ("SECRET_KEY", PUBLISHED[0], "security.W026"),
            ("SECRET_KEY_FALLBACKS", PUBLISHED[0], "security.W026"),
            (
                "JWT_SIGNING_KEY",
                "0123456789abcdefghijklmnopqrstuvwxyz",
                "tokens.W004",
            ),
            (
                "JWT_SIGNING_KEY",
                "YOUR-secret-for-signing-goes-here-please",
                "tokens.W004",
            ),
            ("JWT_SIGNING_KEY", PUBLISHED[1], "tokens.W004"),
            ("THROTTLE_LOGIN", "100000/sec", "api.W004"),
            ("THROTTLE_LOGIN", "1001/min", "api.W004"),
            ("THROTTLE_REFRESH", "100000/sec", "api.W004"),
        ] {
            assert_eq!(found(name, value), [id], "{name}={value}");
        }
    }

    #[test]
    fn usual_values_are_not_found() {
        for (name, value) in [
            (
                "TRUSTED_PROXIES",
                "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.1,::1,fc00::/7,fe80::/10",
            ),
            ("TRUSTED_PROXIES", "104.16.0.0/13,2400:cb00::/32"),
            (
                "CORS_ALLOWED_ORIGIN_REGEXES",
                r"https://[a-z0-9-]+\.example\.com,http://localhost:\d+",
            ),
            (
                "SECRET_KEY",
                "kq0bTz7S1vPqg0T4mVfJ8r2yLw9xNcUe5HdAiRoGjYhWsZtB",
            ),
            ("JWT_SIGNING_KEY", "83b1a09c4dfe72651f0e9d8c7b6a5948"),
            ("THROTTLE_LOGIN", "1000/min"),
            ("THROTTLE_LOGIN", "off"),
            ("THROTTLE_REFRESH", "100/sec"),
        ] {
            assert_eq!(found(name, value), [""; 0], "{name}={value}");
        }
    }
}
