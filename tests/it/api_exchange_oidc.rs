//! `POST /api/auth/google` and `/api/auth/okta`, at a real OpenID Connect provider.

mod failures;
mod id_tokens;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::exchange::{json_of, me, post, refused, signed_in};
use crate::support::oidc_provider::{
    CLIENT_ID, CLIENT_SECRET, OidcProvider, REDIRECT_URI, WithOidcIssuer, verified,
};

const GOOGLE: &str = "/api/auth/google";
const OKTA: &str = "/api/auth/okta";

async fn start() -> (OidcProvider, TestApp) {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .start();
    (provider, app)
}

fn body() -> Value {
    json!({ "code": "made-up-code", "redirect_uri": REDIRECT_URI })
}

async fn exchange(app: &TestApp, path: &str) -> Response {
    post(app, path, &body()).await
}

#[tokio::test]
async fn whoever_has_an_account_signs_in_by_e_mail_and_then_by_subject() {
    let (provider, app) = start().await;
    let row = app.add_user("Ada@Example.com", true);
    provider.configure(verified("ada@example.com")).await;
    let first = signed_in(exchange(&app, OKTA).await).await;
    let user =
        json!({ "id": row.id, "email": "Ada@Example.com", "first_name": "", "last_name": "" });
    assert_eq!(first["user"], user);
    assert_eq!(
        json_of(me(&app, &first["access_token"]).await, StatusCode::OK).await,
        user
    );
    assert_eq!(app.user("ada@example.com").last_login, Some(app.now()));
    // A later address, even somebody else's, changes nothing.
    app.add_user("bob@example.com", true);
    provider.configure(verified("bob@example.com")).await;
    assert_eq!(signed_in(exchange(&app, OKTA).await).await["user"], user);
    assert!(
        app.sessions().is_empty(),
        "no session of WorkOS's stands behind it"
    );
}

#[tokio::test]
async fn nobody_gets_an_account_by_it() {
    let (provider, app) = start().await;
    provider.configure(verified("stranger@gmail.com")).await;
    for path in [GOOGLE, OKTA] {
        let response = exchange(&app, path).await;
        refused(response, StatusCode::NOT_FOUND, "account_not_found").await;
    }
    assert!(app.users().is_empty());
}

#[tokio::test]
async fn accounts_that_say_no() {
    let (provider, app) = start().await;
    let row = app.add_user("ada@gmail.com", true);
    provider
        .configure(json!({ "claims": { "email": "ada@gmail.com", "email_verified": false } }))
        .await;
    let response = exchange(&app, OKTA).await;
    refused(response, StatusCode::FORBIDDEN, "email_not_verified").await;
    app.set_active(row.id, false);
    provider.configure(verified("ada@gmail.com")).await;
    for path in [GOOGLE, OKTA] {
        let response = exchange(&app, path).await;
        refused(response, StatusCode::FORBIDDEN, "account_inactive").await;
    }
    app.set_active(row.id, true);
    signed_in(exchange(&app, OKTA).await).await;
    // Linked by now, it is closed all the same.
    app.set_active(row.id, false);
    let response = exchange(&app, OKTA).await;
    refused(response, StatusCode::FORBIDDEN, "account_inactive").await;
    app.set_active(row.id, true);
    // Another person with the same address, given on.
    provider.configure(json!({ "claims": { "sub": "another", "email": "ada@gmail.com", "email_verified": true } })).await;
    let response = exchange(&app, OKTA).await;
    refused(response, StatusCode::CONFLICT, "account_conflict").await;
}

#[tokio::test]
async fn googles_word_counts_where_google_hosts_the_address() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", true);
    provider.configure(verified("ada@example.com")).await;
    let response = exchange(&app, GOOGLE).await;
    refused(response, StatusCode::FORBIDDEN, "email_not_verified").await;
    provider
        .configure(json!({ "claims": { "email": "ada@example.com", "email_verified": "true", "hd": "example.com" } }))
        .await;
    signed_in(exchange(&app, GOOGLE).await).await;
}

