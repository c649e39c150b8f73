//! Checks of the addresses under which browsers reach the site.

use super::foreign_origins::is_public_suffix;
use super::report::{CheckLevel, CheckMessage};
use crate::origin::HostPattern;
use crate::settings::Settings;

/// Checks `ALLOWED_HOSTS` and `BIND` against `PUBLIC_URL`, and `LOGIN_REDIRECT_HOSTS`.
pub(super) fn issues(settings: &Settings) -> Vec<CheckMessage> {
    [
        allowed_hosts(settings),
        public_url(settings),
        login_redirect_hosts(settings),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn allowed_hosts(settings: &Settings) -> Option<CheckMessage> {
    let host = settings.public_url.host();
    let mut patterns = settings.allowed_hosts.iter();
    if patterns.any(|pattern| pattern.allows(host)) {
        return None;
    }
    Some(CheckMessage::new(
        "hosts.W001",
        CheckLevel::Warning,
        format!(
            "ALLOWED_HOSTS does not include {host}, the host of PUBLIC_URL, so browsers get the answer 400 there."
        ),
        format!("Add {host} to ALLOWED_HOSTS, unless a proxy replaces the Host header."),
    ))
}

fn public_url(settings: &Settings) -> Option<CheckMessage> {
    if !settings.public_url_is_default || settings.bind.ip().is_loopback() {
        return None;
    }
    let (bind, port) = (settings.bind, settings.bind.port());
    Some(CheckMessage::new(
        "hosts.W002",
        CheckLevel::Warning,
        format!(
            "The server accepts connections from other machines (BIND is {bind}), but PUBLIC_URL is not set, and its default {} leads every browser to its own machine. Other host names get the answer 400.",
            settings.public_url.as_str()
        ),
        format!(
            "Set PUBLIC_URL to the address that browsers use, such as https://app.example.com or http://192.0.2.10:{port}."
        ),
    ))
}

fn login_redirect_hosts(settings: &Settings) -> Option<CheckMessage> {
    let mut hosts = settings.login_redirect_hosts.iter();
    let suffix = hosts.find_map(|host| match host {
        HostPattern::Domain(name) if is_public_suffix(name) => Some(name),
        HostPattern::Domain(_) | HostPattern::Exact(_) | HostPattern::Any => None,
    })?;
    Some(CheckMessage::new(
        "hosts.E001",
        CheckLevel::Error,
        format!(
            "LOGIN_REDIRECT_HOSTS has .{suffix}, a public suffix, where anybody can register a name, so a link to the log-in could lead to any site."
        ),
        "List the host names that a log-in may lead to, or your own domain with a dot before it.",
    ))
}
