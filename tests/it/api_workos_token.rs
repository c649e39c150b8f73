//! `GET /api/auth/workos/token`: WorkOS's own access token of a session.

use diesel::prelude::*;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use vestibule::db::schema::sessions;

use crate::organization::{ORCHARDS, TANDEM, TWYLA, in_organization, switch};
use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, TestAppBuilder, Visitor};
use crate::support::readings::happens_soon;
use crate::support::tokens::token_claims;

const ROUTE: &str = "/api/auth/workos/token";
const ADA: &str = "ada@example.com";

fn app() -> TestAppBuilder {
    TestApp::builder().setting("WORKOS_TOKEN_ROUTE", "true")
}

async fn ask(visitor: &Visitor) -> ApiResponse {
    let request = visitor.request(Method::GET, ROUTE);
    ApiResponse::of_json(request.send().await.unwrap()).await
}

/// Asks with an access token of ours and without cookies.
async fn ask_with_token(app: &TestApp, access: &str) -> ApiResponse {
    let request = app.visitor().request(Method::GET, ROUTE);
    ApiResponse::of_json(request.bearer_auth(access).send().await.unwrap()).await
}

async fn access_token(visitor: &Visitor) -> String {
    let answer = visitor.post_json("/api/auth/session", &json!({})).await;
    answer.text("access_token")
}

/// The claims of WorkOS's token in a response that has to have one.
#[track_caller]
fn claims(answer: &ApiResponse) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.header("cache-control").unwrap().contains("no-store"));
    let token = answer.text("access_token");
    let claims = token_claims(&token);
    let exp = claims["exp"].as_i64().unwrap();
    let expires_at = chrono::DateTime::from_timestamp(exp, 0).unwrap();
    let expires_at = expires_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let expected = json!({ "access_token": token, "expires_at": expires_at });
    assert_eq!(answer.json, expected);
    claims
}

#[track_caller]
fn assert_problem(answer: &ApiResponse, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.json["code"], code, "{answer:?}");
}

/// What the sessions' rows have of WorkOS's access tokens, encrypted.
fn stored(app: &TestApp) -> Vec<Option<Vec<u8>>> {
    app.rows(|conn| {
        let tokens = sessions::table.select(sessions::workos_access_token);
        tokens.order(sessions::created_at).load(conn)
    })
}

#[tokio::test]
async fn without_the_setting_the_route_is_missing_and_nothing_is_stored() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    for visitor in [&ada, &app.visitor()] {
        let answer = ask(visitor).await;
        let body = json!({ "detail": "Not found." });
        assert_eq!((answer.status, answer.json), (StatusCode::NOT_FOUND, body));
    }
    app.advance(250);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.renewals(), 1);
    assert_eq!(stored(&app), [None]);
}

#[tokio::test]
async fn sessions_and_bearer_tokens_get_workos_token() {
    let app = app().start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let row = app.only_session();
    let sid = row.workos_sid.unwrap().to_string();
    let answer = ask(&twyla).await;
    let of_session = claims(&answer);
    assert_eq!(of_session["sid"], sid);
    assert_eq!(of_session["sub"], app.workos().user(TWYLA).unwrap().id);
    assert_eq!(of_session["org_id"], app.organization(ORCHARDS));
    let same = ask_with_token(&app, &access_token(&twyla).await).await;
    assert_eq!(same.json, answer.json);
    assert_eq!(app.renewals(), 0);

    let exchanged = app.exchange_in(TWYLA, TANDEM).await;
    let of_exchange = ask_with_token(&app, &exchanged.text("access_token")).await;
    let of_exchange = claims(&of_exchange);
    assert_eq!(of_exchange["org_id"], app.organization(TANDEM));
    assert_eq!(of_exchange["role"], "member");

    // It is the token of the new organisation after a switch.
    switch(&app, &twyla, TANDEM).await;
    assert_eq!(claims(&ask(&twyla).await)["role"], "member");
}

/// The access token in the policy's cookie lasts five minutes, the session days.
#[tokio::test]
async fn a_session_counts_whatever_the_policys_cookie_holds() {
    let app = app().setting("AUTH_COOKIE_NAME", "tofu-web").start();
    let ada = app.signed_in(ADA).await;
    access_token(&ada).await;
    let expired = ada.cookie("/", "tofu-web").unwrap();
    let session = ada.cookie("/", "sessionid").unwrap();
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.advance(301);
    let olive = app.signed_in("olive@example.com").await;
    access_token(&olive).await;
    let foreign = olive.cookie("/", "tofu-web").unwrap();
    let with_cookies = async |cookies: &str| {
        let answer = app.visitor().get_with_cookies(ROUTE, cookies).await;
        ApiResponse::of_json(answer).await
    };
    for token in [expired.as_str(), foreign.as_str(), "nonsense"] {
        let answer = with_cookies(&format!("sessionid={session}; tofu-web={token}")).await;
        assert_eq!(claims(&answer)["sid"], sid, "{token}");
    }
    // Without a session the token decides.
    claims(&with_cookies(&format!("tofu-web={foreign}")).await);
    let refused = with_cookies(&format!("tofu-web={expired}")).await;
    assert_problem(&refused, StatusCode::UNAUTHORIZED, "token_not_valid");
    // A bearer token is meant, also if it is not valid.
    let bearer = ada.request(Method::GET, ROUTE).bearer_auth(&expired);
    let refused = ApiResponse::of_json(bearer.send().await.unwrap()).await;
    assert_problem(&refused, StatusCode::UNAUTHORIZED, "token_not_valid");
}

