//! Checks of `SESSION_COOKIE_DOMAIN`.

use super::report::{CheckLevel, CheckMessage};
use crate::settings::Settings;

/// Whether browsers accept the domain, and what it means for the hosts below it.
pub(super) fn domain(settings: &Settings) -> Vec<CheckMessage> {
    let Some(domain) = &settings.session_cookie_domain else {
        return Vec::new();
    };
    let mut issues = Vec::new();
    let mut refused = |message: String, hint: &str| {
        issues.push(CheckMessage::new(
            "session.E003",
            CheckLevel::Error,
            message,
            hint,
        ));
    };
    // Browsers take the last label of a name that they do not know for a public suffix, such as `localhost`.
    if psl::domain(domain.as_bytes()).is_none() {
        refused(
            format!(
                "SESSION_COOKIE_DOMAIN ({domain}) is a public suffix, so browsers refuse its cookies."
            ),
            "Set it to your own domain, such as example.com, or remove it.",
        );
    }
    let host = settings.public_url.host();
    if settings.session_cookie_domain_of(host).is_none() {
        refused(
            format!(
                "SESSION_COOKIE_DOMAIN ({domain}) does not include {host}, the host of PUBLIC_URL, so browsers refuse its cookies there."
            ),
            "Set it to a domain that the host of PUBLIC_URL belongs to, or remove it.",
        );
    }
    let name = &settings.session_cookie_name;
    if name.starts_with("__Host-") {
        refused(
            format!(
                "Browsers refuse the cookie {name} with a domain, and SESSION_COOKIE_DOMAIN is {domain}."
            ),
            "Choose a SESSION_COOKIE_NAME without the prefix __Host-, or remove SESSION_COOKIE_DOMAIN.",
        );
    }
    if issues.is_empty() {
        issues.push(CheckMessage::new(
            "session.W002",
            CheckLevel::Warning,
            format!("Because of SESSION_COOKIE_DOMAIN, every host of {domain} receives the session cookie of each user who visits it and can use it, and can set or remove it: sign users out, or in as somebody else."),
            "Remove it unless you trust all programs on all hosts of the domain. To silence this, add session.W002 to SILENCED_SYSTEM_CHECKS.",
        ));
    }
    issues
}
