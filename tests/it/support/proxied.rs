//! Requests as a proxy forwards them: plain HTTP to the app's port, with its public name in `Host`.
//! Cookies are set by hand, because a cookie jar does not send `Secure` cookies over plain HTTP.

use reqwest::header::{COOKIE, HOST};
use reqwest::{Method, Response, Url};

use super::app::{TestApp, Visitor, location, set_cookies};

/// A proxy in front of the app.
pub(crate) struct Proxy {
    /// The URL at which the app listens.
    pub(crate) upstream: String,
    /// The public host name that browsers send in `Host`.
    pub(crate) host: &'static str,
}

impl Proxy {
    /// An app whose `PUBLIC_URL` is https, and the proxy that terminates TLS for it.
    pub(crate) fn with_tls() -> (Self, TestApp) {
        let host = "app.example.com";
        let app = TestApp::builder()
            .setting("PUBLIC_URL", &format!("https://{host}"))
            // The emulator redirects only to loopback addresses.
            .setting("WORKOS_REDIRECT_URI", "http://localhost/auth/callback")
            .setting("WORKOS_LOGOUT_RETURN_TO", "")
            .start();
        let upstream = app.url.clone();
        (Self { upstream, host }, app)
    }

    /// Sends GET with exactly these cookies, as a browser does for an address that was typed in.
    pub(crate) async fn get(&self, path: &str, cookies: &str) -> Response {
        Visitor::new(&self.upstream)
            .request(Method::GET, path)
            .header(HOST, self.host)
            .header("sec-fetch-site", "none")
            .header(COOKIE, cookies)
            .send()
            .await
            .expect("a response")
    }

    /// Signs in and returns the responses of the login and of the callback.
    pub(crate) async fn sign_in(&self, email: &str) -> (Response, Response) {
        let begun = self.get("/auth/login", "").await;
        let line = set_cookies(&begun).remove(0);
        let cookie = line.split(';').next().expect("a pair");
        let authorize = Url::parse(&location(&begun)).expect("a whole URL");
        let callback = Visitor::new(&self.upstream)
            .authorize(&authorize, email)
            .await;
        let query = callback.query().expect("a query");
        let finished = self
            .get(&format!("{}?{query}", callback.path()), cookie)
            .await;
        (begun, finished)
    }
}
