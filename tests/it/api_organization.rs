//! `POST /api/auth/organization`: switches a session to another organisation of its user, and answers new tokens.

mod refusals;

use authkit_emulator::{Seed, SeedMembership};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::organization::{ORCHARDS, TANDEM, TWYLA, in_organization};
use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, Visitor};
use crate::support::readings::happens_soon;
use crate::support::tokens::token_claims;

const ROUTE: &str = "/api/auth/organization";
const SESSION: &str = "/api/auth/session";
const REFRESH: &str = "/api/token/refresh";

async fn switch(app: &TestApp, visitor: &Visitor, name: &str) -> ApiResponse {
    let body = json!({ "organization_id": app.organization(name) });
    visitor.post_json(ROUTE, &body).await
}

/// Sends the request with an access token and without cookies.
pub(crate) async fn switch_with_token(app: &TestApp, access: &str, name: &str) -> ApiResponse {
    let body = json!({ "organization_id": app.organization(name) });
    let request = app.visitor().request(Method::POST, ROUTE);
    let response = request.bearer_auth(access).json(&body).send().await;
    ApiResponse::of_json(response.unwrap()).await
}

/// The tokens of a code exchange in this organisation, as `(access, refresh)`.
async fn exchanged(app: &TestApp, email: &str, name: &str) -> (String, String) {
    let answer = app.exchange_in(email, name).await;
    (answer.text("access_token"), answer.text("refresh_token"))
}

#[track_caller]
fn assert_claims(app: &TestApp, access: &str, name: &str, role: &str, permissions: &[&str]) {
    let claims = token_claims(access);
    assert_eq!(claims["org_id"], app.organization(name), "{claims}");
    assert_eq!(claims["role"], role, "{claims}");
    assert_eq!(claims["permissions"], json!(permissions), "{claims}");
}

#[track_caller]
fn assert_in_tandem(app: &TestApp, access: &str) {
    assert_claims(app, access, TANDEM, "member", &["reports:read"]);
}

#[tokio::test]
async fn an_expired_policy_cookie_does_not_hide_the_session() {
    let app = TestApp::builder()
        .setting("AUTH_COOKIE_NAME", "tofu-web")
        .start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    twyla.post_json(SESSION, &json!({})).await;
    let expired = twyla.cookie("/", "tofu-web").unwrap();
    app.advance(301);
    assert_eq!(twyla.get_me().await.json["code"], "token_not_valid");
    let answer = switch(&app, &twyla, TANDEM).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_in_tandem(&app, &answer.text("access_token"));
    // The browser has the new token.
    assert_ne!(twyla.cookie("/", "tofu-web"), Some(expired));
    assert_eq!(twyla.get_me().await.json["role"], "member");
}

async fn role_of(app: &TestApp, access: &str) -> Value {
    let me = app.visitor().get_me_with_token(access).await;
    assert_eq!(me.status, StatusCode::OK, "{me:?}");
    me.json["role"].clone()
}

#[tokio::test]
async fn a_browser_session_is_switched_and_gets_new_tokens() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let before = twyla.post_json(SESSION, &json!({})).await;
    assert_eq!(token_claims(&before.text("access_token"))["role"], "admin");
    let answer = switch(&app, &twyla, TANDEM).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let (access, refresh) = (answer.text("access_token"), answer.text("refresh_token"));
    let expected =
        json!({ "access_token": access, "refresh_token": refresh, "user": before.json["user"] });
    assert_eq!(answer.json, expected);
    assert_in_tandem(&app, &access);
    assert_eq!(app.renewals(), 1);
    let sid = app.only_session().workos_sid.unwrap().to_string();
    assert_eq!(token_claims(&access)["sid"], sid);

    // The cookie is up to date, so that no request renews the session again.
    assert!(answer.set_cookie("sessionid").is_some());
    assert_eq!(twyla.get_me().await.json["role"], "member");
    assert!(twyla.page("/account").await.contains(">member<"));
    // So are the tokens from before, once they are refreshed.
    for refresh in [refresh, before.text("refresh_token")] {
        let body = json!({ "refresh": refresh });
        let refreshed = app.visitor().post_json(REFRESH, &body).await;
        assert_in_tandem(&app, &refreshed.text("access"));
    }
    assert_eq!(app.renewals(), 1);
}

