//! An application's side of the protocol, as small as these tests need it.

use std::collections::HashMap;

use authkit_emulator::{Config, Control, EmulatorHandle, start};
use reqwest::header::LOCATION;
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Value, json};
use url::Url;

/// Made up, as RFC 7636's example is.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The S256 challenge of [`VERIFIER`], also from RFC 7636, appendix B.
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const REDIRECT_URI: &str = "http://localhost:8000/auth/callback";

/// A running emulator and a browser that follows no redirects.
pub(super) struct Peer {
    pub(super) running: EmulatorHandle,
    pub(super) base: String,
    pub(super) browser: Client,
}

impl Peer {
    pub(super) fn start() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let running = start(config).unwrap();
        let base = running.base_url();
        Self {
            running,
            base,
            browser: browser(),
        }
    }

    pub(super) fn control(&self) -> Control {
        self.running.control()
    }

    pub(super) fn user_id(&self, email: &str) -> String {
        self.control().user(email).unwrap().id
    }

    /// An authorize URL in order, with these parameters set, or left out where `None`.
    pub(super) fn authorize_url(&self, changes: &[(&str, Option<&str>)]) -> Url {
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.running.client_id()),
            ("redirect_uri", REDIRECT_URI),
            ("provider", "authkit"),
            ("state", "some-state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            parameters.retain(|(known, _)| known != name);
            parameters.extend(value.map(|value| (*name, value)));
        }
        let base = format!("{}/user_management/authorize", self.base);
        Url::parse_with_params(&base, parameters).unwrap()
    }

    pub(super) async fn authorize(&self, changes: &[(&str, Option<&str>)]) -> Response {
        self.browser
            .get(self.authorize_url(changes))
            .send()
            .await
            .unwrap()
    }

    /// Posts the page's form to the authorize URL.
    pub(super) async fn choose(
        &self,
        changes: &[(&str, Option<&str>)],
        form: &[(&str, &str)],
    ) -> Response {
        self.browser
            .post(self.authorize_url(changes))
            .form(form)
            .send()
            .await
            .unwrap()
    }

    /// Signs a user in by their button; the code that the application gets.
    pub(super) async fn code(&self, email: &str, changes: &[(&str, Option<&str>)]) -> String {
        let response = self
            .choose(changes, &[("user", &self.user_id(email))])
            .await;
        answer(&response)["code"].clone()
    }

    /// Posts to authenticate with the client's own fields added.
    pub(super) async fn authenticate(&self, fields: Value) -> (StatusCode, Value) {
        read(self.authenticate_raw(fields).await.unwrap()).await
    }

    pub(super) async fn authenticate_raw(&self, fields: Value) -> reqwest::Result<Response> {
        self.authenticate_request(&fields).send().await
    }

    pub(super) fn authenticate_request(&self, fields: &Value) -> RequestBuilder {
        let mut body = json!({
            "client_id": self.running.client_id(),
            "client_secret": self.running.api_key(),
        });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let url = format!("{}/user_management/authenticate", self.base);
        Client::new().post(url).json(&body)
    }

    pub(super) async fn exchange(&self, code: &str) -> (StatusCode, Value) {
        self.authenticate(json!({
            "grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER,
        }))
        .await
    }

    pub(super) async fn refresh(&self, token: &Value) -> (StatusCode, Value) {
        self.authenticate(json!({ "grant_type": "refresh_token", "refresh_token": token }))
            .await
    }

    /// Signs in and exchanges the code; the tokens.
    pub(super) async fn sign_in(&self, email: &str) -> Value {
        let (status, body) = self.exchange(&self.code(email, &[]).await).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// A request to the API with its key.
    pub(super) async fn api(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let method = method.parse().unwrap();
        let mut request = Client::new()
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.running.api_key());
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    /// A request to steer the emulator, which has no key.
    pub(super) async fn steer(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let method = method.parse().unwrap();
        let url = format!("{}/_emulator/{path}", self.base);
        read(
            Client::new()
                .request(method, url)
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }
}

pub(super) fn browser() -> Client {
    Client::builder()
        .cookie_store(true)
        .redirect(redirect::Policy::none())
        .build()
        .unwrap()
}

pub(super) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

pub(super) fn location(response: &Response) -> Url {
    assert_eq!(response.status(), 302);
    Url::parse(response.headers()[LOCATION].to_str().unwrap()).unwrap()
}

/// The query of the redirect that answers an authorization request.
pub(super) fn answer(response: &Response) -> HashMap<String, String> {
    location(response).query_pairs().into_owned().collect()
}

/// A token's claims, unverified.
pub(super) fn claims(tokens: &Value) -> Value {
    use base64::Engine as _;
    let token = tokens["access_token"].as_str().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
