//! Every name and text of the API description that the single-page applications were written against,
//! letter by letter and in its order, compared with the running program.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api_schema::committed;
use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, Visitor};
use crate::support::exchange::code_for;
use crate::support::oidc_provider::{OidcProvider, REDIRECT_URI, WithOidcIssuer, verified};
use crate::support::steps::is_removal;

const WORKOS: &str = "/api/auth/workos/callback/";
const GOOGLE: &str = "/api/auth/google/";
const OKTA: &str = "/api/auth/okta/";
const TOKEN: &str = "/api/token/";
const LOGOUT: &str = "/api/auth/logout/";

/// Sends a body as the description writes it.
async fn post(visitor: &Visitor, path: &str, body: &str) -> ApiResponse {
    let kind = Some("application/json");
    visitor.post_bytes(path, kind, body.as_bytes()).await
}

/// Asserts that the body is exactly `{ "access_token": …, "refresh_token": …, "user": { … } }`.
#[track_caller]
fn assert_signed_in(reply: &ApiResponse, user: &Value) {
    let (access, refresh) = (reply.text("access_token"), reply.text("refresh_token"));
    let id = user["id"].as_i64().expect("a number");
    let text = |name: &str| user[name].as_str().expect("a text");
    reply.assert_is(
        200,
        &format!(
            r#"{{"access_token":"{access}","refresh_token":"{refresh}","user":{{"id":{id},"email":"{}","first_name":"{}","last_name":"{}"}}}}"#,
            text("email"),
            text("first_name"),
            text("last_name"),
        ),
    );
    for token in [access, refresh] {
        assert_eq!(token.matches('.').count(), 2, "a JWT");
    }
}

/// `Expected payload: { "code": "<authorization_code>" }`, and its three cases.
#[tokio::test]
async fn the_workos_callback() {
    let app = TestApp::start();
    let visitor = app.visitor();
    let exchange = async |email: &str| {
        let code = code_for(&app, email).await;
        post(&visitor, WORKOS, &format!(r#"{{ "code": "{code}" }}"#)).await
    };
    // User exists in WorkOS but not Django → provision immediately.
    let provisioned = exchange("ada@example.com").await;
    let user = app.user("ada@example.com");
    let expected = json!({
        "id": user.id, "email": "ada@example.com", "first_name": "Ada", "last_name": "Example",
    });
    assert_signed_in(&provisioned, &expected);
    // User exists in both WorkOS and Django → login.
    assert_signed_in(&exchange("ada@example.com").await, &expected);
    assert_eq!(app.users().len(), 1);
    // User does not exist in WorkOS → code exchange fails, error returned.
    let failed = post(&visitor, WORKOS, r#"{ "code": "<authorization_code>" }"#).await;
    assert_eq!(failed.status, 400);
    let names: Vec<_> = failed.json.as_object().unwrap().keys().collect();
    assert_eq!(names, ["code", "detail"]);
    post(&visitor, WORKOS, "{}")
        .await
        .assert_is(400, r#"{"code":["This field is required."]}"#);
}

/// `This endpoint is for users who already have accounts.`
#[tokio::test]
async fn google_and_okta() {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .start();
    let visitor = app.visitor();
    let body = format!(r#"{{ "code": "authorization_code", "redirect_uri": "{REDIRECT_URI}" }}"#);
    provider.configure(verified("john@gmail.com")).await;
    for path in [GOOGLE, OKTA] {
        assert_eq!(post(&visitor, path, &body).await.status, 404, "{path}");
        post(&visitor, path, "{}").await.assert_is(
            400,
            r#"{"code":["This field is required."],"redirect_uri":["This field is required."]}"#,
        );
    }
    let user = app.add_user("john@gmail.com", true);
    for path in [GOOGLE, OKTA] {
        let reply = post(&visitor, path, &body).await;
        let expected = json!({
            "id": user.id, "email": "john@gmail.com", "first_name": "", "last_name": "",
        });
        assert_signed_in(&reply, &expected);
    }
}

/// `Takes a set of user credentials and returns an access and refresh JSON web token pair`.
#[tokio::test]
async fn a_token_pair() {
    let (app, user) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let body = format!(r#"{{"email":"{}","password":"{PASSWORD}"}}"#, user.email);
    let reply = post(&visitor, TOKEN, &body).await;
    let (refresh, access) = (reply.text("refresh"), reply.text("access"));
    reply.assert_is(
        200,
        &format!(r#"{{"refresh":"{refresh}","access":"{access}"}}"#),
    );
    let required = r#"["This field is required."]"#;
    post(&visitor, TOKEN, "{}").await.assert_is(
        400,
        &format!(r#"{{"email":{required},"password":{required}}}"#),
    );
    let document = committed();
    let operation = &document["paths"]["/api/token"]["post"];
    let schema = |place: &Value| {
        let place = place["$ref"].as_str().expect("a reference");
        document
            .pointer(place.trim_start_matches('#'))
            .expect("a schema")
    };
    let request = schema(&operation["requestBody"]["content"]["application/json"]["schema"]);
    // The other alternative is the code of a second factor.
    let credentials = &request["anyOf"][0];
    assert_eq!(credentials["required"], json!(["email", "password"]));
}

/// `Response: { "message": …, "workos_logout_url": … | null, "redirect_to": "/signin" | "/login" }`.
#[tokio::test]
async fn a_log_out() {
    let app = TestApp::start();
    let stranger = app.visitor();
    post(&stranger, LOGOUT, "{}").await.assert_is(
        200,
        r#"{"message":"Successfully logged out","workos_logout_url":null,"redirect_to":"/login"}"#,
    );
    let ada = app.signed_in("ada@example.com").await;
    let reply = post(&ada, LOGOUT, "{}").await;
    let url = reply.text("workos_logout_url");
    let start = format!(
        "{}/user_management/sessions/logout?",
        app.emulator.base_url()
    );
    assert!(url.starts_with(&start), "{url}");
    reply.assert_is(
        200,
        &format!(
            r#"{{"message":"Successfully logged out","workos_logout_url":"{url}","redirect_to":"/signin"}}"#
        ),
    );
    let request = stranger.request(Method::GET, LOGOUT);
    assert_eq!(ApiResponse::of_request(request).await.status, 405);
}

/// `The webapp proxy clears the tofu-web cookie`, and `strips refresh tokens from auth responses`.
#[tokio::test]
async fn the_cookie_of_the_proxy() {
    let (app, user) = TestApp::builder()
        .setting("AUTH_COOKIE_NAME", "tofu-web")
        .start_with_user();
    let visitor = app.visitor();
    let body = format!(r#"{{"email":"{}","password":"{PASSWORD}"}}"#, user.email);
    let reply = post(&visitor, TOKEN, &body).await;
    let access = reply.text("access");
    reply.assert_is(200, &format!(r#"{{"access":"{access}"}}"#));
    let cookie = reply.set_cookie("tofu-web").expect("the cookie");
    assert!(
        cookie.starts_with(&format!("tofu-web={access}; HttpOnly;")),
        "{cookie}"
    );
    let logged_out = post(&visitor, LOGOUT, "{}").await;
    assert!(is_removal(
        logged_out.set_cookie("tofu-web").expect("its removal")
    ));
}
