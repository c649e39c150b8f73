//! A single-page app's side of a sign-in exchange.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::{Value, json};

use super::app::{TestApp, Visitor};
use super::steps::query;

/// Where WorkOS's codes are exchanged.
pub(crate) const WORKOS: &str = "/api/auth/workos/callback";
/// RFC 7636's example, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// WorkOS's authorize page as a single-page app sends its user there, with PKCE or without.
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

/// A code of the app's own emulator for this person, without PKCE.
pub(crate) async fn code_for(app: &TestApp, email: &str) -> String {
    let authorize = authorize_url(app, false);
    let callback = app.visitor().authorize(&authorize, email).await;
    query(&callback, "code")
}

/// POSTs JSON, as a page without cookies does.
pub(crate) async fn post(app: &TestApp, path: &str, body: &Value) -> Response {
    Visitor::new(&app.url)
        .request(Method::POST, path)
        .json(body)
        .send()
        .await
        .expect("an answer")
}

/// The JSON of an answer with this status.
pub(crate) async fn json_of(response: Response, status: StatusCode) -> Value {
    let kind = response.headers().get(CONTENT_TYPE).cloned();
    let found = response.status();
    let text = response.text().await.expect("a body");
    assert_eq!(found, status, "{text}");
    assert_eq!(kind.expect("a type"), "application/json");
    serde_json::from_str(&text).expect("JSON")
}

/// An exchange that gives tokens.
pub(crate) async fn signed_in(response: Response) -> Value {
    let answer = json_of(response, StatusCode::OK).await;
    let names: Vec<_> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["access_token", "refresh_token", "user"]);
    answer
}

/// An exchange that fails with this status and code, a sentence, and nothing else.
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

/// What a token of ours says.
pub(crate) fn claims(token: &Value) -> Value {
    let token = token.as_str().expect("a token");
    jsonwebtoken::dangerous::insecure_decode_claims(token).expect("claims")
}

/// Whom an access token opens the API for.
pub(crate) async fn me(app: &TestApp, access: &Value) -> Response {
    let request = app.visitor().request(Method::GET, "/api/users/me");
    let token = access.as_str().expect("a token");
    request.bearer_auth(token).send().await.expect("an answer")
}
