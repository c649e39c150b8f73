//! A cookie with tokens that do not belong to the browser's session is refused and removed.

use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use vestibule::db::schema::users;

use super::{NAME, REFRESH, REFRESH_NAME, app};
use crate::account_sessions::REVOKE;
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, Visitor};
use crate::support::steps::is_removal;
use crate::support::tokens::sign_claims;

const ADA: &str = "ada@example.com";
const OLIVE: &str = "olive@example.com";
const ME: &str = "/api/users/me";

/// The session cookie, the access cookie and the refresh cookie of a signed-in browser.
struct BrowserCookies {
    session: String,
    access: String,
    refresh: String,
}

async fn cookies_of(visitor: &Visitor) -> BrowserCookies {
    let answer = visitor.post_json("/api/auth/session", &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    let cookie = |name| {
        let value = visitor.cookie("/api", name).unwrap();
        format!("{name}={value}")
    };
    BrowserCookies {
        session: cookie("sessionid"),
        access: cookie(NAME),
        refresh: cookie(REFRESH_NAME),
    }
}

async fn send(app: &TestApp, method: Method, path: &str, cookies: &[&str]) -> ApiResponse {
    let request = app.visitor().request(method.clone(), path);
    let request = request.header("cookie", cookies.join("; "));
    let request = match method {
        Method::POST => request.json(&json!({})),
        _ => request,
    };
    ApiResponse::of_json(request.send().await.unwrap()).await
}

#[track_caller]
fn assert_refused(answer: &ApiResponse) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
    assert_eq!(answer.json["code"], "token_not_valid", "{answer:?}");
    for name in [NAME, REFRESH_NAME] {
        assert!(is_removal(answer.set_cookie(name).unwrap()), "{name}");
    }
    assert_eq!(answer.set_cookie("sessionid"), None, "the session stays");
}

#[tokio::test]
async fn tokens_of_another_account_are_refused() {
    let app = app("true");
    let ada = cookies_of(&app.signed_in(ADA).await).await;
    let olive = cookies_of(&app.signed_in(OLIVE).await).await;
    let mixed = [olive.session.as_str(), &ada.access, &ada.refresh];
    assert_refused(&send(&app, Method::GET, ME, &mixed).await);
    assert_refused(&send(&app, Method::POST, REFRESH, &mixed).await);
    let own = [olive.session.as_str(), &olive.access];
    let me = send(&app, Method::GET, ME, &own).await;
    assert_eq!(me.json["email"], OLIVE);
    // Each alone still works, and a token in the header is the client's own.
    let me = send(&app, Method::GET, ME, &[&ada.access]).await;
    assert_eq!(me.json["email"], ADA);
    let token = ada.access.split_once('=').unwrap().1;
    let request = app.visitor().request(Method::GET, ME).bearer_auth(token);
    let request = request.header("cookie", &olive.session);
    let me = ApiResponse::of_request(request).await;
    assert_eq!(me.json["email"], ADA);
    let refreshed = send(&app, Method::POST, REFRESH, &[&ada.refresh]).await;
    assert_eq!(refreshed.status, StatusCode::OK);
}

#[tokio::test]
async fn tokens_of_another_session_of_the_account_are_refused() {
    let app = app("true");
    let laptop = cookies_of(&app.signed_in(ADA).await).await;
    let phone = cookies_of(&app.signed_in(ADA).await).await;
    let mixed = [phone.session.as_str(), &laptop.access, &laptop.refresh];
    assert_refused(&send(&app, Method::GET, ME, &mixed).await);
    assert_refused(&send(&app, Method::POST, REFRESH, &mixed).await);
}

#[tokio::test]
async fn tokens_of_another_password_session_are_refused() {
    let app = app("true");
    app.add_user_with_password(EMAIL, PASSWORD);
    let lena = app.visitor();
    lena.log_in("lena@example.com", PASSWORD).await;
    let lena = cookies_of(&lena).await;
    let other = app.visitor();
    other.log_in(EMAIL, PASSWORD).await;
    let other = cookies_of(&other).await;
    let mixed = [other.session.as_str(), &lena.access, &lena.refresh];
    assert_refused(&send(&app, Method::GET, ME, &mixed).await);
    assert_refused(&send(&app, Method::POST, REFRESH, &mixed).await);
    let second = app.visitor();
    second.log_in(EMAIL, PASSWORD).await;
    let second = cookies_of(&second).await;
    let mixed = [second.session.as_str(), &other.refresh];
    assert_refused(&send(&app, Method::POST, REFRESH, &mixed).await);
}

