//! An emulator under test, and what an application and a browser do with it.

use std::collections::HashMap;

use authkit_emulator::{Config, Control, EmulatorHandle, start};
use reqwest::header::LOCATION;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Value, json};
use url::Url;

/// The code verifier of RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The S256 challenge of [`VERIFIER`].
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const REDIRECT_URI: &str = "http://localhost:8000/auth/callback";

/// A running emulator, and a browser that does not follow redirects.
pub(super) struct TestEmulator {
    pub(super) handle: EmulatorHandle,
    pub(super) base: String,
    pub(super) browser: Client,
}

impl TestEmulator {
    pub(super) fn start() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let handle = start(config).unwrap();
        let base = handle.base_url();
        Self {
            handle,
            base,
            browser: browser(),
        }
    }

    pub(super) fn control(&self) -> Control {
        self.handle.control()
    }

    pub(super) fn user_id(&self, email: &str) -> String {
        self.control().user(email).unwrap().id
    }

    /// A valid authorize URL with these parameters changed. `None` removes a parameter.
    pub(super) fn authorize_url(&self, changes: &[(&str, Option<&str>)]) -> Url {
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.handle.client_id()),
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

    /// Posts a form of the sign-in page.
    pub(super) async fn submit_form(
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

    /// Signs a user in with their button, and returns the code that the application receives.
    pub(super) async fn code(&self, email: &str, changes: &[(&str, Option<&str>)]) -> String {
        let response = self
            .submit_form(changes, &[("user", &self.user_id(email))])
            .await;
        redirect_parameters(&response)["code"].clone()
    }

    /// Posts to the authenticate endpoint. The client's credentials are added to the fields.
    pub(super) async fn authenticate(&self, fields: Value) -> (StatusCode, Value) {
        read(self.authenticate_raw(fields).await.unwrap()).await
    }

    pub(super) async fn authenticate_raw(&self, fields: Value) -> reqwest::Result<Response> {
        self.authenticate_request(&fields).send().await
    }

    pub(super) fn authenticate_request(&self, fields: &Value) -> RequestBuilder {
        let mut body = json!({
            "client_id": self.handle.client_id(),
            "client_secret": self.handle.api_key(),
        });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let url = format!("{}/user_management/authenticate", self.base);
        plain_client().post(url).json(&body)
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

    /// Signs in and exchanges the code. Returns the response with the tokens.
    pub(super) async fn sign_in(&self, email: &str) -> Value {
        let (status, body) = self.exchange(&self.code(email, &[]).await).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// An API request with the API key.
    pub(super) async fn api(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let method = method.parse().unwrap();
        let mut request = plain_client()
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.handle.api_key());
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    /// A request to the admin API.
    pub(super) async fn admin_api(
        &self,
        method: &str,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let method = method.parse().unwrap();
        let url = format!("{}/_emulator/{path}", self.base);
        read(
            plain_client()
                .request(method, url)
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }
}

/// A builder for a client without certificates: all servers of the tests are reached over plain HTTP, and to
/// read the system's certificates takes longer than most tests.
pub(super) fn plain_client_builder() -> ClientBuilder {
    Client::builder().no_proxy().tls_certs_only([])
}

pub(super) fn plain_client() -> Client {
    plain_client_builder().build().unwrap()
}

pub(super) fn browser() -> Client {
    plain_client_builder()
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

/// The query parameters of a redirect to the application.
pub(super) fn redirect_parameters(response: &Response) -> HashMap<String, String> {
    location(response).query_pairs().into_owned().collect()
}

/// The claims of an access token. The signature is not checked.
pub(super) fn claims(tokens: &Value) -> Value {
    use base64::Engine as _;
    let token = tokens["access_token"].as_str().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
