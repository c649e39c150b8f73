//! One server under several host names: the session cookie of a domain, redirects to other hosts, and hosts that sign
//! people in by themselves.

mod cookies;
mod forward_auth;
mod own_sign_in;
mod redirects;

use vestibule::settings::Settings;

use crate::support::app::{TestApp, TestAppBuilder};
use crate::support::client::HOSTS;

const ADA: &str = "ada@example.com";
const OLIVE: &str = "olive@example.com";

/// An app whose `PUBLIC_URL` is on the first of [`HOSTS`].
fn on_a(builder: TestAppBuilder) -> TestAppBuilder {
    builder.setting("PUBLIC_URL", "http://a.site.localhost:{port}")
}

/// The same, with one session cookie for both hosts.
fn shared(builder: TestAppBuilder) -> TestAppBuilder {
    on_a(builder)
        .setting("SESSION_COOKIE_DOMAIN", "site.localhost")
        .setting("LOGIN_REDIRECT_HOSTS", "b.site.localhost")
}

/// The same, where each of the hosts signs people in by itself.
pub(crate) fn separate(builder: TestAppBuilder) -> TestAppBuilder {
    on_a(builder).setting(
        "WORKOS_REDIRECT_URIS",
        "http://b.site.localhost:{port}/auth/callback",
    )
}

/// The app of [`shared`].
pub(crate) fn start_shared() -> TestApp {
    shared(TestApp::builder()).start()
}

/// The app's address on each of [`HOSTS`].
pub(crate) fn urls(settings: &Settings) -> [String; 2] {
    HOSTS.map(|host| format!("http://{host}:{}", settings.bind.port()))
}