#[tokio::test]
async fn the_token_is_renewed_before_it_expires() {
    let app = app().start();
    let ada = app.signed_in(ADA).await;
    let access = access_token(&ada).await;
    let first = claims(&ask(&ada).await)["exp"].as_i64().unwrap();
    app.advance(239);
    assert_eq!(claims(&ask(&ada).await)["exp"], first);
    app.advance(1);
    let second = claims(&ask_with_token(&app, &access).await)["exp"]
        .as_i64()
        .unwrap();
    assert_eq!(second, first + 240);
    app.advance(240);
    let third = claims(&ask(&ada).await)["exp"].as_i64().unwrap();
    assert_eq!(third, first + 480);
    assert_eq!(app.renewals(), 2);
}

#[tokio::test]
async fn the_token_is_encrypted_and_deleted_when_the_session_ends() {
    let app = app().start();
    let ada = app.signed_in(ADA).await;
    let token = claims(&ask(&ada).await);
    let sealed = stored(&app).pop().flatten().unwrap();
    let sid = token["sid"].as_str().unwrap();
    assert!(!sealed.windows(sid.len()).any(|part| part == sid.as_bytes()));
    assert!(!sealed.starts_with(b"ey"));
    ada.post("/auth/logout").await;
    assert_eq!(stored(&app), [None]);

    // By WorkOS, and with SQL.
    let olive = app.signed_in("olive@example.com").await;
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let exchanged = app.exchange_in(TWYLA, ORCHARDS).await;
    for answer in [
        ask(&olive).await,
        ask(&twyla).await,
        ask_with_token(&app, &exchanged.text("access_token")).await,
    ] {
        claims(&answer);
    }
    let sid = app.sessions().iter().find_map(|row| {
        let is_olives = row.user_id == app.user("olive@example.com").id;
        row.workos_sid.clone().filter(|_| is_olives)
    });
    app.workos().revoke_session(&sid.unwrap());
    app.advance(240);
    let refused = ask(&olive).await;
    assert_problem(&refused, StatusCode::UNAUTHORIZED, "session_ended");
    app.run_sql("UPDATE users SET is_active = false WHERE email = 'twyla@example.com'");
    assert_eq!(stored(&app), [None, None, None, None]);
}

#[tokio::test]
async fn a_renewal_by_a_server_without_the_setting_deletes_the_token() {
    let app = app().start();
    let without = app.replica().setting("WORKOS_TOKEN_ROUTE", "false").start();
    let ada = app.signed_in(ADA).await;
    let cookies = ada.cookies("/");
    assert!(stored(&app)[0].is_some());
    app.advance(240);
    without.visitor().get_with_cookies("/", &cookies).await;
    assert_eq!(stored(&app), [None]);
    assert_eq!(app.renewals(), 1);
}

#[tokio::test]
async fn a_session_from_before_the_setting_is_renewed_once_for_its_token() {
    let app = TestApp::start();
    let with = app.replica().setting("WORKOS_TOKEN_ROUTE", "true").start();
    let ada = app.signed_in(ADA).await;
    let access = access_token(&ada).await;
    let all = (0..8).map(|_| ask_with_token(&with, &access));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(claims(&answer)["sid"], token_claims(&access)["sid"]);
    }
    assert_eq!(app.renewals(), 1);
}

#[tokio::test]
async fn while_workos_is_away_the_stored_token_is_answered_until_it_expires() {
    let app = app().start();
    let ada = app.signed_in(ADA).await;
    let access = access_token(&ada).await;
    let first = ask(&ada).await;
    claims(&first);
    app.make_workos_unavailable();
    app.advance(250);
    for answer in [ask(&ada).await, ask_with_token(&app, &access).await] {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.json, first.json);
    }
    app.advance(40);
    let access = access_token(&ada).await;
    app.advance(11);
    for answer in [ask(&ada).await, ask_with_token(&app, &access).await] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert!(answer.header("retry-after").is_some());
    }
    assert!(ada.is_signed_in().await, "the grace period has not ended");
    app.restore_workos();
    claims(&ask(&ada).await);
}

#[tokio::test]
async fn without_a_session_of_workos_there_is_no_token() {
    let app = app().setting("PASSWORD_LOGIN", "all").start();
    let user = app.add_password_user("penny@example.com");
    let anonymous = ask(&app.visitor()).await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
    let penny = app.visitor();
    penny.log_in(&user.email, PASSWORD).await;
    let answer = ask(&penny).await;
    assert_problem(&answer, StatusCode::CONFLICT, "no_workos_session");
    let credentials = json!({ "email": user.email, "password": PASSWORD });
    let pair = app.visitor().post_json("/api/token", &credentials).await;
    let answer = ask_with_token(&app, &pair.text("access")).await;
    assert_problem(&answer, StatusCode::CONFLICT, "no_workos_session");
    let post = penny.post_json(ROUTE, &json!({})).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_ended_session_gets_no_token_on_any_replica() {
    let app = app().start();
    let replica = app.replica().setting("WORKOS_TOKEN_ROUTE", "true").start();
    let ada = app.signed_in(ADA).await;
    let (cookies, access) = (ada.cookies("/"), access_token(&ada).await);
    claims(&ask_with_token(&replica, &access).await);
    ada.post("/auth/logout").await;
    let answer = ask_with_token(&replica, &access).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
    let visitor = replica.visitor();
    let refused = happens_soon(&replica, async || {
        let answer = visitor.get_with_cookies(ROUTE, &cookies).await;
        answer.status() == StatusCode::UNAUTHORIZED
    });
    assert!(refused.await);
}
