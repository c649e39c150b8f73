//! An HTTP client that behaves like a browser without scripts.

use std::sync::Arc;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{COOKIE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};

use super::client::plain_client_builder;

/// A client that keeps cookies and does not follow redirects.
#[derive(Clone)]
pub(crate) struct Visitor {
    client: Client,
    jar: Arc<Jar>,
    url: String,
}

impl Visitor {
    /// A client of this site without cookies.
    pub(crate) fn new(url: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let client = plain_client_builder()
            .cookie_provider(Arc::clone(&jar))
            .redirect(Policy::none())
            .build()
            .expect("a client");
        Self {
            client,
            jar,
            url: url.to_owned(),
        }
    }

    /// A request to a path of the site or to a whole URL.
    pub(crate) fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let url = if target.starts_with('/') {
            format!("{}{target}", self.url)
        } else {
            target.to_owned()
        };
        self.client.request(method, url)
    }

    /// Sends GET and returns the first response.
    pub(crate) async fn get(&self, target: &str) -> Response {
        self.request(Method::GET, target)
            .send()
            .await
            .expect("a response")
    }

    /// Sends POST without a body and returns the first response.
    pub(crate) async fn post(&self, target: &str) -> Response {
        self.request(Method::POST, target)
            .send()
            .await
            .expect("a response")
    }

    /// Sends GET and returns the body as text.
    pub(crate) async fn page(&self, target: &str) -> String {
        self.get(target).await.text().await.expect("a body")
    }

    /// Follows a link of this site: sends GET with the header of a browser, and returns the first
    /// response.
    pub(crate) async fn follow(&self, target: &str) -> Response {
        let request = self.request(Method::GET, target);
        let request = request.header("Sec-Fetch-Site", "same-origin");
        request.send().await.expect("a response")
    }

    /// Starts a sign-in with a link of this site and returns the authorize URL of the redirect.
    pub(crate) async fn start_login(&self, target: &str) -> Url {
        let response = self.follow(target).await;
        assert_eq!(
            response.status(),
            StatusCode::FOUND,
            "{target} redirects to WorkOS"
        );
        Url::parse(&location(&response)).expect("a whole URL")
    }

    /// Signs in at WorkOS and returns the callback URL of the redirect.
    pub(crate) async fn authorize(&self, authorize: &Url, email: &str) -> Url {
        let name = email.split('@').next().expect("a name").replace('.', "-");
        let form = [
            ("email", email.to_owned()),
            ("password", format!("{name}-demo-password")),
        ];
        let request = self.client.post(authorize.clone()).form(&form);
        let response = request.send().await.expect("a response of WorkOS");
        assert_eq!(
            response.status(),
            StatusCode::FOUND,
            "{email} can sign in at WorkOS"
        );
        Url::parse(&location(&response)).expect("a whole URL")
    }

    /// Signs in completely and returns the callback's response.
    pub(crate) async fn sign_in(&self, email: &str) -> Response {
        let authorize = self.start_login("/auth/login").await;
        let callback = self.authorize(&authorize, email).await;
        self.get(callback.as_str()).await
    }

    /// Sends a form with POST and returns the first response.
    pub(crate) async fn submit(&self, target: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.request(Method::POST, target).form(fields);
        request.send().await.expect("a response")
    }

    /// Sends an email and a password to `/login` and returns the first response.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Response {
        self.submit("/login", &[("email", email), ("password", password)])
            .await
    }

    /// Whether the home page greets a user.
    pub(crate) async fn is_signed_in(&self) -> bool {
        self.page("/").await.contains("Welcome, ")
    }

    /// The `Cookie` header of a request to this path: `a=1; b=2`.
    pub(crate) fn cookies(&self, path: &str) -> String {
        let url = Url::parse(&format!("{}{path}", self.url)).expect("a URL");
        let header = self.jar.cookies(&url);
        header
            .map(|value| value.to_str().expect("text").to_owned())
            .unwrap_or_default()
    }

    /// The value of one cookie in the jar.
    pub(crate) fn cookie(&self, path: &str, name: &str) -> Option<String> {
        let cookies = self.cookies(path);
        let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value.to_owned())
    }

    /// Sends GET with exactly these cookies, without those of the jar.
    pub(crate) async fn get_with_cookies(&self, target: &str, cookies: &str) -> Response {
        self.get_with_cookie_bytes(target, cookies.as_bytes()).await
    }

    /// Sends POST with exactly these cookies, without a body and without the cookies of the jar.
    pub(crate) async fn post_with_cookies(&self, target: &str, cookies: &str) -> Response {
        Self::new(&self.url)
            .request(Method::POST, target)
            .header(COOKIE, cookies)
            .send()
            .await
            .expect("a response")
    }

    /// Sends GET with cookies that are not valid UTF-8.
    pub(crate) async fn get_with_cookie_bytes(&self, target: &str, cookies: &[u8]) -> Response {
        Self::new(&self.url)
            .request(Method::GET, target)
            .header(COOKIE, cookies)
            .send()
            .await
            .expect("a response")
    }
}

/// The `Location` of a redirect.
pub(crate) fn location(response: &Response) -> String {
    let location = response.headers().get(LOCATION).expect("a Location header");
    location.to_str().expect("text").to_owned()
}

/// The `Set-Cookie` lines of a response.
pub(crate) fn set_cookies(response: &Response) -> Vec<String> {
    let lines = response.headers().get_all("set-cookie").iter();
    lines
        .map(|line| line.to_str().expect("text").to_owned())
        .collect()
}