#[tokio::test]
async fn the_session_of_an_access_token_is_switched() {
    let app = TestApp::start();
    let (access, refresh) = exchanged(&app, TWYLA, ORCHARDS).await;
    let answer = switch_with_token(&app, &access, TANDEM).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.set_cookie("sessionid"), None);
    let switched = answer.text("access_token");
    assert_in_tandem(&app, &switched);
    assert_eq!(
        app.only_session().organization_id,
        Some(app.organization(TANDEM).into())
    );
    // An access token keeps its claims, but here the session decides.
    assert_eq!(token_claims(&access)["role"], "admin");
    for access in [&switched, &access] {
        assert_eq!(role_of(&app, access).await, "member");
    }
    let body = json!({ "refresh": refresh });
    let refreshed = app.visitor().post_json(REFRESH, &body).await;
    assert_in_tandem(&app, &refreshed.text("access"));

    // All end together.
    let body = json!({ "refresh": answer.text("refresh_token") });
    app.visitor().post_json("/api/auth/logout", &body).await;
    for access in [&switched, &access] {
        let me = app.visitor().get_me_with_token(access).await;
        assert_eq!(me.status, StatusCode::UNAUTHORIZED, "{me:?}");
        let again = switch_with_token(&app, access, ORCHARDS).await;
        assert_eq!(again.status, StatusCode::UNAUTHORIZED, "{again:?}");
    }
}

#[tokio::test]
async fn a_token_of_the_browser_session_switches_its_pages_on_every_replica() {
    let app = TestApp::start();
    let replica = app.replica().start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let access = twyla
        .post_json(SESSION, &json!({}))
        .await
        .text("access_token");
    let cookies = twyla.cookies("/");
    let answer = switch_with_token(&replica, &access, TANDEM).await;
    assert_in_tandem(&app, &answer.text("access_token"));
    for app in [&app, &replica] {
        assert_eq!(role_of(app, &access).await, "member");
        let switched = happens_soon(app, async || {
            let visitor = app.visitor();
            let answer = visitor.get_with_cookies("/auth/verify", &cookies).await;
            answer.headers()["x-auth-role"] == "member"
        });
        assert!(switched.await);
    }
    assert_eq!(app.renewals(), 1);
}

#[tokio::test]
async fn the_cookie_policy_holds() {
    let app = TestApp::builder()
        .setting("AUTH_COOKIE_NAME", "tofu-web")
        .setting("AUTH_COOKIE_REFRESH", "true")
        .start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    // By the browser's session, then by the cookie with the access token.
    for (name, role) in [(TANDEM, "member"), (ORCHARDS, "admin")] {
        let answer = switch(&app, &twyla, name).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(answer.json.get("refresh_token").is_none(), "{answer:?}");
        let access = answer.text("access_token");
        let line = answer.set_cookie("tofu-web").unwrap();
        assert!(line.starts_with(&format!("tofu-web={access};")), "{line}");
        assert!(answer.set_cookie("tofu-web-refresh").is_some());
        assert_eq!(token_claims(&access)["role"], role);
        let refreshed = twyla.post_json(REFRESH, &json!({})).await;
        assert_eq!(token_claims(&refreshed.text("access"))["role"], role);
        assert!(twyla.is_signed_in().await);
    }
}

#[tokio::test]
async fn the_current_organisation_only_gets_new_tokens() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let answer = switch(&app, &twyla, ORCHARDS).await;
    let access = answer.text("access_token");
    assert_eq!(token_claims(&access)["role"], "admin");
    let answer = switch_with_token(&app, &access, ORCHARDS).await;
    assert_eq!(token_claims(&answer.text("access_token"))["role"], "admin");
    assert_eq!(app.renewals(), 0);
}

#[tokio::test]
async fn tokens_of_an_impersonated_session_name_the_actor_and_end_with_it() {
    let mut seed = Seed::default();
    for organization in &mut seed.organizations {
        organization.memberships.push(SeedMembership {
            email: Some("imogen@example.com".to_owned()),
            ..SeedMembership::default()
        });
    }
    let app = TestApp::builder().seed(seed).start();
    let support = in_organization(&app, "imogen@example.com", ORCHARDS).await;
    let end = app.only_session().expires_at.seconds();
    app.advance(60);
    let answer = switch(&app, &support, TANDEM).await;
    let access = answer.text("access_token");
    let again = switch_with_token(&app, &access, ORCHARDS).await;
    for answer in [answer, again] {
        for token in ["access_token", "refresh_token"] {
            let claims = token_claims(&answer.text(token));
            assert_eq!(claims["act"], json!({ "sub": "support@example.com" }));
        }
        assert_eq!(token_claims(&answer.text("refresh_token"))["exp"], end);
    }
}
