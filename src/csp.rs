//! The content security policy of our pages.

use url::Url;

use crate::origin::{HostPattern, Origin, is_loopback_host};
use crate::settings::Settings;

/// Allows our own style sheet and icon, and pictures over https. Allows no scripts and no frames.
///
/// Chromium applies `form-action` to every redirect after a POST, so it contains the hosts to which
/// the log-out and log-in forms redirect.
pub fn content_security_policy(settings: &Settings) -> String {
    let workos = origin(&settings.workos.api_base_url);
    let mut pictures = "'self' https:".to_owned();
    let mut forms = "'self'".to_owned();
    if let Some(workos) = &workos {
        forms.push_str(&format!(" {workos}"));
        if workos.starts_with("http:") {
            pictures.push_str(&format!(" {workos}"));
        }
    }
    let return_to = settings.workos.logout_return_to.as_deref().and_then(origin);
    let landing = origin(&settings.login_redirect_url);
    for target in [return_to, landing].into_iter().flatten() {
        if target != settings.public_url.as_str() {
            forms.push_str(&format!(" {target}"));
        }
    }
    // A form on another host of the session cookie leads here.
    if settings.session_cookie_domain.is_some() {
        forms.push_str(&format!(" {}", settings.public_url.as_str()));
    }
    for source in settings.login_redirect_hosts.iter().flat_map(host_sources) {
        forms.push_str(&format!(" {source}"));
    }
    format!(
        "default-src 'none'; style-src 'self'; img-src {pictures}; form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The policy of a static page whose script calls the API on this origin. Inline scripts are not
/// allowed.
pub const SCRIPTED_PAGE: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The sources for the redirect targets on a host of `LOGIN_REDIRECT_HOSTS`. An IPv6 address cannot be a source.
fn host_sources(host: &HostPattern) -> Vec<String> {
    let names = match host {
        HostPattern::Exact(name) if !name.starts_with('[') => vec![name.clone()],
        HostPattern::Domain(name) => vec![name.clone(), format!("*.{name}")],
        HostPattern::Exact(_) | HostPattern::Any => Vec::new(),
    };
    let schemes = |name: String| {
        let is_loopback = is_loopback_host(name.trim_start_matches("*."));
        let plain = is_loopback.then(|| format!("http://{name}:*"));
        [Some(format!("https://{name}:*")), plain]
    };
    names.into_iter().flat_map(schemes).flatten().collect()
}

fn origin(url: &str) -> Option<String> {
    Some(Origin::of(&Url::parse(url).ok()?)?.as_str().to_owned())
}
