//! Checks of the addresses under which browsers reach the site.

use super::report::{CheckLevel, CheckMessage};
use crate::settings::Settings;

/// Checks `ALLOWED_HOSTS` and `BIND` against `PUBLIC_URL`.
pub(super) fn issues(settings: &Settings) -> Vec<CheckMessage> {
    [allowed_hosts(settings), public_url(settings)]
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
