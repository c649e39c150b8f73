//! `POST /api/auth/google` and `/api/auth/okta`, with a real OpenID Connect provider.

mod deleted_users;
mod failures;
mod id_tokens;
mod linking;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::plain_client;
use crate::support::exchange::{current_user, json_of, me, post, refused, signed_in};
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
async fn the_first_sign_in_links_by_email_and_later_ones_use_the_subject() {
    let (provider, app) = start().await;
    let row = app.add_user("Ada@Example.com", true);
    provider.configure(verified("ada@example.com")).await;
    let first = signed_in(exchange(&app, OKTA).await).await;
    let user =
        json!({ "id": row.id, "email": "Ada@Example.com", "first_name": "", "last_name": "" });
    assert_eq!(first["user"], user);
    assert_eq!(
        json_of(me(&app, &first["access_token"]).await, StatusCode::OK).await,
        current_user(&user, None)
    );
    assert_eq!(app.user("ada@example.com").last_login, Some(app.now()));
    // A changed address, even that of another account, makes no difference.
    app.add_user("bob@example.com", true);
    provider.configure(verified("bob@example.com")).await;
    assert_eq!(signed_in(exchange(&app, OKTA).await).await["user"], user);
    assert!(app.sessions().is_empty(), "there is no WorkOS session");
}

#[tokio::test]
async fn no_account_is_created() {
    let (provider, app) = start().await;
    provider.configure(verified("stranger@gmail.com")).await;
    for path in [GOOGLE, OKTA] {
        let response = exchange(&app, path).await;
        refused(response, StatusCode::NOT_FOUND, "account_not_found").await;
    }
    assert!(app.users().is_empty());
}

#[tokio::test]
async fn deactivated_and_conflicting_accounts_are_refused() {
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
    // An account that is deactivated after it was linked is refused too.
    app.set_active(row.id, false);
    let response = exchange(&app, OKTA).await;
    refused(response, StatusCode::FORBIDDEN, "account_inactive").await;
    app.set_active(row.id, true);
    // Another person to whom the address was reassigned.
    provider.configure(json!({ "claims": { "sub": "another", "email": "ada@gmail.com", "email_verified": true } })).await;
    let response = exchange(&app, OKTA).await;
    refused(response, StatusCode::CONFLICT, "account_conflict").await;
}

#[tokio::test]
async fn google_verifies_only_emails_that_it_hosts() {
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
async fn linking_an_unverified_account_revokes_its_credentials() {
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
async fn an_email_missing_in_the_id_token_is_fetched_from_userinfo() {
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
    // A linked person needs no email.
    provider.configure(json!({ "userinfo_status": 503 })).await;
    signed_in(exchange(&app, OKTA).await).await;
}

#[tokio::test]
async fn userinfo_about_another_person_is_ignored() {
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
async fn the_exchange_sends_the_required_parameters() {
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
    let basic = plain_client()
        .get(&app.url)
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .build()
        .unwrap();
    let basic = basic.headers()["authorization"].to_str().unwrap();
    assert_eq!(asked[0]["authorization"], basic);
    // The metadata is fetched once for many sign-ins.
    exchange(&app, OKTA).await;
    assert_eq!(provider.requests("metadata").await.len(), 1);
    assert_eq!(provider.requests("keys").await.len(), 1);
}

#[tokio::test]
async fn a_redirect_uri_must_be_allowed_by_the_settings() {
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
    // Google's pop-up uses `postmessage` instead of a URL.
    let pop_up = json!({ "code": "c", "redirect_uri": "postmessage" });
    signed_in(post(&app, GOOGLE, &pop_up).await).await;
}

#[tokio::test]
async fn without_a_client_id_the_route_does_not_exist() {
    let app = TestApp::start();
    for path in [GOOGLE, OKTA] {
        let answer = json_of(exchange(&app, path).await, StatusCode::NOT_FOUND).await;
        assert_eq!(answer, json!({ "detail": "Not found." }));
    }
}

#[tokio::test]
async fn concurrent_first_sign_ins_link_once_and_all_succeed() {
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
    assert_eq!(app.user("ada@example.com").token_version % 65_536, 1);
}
