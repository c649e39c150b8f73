//! The content security policy: what our pages may load, and where their forms may end.

use url::Url;

use crate::origin::Origin;
use crate::settings::Settings;

/// Our own style sheet and icon, pictures from the identity provider's hosts, no script, no frame.
///
/// Chromium applies `form-action` to every redirect after a POST, so the log-out form and the log-in
/// form need the hosts that they end at.
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
    for end in [return_to, landing].into_iter().flatten() {
        if end != settings.public_url.as_str() {
            forms.push_str(&format!(" {end}"));
        }
    }
    format!(
        "default-src 'none'; style-src 'self'; img-src {pictures}; form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// For a page of files alone, whose own script talks to the API on this origin; nothing inline.
pub const SCRIPTED_PAGE: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn origin(url: &str) -> Option<String> {
    Some(Origin::of(&Url::parse(url).ok()?)?.as_str().to_owned())
}
