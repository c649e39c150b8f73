//! Requests as a proxy passes them on: plain HTTP to where the app listens, under its public name.
//! The cookies are carried by hand, since a browser's jar keeps `Secure` ones from plain HTTP.

use reqwest::header::{COOKIE, HOST};
use reqwest::{Method, Response, Url};

use super::app::{TestApp, Visitor, location, set_cookies};

/// What a proxy knows of the app behind it.
pub(crate) struct Proxy {
    /// Where the app listens.
    pub(crate) upstream: String,
    /// The public name, as browsers send it in `Host`.
    pub(crate) host: &'static str,
}

impl Proxy {
    /// An app whose `PUBLIC_URL` is https, and the proxy that ends TLS before it.
    pub(crate) fn with_tls() -> (Self, TestApp) {
        let host = "app.example.com";
        let app = TestApp::builder()
            .setting("PUBLIC_URL", &format!("https://{host}"))
            // The emulator returns to this machine only.
            .setting("WORKOS_REDIRECT_URI", "http://localhost/auth/callback")
            .setting("WORKOS_LOGOUT_RETURN_TO", "")
            .start();
        let upstream = app.url.clone();
        (Self { upstream, host }, app)
    }

    /// GET with just these cookies.
    pub(crate) async fn get(&self, path: &str, cookies: &str) -> Response {
        Visitor::new(&self.upstream)
            .request(Method::GET, path)
            .header(HOST, self.host)
            .header(COOKIE, cookies)
            .send()
            .await
            .expect("an answer")
    }

    /// The answer to the login, and the callback's that follows.
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