#[tokio::test]
async fn tokens_beside_a_session_that_has_ended_are_refused() {
    let app = app("true");
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = app.visitor();
    browser.log_in(EMAIL, PASSWORD).await;
    let cookies = cookies_of(&browser).await;
    let all = [cookies.session.as_str(), &cookies.access, &cookies.refresh];
    assert_eq!(send(&app, Method::GET, ME, &all).await.status, 200);
    let id = app.only_session().id.to_string();
    let other = app.visitor();
    other.log_in(EMAIL, PASSWORD).await;
    other.submit(REVOKE, &[("session_id", &id)]).await;
    let answer = send(&app, Method::GET, ME, &all).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json["code"], "session_ended");
    assert!(is_removal(answer.set_cookie(NAME).unwrap()));
}

/// Django's tokens know nothing of our sessions.
#[tokio::test]
async fn a_token_of_django_works_beside_a_session_of_the_same_account() {
    let app = app("false");
    let ada = app.signed_in(ADA).await;
    let user = app.user(ADA);
    app.set_imported(user.id);
    let session = format!("sessionid={}", ada.cookie("/", "sessionid").unwrap());
    let token = sign_claims(&app.claims("access", &user));
    let access = format!("{NAME}={token}");
    let me = send(&app, Method::GET, ME, &[&session, &access]).await;
    assert_eq!(me.json["email"], ADA);
    let olive = app.signed_in(OLIVE).await;
    let session = format!("sessionid={}", olive.cookie("/", "sessionid").unwrap());
    assert_refused_access(&send(&app, Method::GET, ME, &[&session, &access]).await);
}

#[track_caller]
fn assert_refused_access(answer: &ApiResponse) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json["messages"][0]["message"], "Token is invalid");
    assert!(is_removal(answer.set_cookie(NAME).unwrap()));
}

#[tokio::test]
async fn the_cookies_of_one_session_go_on_through_renewals_and_refreshes() {
    let app = app("true");
    let ada = app.signed_in(ADA).await;
    ada.post_json("/api/auth/session", &json!({})).await;
    for _ in 0..3 {
        app.expire_workos_tokens();
        assert!(ada.is_signed_in().await);
        let refreshed = ada.post_json(REFRESH, &json!({})).await;
        assert_eq!(refreshed.status, StatusCode::OK);
        let me = ada.get_me().await;
        assert_eq!(me.json["email"], Value::from(ADA));
        app.clock.advance(TimeDelta::seconds(1));
    }
}

/// A page on a sibling host can set a second cookie of the same name with a longer path, which browsers send
/// first.
#[tokio::test]
async fn two_different_values_of_a_token_cookie_are_refused() {
    let app = app("true");
    let ours = cookies_of(&app.signed_in(ADA).await).await;
    let tossed = cookies_of(&app.signed_in(OLIVE).await).await;
    let get = async |cookies: &[&str]| send(&app, Method::GET, ME, cookies).await.status;
    let twice = [ours.access.as_str(), ours.access.as_str()];
    assert_eq!(get(&twice).await, StatusCode::OK);
    for cookies in [
        [tossed.access.as_str(), ours.access.as_str()],
        [ours.access.as_str(), tossed.access.as_str()],
    ] {
        assert_eq!(get(&cookies).await, StatusCode::UNAUTHORIZED);
    }

    let cookies = [tossed.refresh.as_str(), ours.refresh.as_str()];
    let answer = send(&app, Method::POST, REFRESH, &cookies).await;
    let missing = json!({ "refresh": ["This field is required."] });
    assert_eq!(answer.json, missing);
}

/// Its tokens name it by Django's key.
#[tokio::test]
async fn tokens_of_an_account_with_a_text_as_key_belong_to_its_session() {
    let app = app("true");
    let ada = app.signed_in(ADA).await;
    app.change(|conn| {
        diesel::update(users::table.filter(users::email.eq(ADA)))
            .set(users::django_id.eq("ada-7"))
            .execute(conn)
    });
    let cookies = cookies_of(&ada).await;
    let own = send(&app, Method::GET, ME, &[&cookies.session, &cookies.access]).await;
    assert_eq!(
        (own.status, &own.json["id"]),
        (StatusCode::OK, &json!("ada-7"))
    );
    let olive = cookies_of(&app.signed_in(OLIVE).await).await;
    let mixed = send(&app, Method::GET, ME, &[&olive.session, &cookies.access]).await;
    assert_eq!(mixed.status, StatusCode::UNAUTHORIZED, "{mixed:?}");
}