#[tokio::test]
async fn an_account_that_was_never_verified_becomes_its_owners() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", false);
    provider.configure(verified("ada@example.com")).await;
    let answer = signed_in(exchange(&app, OKTA).await).await;
    let user = app.user("ada@example.com");
    assert!(user.email_verified && user.password.starts_with('!'));
    assert_eq!(
        me(&app, &answer["access_token"]).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_the_id_token_does_not_say_is_asked_of_userinfo() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", true);
    provider
        .configure(json!({ "userinfo": { "email": "ada@example.com", "email_verified": true } }))
        .await;
    signed_in(exchange(&app, OKTA).await).await;
    let asked = provider.requests("userinfo").await;
    assert!(
        asked[0]["authorization"]
            .as_str()
            .unwrap()
            .starts_with("Bearer ey")
    );
    // Known by the subject, nobody needs it.
    provider.configure(json!({ "userinfo_status": 503 })).await;
    signed_in(exchange(&app, OKTA).await).await;
}

#[tokio::test]
async fn userinfo_about_somebody_else_counts_for_nothing() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", true);
    provider
        .configure(json!({ "userinfo": { "sub": "another", "email": "ada@example.com", "email_verified": true } }))
        .await;
    let response = exchange(&app, OKTA).await;
    refused(response, StatusCode::BAD_REQUEST, "invalid_id_token").await;
    provider.configure(json!({ "userinfo_status": 503 })).await;
    let response = exchange(&app, OKTA).await;
    refused(
        response,
        StatusCode::SERVICE_UNAVAILABLE,
        "provider_unavailable",
    )
    .await;
}

#[tokio::test]
async fn the_exchange_sends_what_the_provider_wants() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", true);
    provider.configure(verified("ada@example.com")).await;
    signed_in(exchange(&app, OKTA).await).await;
    let asked = provider.requests("token").await;
    let expected = json!({
        "grant_type": "authorization_code",
        "code": "made-up-code",
        "redirect_uri": REDIRECT_URI,
    });
    assert_eq!(asked[0]["body"], expected);
    let basic = reqwest::Client::new()
        .get(&app.url)
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .build()
        .unwrap();
    let basic = basic.headers()["authorization"].to_str().unwrap();
    assert_eq!(asked[0]["authorization"], basic);
    // Asked for once, however many sign in.
    exchange(&app, OKTA).await;
    assert_eq!(provider.requests("metadata").await.len(), 1);
    assert_eq!(provider.requests("keys").await.len(), 1);
}

#[tokio::test]
async fn a_redirect_uri_must_be_on_the_list() {
    let (provider, app) = start().await;
    app.add_user("ada@gmail.com", true);
    provider.configure(verified("ada@gmail.com")).await;
    for other in [
        "https://app.example.com/signed-in/",
        "https://evil.example/",
        "postmessage",
    ] {
        let body = json!({ "code": "c", "redirect_uri": other });
        let answer = json_of(post(&app, OKTA, &body).await, StatusCode::BAD_REQUEST).await;
        assert_eq!(
            answer,
            json!({ "redirect_uri": ["This redirect URI is not allowed."] })
        );
    }
    let answer = json_of(post(&app, OKTA, &json!({})).await, StatusCode::BAD_REQUEST).await;
    let required = ["This field is required."];
    assert_eq!(
        answer,
        json!({ "code": required, "redirect_uri": required })
    );
    assert!(provider.requests("token").await.is_empty());
    // Google's pop-up has no address to be sent to.
    let pop_up = json!({ "code": "c", "redirect_uri": "postmessage" });
    signed_in(post(&app, GOOGLE, &pop_up).await).await;
}

#[tokio::test]
async fn without_a_client_id_there_is_no_such_route() {
    let app = TestApp::start();
    for path in [GOOGLE, OKTA] {
        let answer = json_of(exchange(&app, path).await, StatusCode::NOT_FOUND).await;
        assert_eq!(answer, json!({ "detail": "Not found." }));
    }
}

#[tokio::test]
async fn first_sign_ins_at_once_link_once_and_all_are_good() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", false);
    provider.configure(verified("ada@example.com")).await;
    let body = body();
    let one = || async { signed_in(post(&app, OKTA, &body).await).await };
    let answers = tokio::join!(one(), one(), one(), one());
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        let response = me(&app, &answer["access_token"]).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(app.user("ada@example.com").token_version, 1);
}
