//! A single-page app's part of a code exchange.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::{Value, json};

use super::api::ApiResponse;
use super::app::{TestApp, Visitor};
use super::steps::query;

/// The path at which the app exchanges WorkOS's codes.
pub(crate) const WORKOS: &str = "/api/auth/workos/callback";
/// RFC 7636's example, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The authorize URL to which a single-page app sends its user, with PKCE or without.
pub(crate) fn authorize_url(app: &TestApp, pkce: bool) -> Url {
    let workos = &app.settings.workos;
    let endpoint = format!("{}/user_management/authorize", workos.api_base_url);
    let mut url = Url::parse(&endpoint).expect("a URL");
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &workos.client_id)
        .append_pair("redirect_uri", &workos.redirect_uri)
        .append_pair("provider", "authkit")
        .append_pair("state", "the-page's-own");
    if pkce {
        url.query_pairs_mut()
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("code_challenge_method", "S256");
    }
    url
}

/// Signs this person in at the app's emulator and returns the code, without PKCE.
pub(crate) async fn code_for(app: &TestApp, email: &str) -> String {
    let authorize = authorize_url(app, false);
    let callback = app.visitor().authorize(&authorize, email).await;
    query(&callback, "code")
}

impl TestApp {
    /// The response of a code exchange by which this person has signed in to this organisation.
    pub(crate) async fn exchange_in(&self, email: &str, organization: &str) -> ApiResponse {
        let mut authorize = authorize_url(self, false);
        let id = self.organization(organization);
        authorize
            .query_pairs_mut()
            .append_pair("organization_id", &id);
        let callback = self.visitor().authorize(&authorize, email).await;
        let body = json!({ "code": query(&callback, "code") });
        self.visitor().post_json(WORKOS, &body).await
    }
}

/// Sends JSON with POST and without cookies.
pub(crate) async fn post(app: &TestApp, path: &str, body: &Value) -> Response {
    Visitor::new(&app.url)
        .request(Method::POST, path)
        .json(body)
        .send()
        .await
        .expect("a response")
}

/// Asserts the status and returns the JSON body.
pub(crate) async fn json_of(response: Response, status: StatusCode) -> Value {
    let kind = response.headers().get(CONTENT_TYPE).cloned();
    let found = response.status();
    let text = response.text().await.expect("a body");
    assert_eq!(found, status, "{text}");
    assert_eq!(kind.expect("a type"), "application/json");
    serde_json::from_str(&text).expect("JSON")
}

/// Asserts that an exchange succeeded and returns its body.
pub(crate) async fn signed_in(response: Response) -> Value {
    let answer = json_of(response, StatusCode::OK).await;
    let names: Vec<_> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["access_token", "refresh_token", "user"]);
    answer
}

/// Asserts that an exchange failed with this status and code, a sentence, and no other field.
pub(crate) async fn refused(response: Response, status: StatusCode, code: &str) {
    let answer = json_of(response, status).await;
    assert!(
        answer["detail"]
            .as_str()
            .expect("a sentence")
            .ends_with('.'),
        "{answer}"
    );
    let expected = json!({ "detail": answer["detail"], "code": code });
    assert_eq!(answer, expected);
}

/// Decodes the claims of a token of the app.
pub(crate) fn claims(token: &Value) -> Value {
    let token = token.as_str().expect("a token");
    jsonwebtoken::dangerous::insecure_decode_claims(token).expect("claims")
}

/// `GET /api/users/me` with this access token.
pub(crate) async fn me(app: &TestApp, access: &Value) -> Response {
    let request = app.visitor().request(Method::GET, "/api/users/me");
    let token = access.as_str().expect("a token");
    request.bearer_auth(token).send().await.expect("a response")
}

/// The body of `/api/users/me` for the `user` of a sign-in, who has a verified address and no organisation.
pub(crate) fn current_user(user: &Value, picture_url: Option<&str>) -> Value {
    let mut body = json!({
        "email_verified": true,
        "picture_url": picture_url,
        "organization_id": null,
        "organization_name": null,
        "roles": [],
        "permissions": [],
        "entitlements": [],
        "feature_flags": [],
        "claims": {},
        "impersonator": null,
        "is_staff": false,
        "is_superuser": false,
        "groups": [],
    });
    let fields = body.as_object_mut().expect("an object");
    fields.extend(user.as_object().expect("an object").clone());
    body
}
