//! Checks of the cookie policy.

use super::report::{CheckLevel, CheckMessage};
use crate::settings::Settings;

/// The names of all other cookies begin with this, except the session's.
const OWN_PREFIX: &str = "vestibule_";
/// The name for the session's cookie that `session.I001` suggests.
const SUGGESTED: &str = "vestibule_session";

/// Checks `AUTH_COOKIE_NAME` and `AUTH_COOKIE_REFRESH`.
pub(super) fn issues(settings: &Settings) -> Vec<CheckMessage> {
    let api = &settings.api;
    let Some(name) = &api.auth_cookie_name else {
        let without_name = api.auth_cookie_refresh.then(|| {
            CheckMessage::new(
                "api.W002",
                CheckLevel::Warning,
                "AUTH_COOKIE_REFRESH has no effect without AUTH_COOKIE_NAME.",
                "Set AUTH_COOKIE_NAME, or remove AUTH_COOKIE_REFRESH.",
            )
        });
        return without_name.into_iter().collect();
    };
    let mut issues = Vec::new();
    let session_name = &settings.session_cookie_name;
    let is_refresh =
        api.auth_cookie_refresh && bare(session_name).strip_suffix("-refresh") == Some(bare(name));
    if name == session_name || is_own_name(name) || is_refresh {
        issues.push(CheckMessage::new(
            "api.E001",
            CheckLevel::Error,
            format!("AUTH_COOKIE_NAME ({name}) is the name of another cookie of vestibule."),
            "Choose another name, such as access_token.",
        ));
    }
    let prefixed = name.starts_with("__Host-") || name.starts_with("__Secure-");
    if prefixed && !settings.public_url.is_https() {
        issues.push(CheckMessage::new(
            "api.E002",
            CheckLevel::Error,
            format!(
                "Browsers refuse the cookie {name} from {}.",
                settings.public_url.as_str()
            ),
            "Serve PUBLIC_URL over https, or choose an AUTH_COOKIE_NAME without that prefix.",
        ));
    }
    if !api.auth_cookie_refresh {
        let seconds = settings.tokens.access_lifetime.num_seconds();
        issues.push(CheckMessage::new(
            "api.W001",
            CheckLevel::Warning,
            format!(
                "AUTH_COOKIE_NAME is set and AUTH_COOKIE_REFRESH is not, so a sign-in lasts as long as one access token ({seconds} seconds)."
            ),
            "Set AUTH_COOKIE_REFRESH to true, unless the page asks POST /api/auth/session for new tokens.",
        ));
    }
    issues
}

/// Whether the name may be that of another cookie than those of sessions and tokens.
pub(super) fn is_own_name(name: &str) -> bool {
    let name = bare(name);
    name.starts_with(OWN_PREFIX) && name != SUGGESTED
}

/// The name without the prefix that browsers enforce.
fn bare(name: &str) -> &str {
    let unprefixed = name.strip_prefix("__Host-");
    unprefixed
        .or_else(|| name.strip_prefix("__Secure-"))
        .unwrap_or(name)
}
