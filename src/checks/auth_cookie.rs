//! What is wrong with the cookie policy.

use super::{Issue, Level};
use crate::settings::Settings;

/// The login attempts' cookies begin so.
const ATTEMPTS: &str = "vestibule_login_";

/// What is wrong with `AUTH_COOKIE_NAME` and `AUTH_COOKIE_REFRESH`.
pub(super) fn issues(settings: &Settings) -> Vec<Issue> {
    let api = &settings.api;
    let Some(name) = &api.auth_cookie_name else {
        let alone = api.auth_cookie_refresh.then(|| {
            Issue::new(
                "api.W002",
                Level::Warning,
                "AUTH_COOKIE_REFRESH does nothing without AUTH_COOKIE_NAME.",
                "Set AUTH_COOKIE_NAME, or remove AUTH_COOKIE_REFRESH.",
            )
        });
        return alone.into_iter().collect();
    };
    let mut issues = Vec::new();
    if *name == settings.session_cookie_name || name.starts_with(ATTEMPTS) {
        issues.push(Issue::new(
            "api.E001",
            Level::Error,
            format!("AUTH_COOKIE_NAME ({name}) is the name of another cookie of vestibule's."),
            "Give it a name of its own.",
        ));
    }
    let prefixed = name.starts_with("__Host-") || name.starts_with("__Secure-");
    if prefixed && !settings.public_url.is_https() {
        issues.push(Issue::new(
            "api.E002",
            Level::Error,
            format!(
                "Browsers refuse the cookie {name} from {}.",
                settings.public_url.as_str()
            ),
            "Serve PUBLIC_URL over https, or choose an AUTH_COOKIE_NAME without that prefix.",
        ));
    }
    if !api.auth_cookie_refresh {
        let seconds = settings.tokens.access_lifetime.num_seconds();
        issues.push(Issue::new(
            "api.W001",
            Level::Warning,
            format!(
                "AUTH_COOKIE_NAME is set and AUTH_COOKIE_REFRESH is not, so a sign-in lasts as long as one access token ({seconds} seconds)."
            ),
            "Set AUTH_COOKIE_REFRESH to true, unless the page asks POST /api/auth/session for new tokens.",
        ));
    }
    issues
}
