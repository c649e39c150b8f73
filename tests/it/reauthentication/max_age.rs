//! `max_age` at `/auth/login`, from the link to the callback.

use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::{ADA, AGAIN, asks_again};
use crate::account_sessions::sign_out_everywhere;
use crate::support::app::{TestApp, location};
use crate::support::steps::{error_page, query, with_query};

#[tokio::test]
async fn a_log_in_again_asks_workos_for_the_same_user_without_delay() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let authorize = ada.start_login(AGAIN).await;
    assert_eq!(query(&authorize, "max_age"), "0");
    assert_eq!(query(&authorize, "login_hint"), ADA);
    assert_eq!(query(&authorize, "provider"), "authkit");
    // AuthKit shows its page, although it remembers the browser.
    assert_eq!(ada.get(authorize.as_str()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_organisation_of_the_session_is_kept() {
    let app = TestApp::start();
    let olive = app.signed_in("olive@example.com").await;
    let organization = app.only_session().organization_id.expect("olive has one");
    let authorize = olive.start_login(AGAIN).await;
    assert_eq!(
        query(&authorize, "organization_id"),
        organization.to_string()
    );
}

/// The attacker removes `max_age` from the authorize URL, so that AuthKit uses its own session.
#[tokio::test]
async fn a_removed_max_age_does_not_sign_in() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    app.advance(3_600);
    for link in [AGAIN, "/auth/login?max_age=60"] {
        let authorize = with_query(&ada.start_login(link).await, "max_age", None);
        let remembered = ada.get(authorize.as_str()).await;
        assert_eq!(
            remembered.status(),
            StatusCode::FOUND,
            "AuthKit shows no page"
        );
        let response = ada.get(&location(&remembered)).await;
        let page = error_page(response, StatusCode::FORBIDDEN).await;
        assert!(page.contains("A recent log-in is needed"), "{page}");
        assert_eq!(app.sessions().len(), 1, "{link}");
    }
}

/// Nothing says then when the user entered credentials.
#[tokio::test]
async fn a_token_without_auth_time_shows_no_recent_authentication() {
    let app = TestApp::start();
    let claims = Map::from_iter([("auth_time".to_owned(), Value::Null)]);
    app.workos().set_extra_claims(claims);
    let ada = app.signed_in(ADA).await;
    asks_again(sign_out_everywhere(&ada).await, AGAIN).await;
    for link in [AGAIN, "/auth/login?max_age=60"] {
        let authorize = ada.start_login(link).await;
        let callback = ada.authorize(&authorize, ADA).await;
        let response = ada.get(callback.as_str()).await;
        let page = error_page(response, StatusCode::FORBIDDEN).await;
        assert!(page.contains("A recent log-in is needed"), "{page}");
    }
    app.workos().set_extra_claims(Map::new());
    let authorize = ada.start_login(AGAIN).await;
    let callback = ada.authorize(&authorize, ADA).await;
    assert_eq!(location(&ada.get(callback.as_str()).await), "/account");
    let ended = sign_out_everywhere(&ada).await;
    assert_eq!(ended.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn an_authentication_within_max_age_is_accepted() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    app.advance(600);
    let authorize = ada.start_login("/auth/login?max_age=900").await;
    let remembered = ada.get(authorize.as_str()).await;
    let response = ada.get(&location(&remembered)).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(app.sessions().len(), 2);
}

#[tokio::test]
async fn without_a_session_it_is_an_ordinary_log_in() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login(AGAIN).await;
    assert!(authorize.query_pairs().all(|(name, _)| name != "max_age"));
    let callback = ada.authorize(&authorize, ADA).await;
    assert_eq!(location(&ada.get(callback.as_str()).await), "/account");
}
