//! WorkOS has ended the session: it ends here too, with a notice and the return path.

use authkit_emulator::Effect;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::app::{TestApp, Visitor, location};
use crate::support::client::plain_client;
use crate::support::steps::{is_removal, set_cookie};

const NOTICE: &str = "Your session has ended. Please log in again.";

/// Ada's browser, whose session WorkOS has ended.
async fn refused() -> (TestApp, Visitor) {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    assert!(app.workos().revoke_session(&sid));
    assert!(ada.is_signed_in().await, "the confirmation has not ended");
    app.expire_workos_tokens();
    (app, ada)
}

#[tokio::test]
async fn a_protected_page_redirects_to_the_login_with_the_return_path() {
    let (app, ada) = refused().await;
    let response = ada.get("/account?tab=1").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let to = location(&response);
    assert_eq!(to, "/login?notice=session-ended&next=%2Faccount%3Ftab%3D1");
    let line = set_cookie(&response, "sessionid").expect("the cookie is taken away");
    assert!(is_removal(&line), "{line}");
    let page = ada.page(&to).await;
    assert!(page.contains(NOTICE));
    let workos = page.find("/auth/login?next=%2Faccount%3Ftab%3D1");
    assert!(workos.is_some() && workos < page.find("<form"), "{page}");
    assert!(!page.contains("autofocus"), "most have no password: {page}");
    let row = app.only_session();
    assert!(row.revoked_at.is_some());
    assert_eq!(row.workos_refresh_token, None);
}

#[tokio::test]
async fn a_public_page_shows_a_notice() {
    let (_app, ada) = refused().await;
    let page = ada.page("/").await;
    assert!(page.contains(NOTICE) && !page.contains("Welcome, "));
    let page = ada.page("/").await;
    assert!(!page.contains(NOTICE), "once is enough");
}

#[tokio::test]
async fn json_gets_a_401_with_a_code_and_the_way_to_sign_in() {
    for path in ["/api/users/me", "/api/auth/session"] {
        let (app, ada) = refused().await;
        let cookies = ada.cookies("/");
        let answer = match path {
            "/api/users/me" => ada.get_me().await,
            path => ada.post_json(path, &json!({})).await,
        };
        let expected = json!({
            "detail": NOTICE,
            "code": "session_ended",
            "sign_in_url": format!("{}/auth/login", app.url),
        });
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.json, expected);
        assert!(answer.header("www-authenticate").is_some());
        assert!(is_removal(answer.set_cookie("sessionid").unwrap()));
        // The other requests of the same page, a moment later.
        let late = ada.get_with_cookies("/api/users/me", &cookies).await;
        let late: serde_json::Value = late.json().await.unwrap();
        assert_eq!(late, expected);
        assert_eq!(app.renewals(), 1);
    }
}

#[tokio::test]
async fn a_script_is_never_redirected() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.workos().revoke_session(&sid);
    app.expire_workos_tokens();
    let expected = [
        json!({ "detail": "Authentication credentials were not provided." }),
        json!({
            "detail": NOTICE,
            "code": "session_ended",
            "sign_in_url": format!("{}/auth/login", app.url),
        }),
    ];
    let (cookies, client) = (ada.cookies("/"), plain_client());
    for (name, value) in [("accept", "application/json"), ("sec-fetch-dest", "empty")] {
        for (cookies, expected) in ["", &cookies].into_iter().zip(&expected) {
            let request = client.get(format!("{}/account", app.url));
            let request = request.header(name, value).header("cookie", cookies);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{name}");
            assert!(answer.headers().get("location").is_none());
            assert_eq!(answer.json::<serde_json::Value>().await.unwrap(), *expected);
        }
    }
}

#[tokio::test]
async fn the_tokens_that_depend_on_the_session_are_revoked() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let given = ada.post_json("/api/auth/session", &json!({})).await;
    let refresh = json!({ "refresh": given.text("refresh_token") });
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.workos().revoke_session(&sid);
    app.expire_workos_tokens();
    assert!(!ada.is_signed_in().await);
    let answer = app
        .visitor()
        .post_json("/api/token/refresh", &refresh)
        .await;
    assert_eq!(answer.json["detail"], "Token is blacklisted");
}

#[tokio::test]
async fn every_other_refusal_ends_the_session_too() {
    for (status, code) in [
        (400, "invalid_grant"),
        (400, "sso_required"),
        (403, "mfa_enrollment"),
        (403, "organization_selection_required"),
        (404, "entity_not_found"),
        (422, "invalid_request_parameters"),
    ] {
        let app = TestApp::start();
        let ada = app.signed_in("ada@example.com").await;
        app.expire_workos_tokens();
        app.inject_fault(1, Effect::status(status, json!({ "code": code })));
        assert!(!ada.is_signed_in().await, "{code}");
        assert!(app.only_session().revoked_at.is_some(), "{code}");
    }
}

#[tokio::test]
async fn a_refusal_at_another_replica_ends_the_session_here() {
    let (app, ada) = refused().await;
    let replica = app.replica().start();
    let cookies = ada.cookies("/");
    assert!(!ada.is_signed_in().await);
    let there = Visitor::new(&replica.url);
    let response = there.get_with_cookies("/account", &cookies).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(app.renewals(), 1, "the replica does not ask WorkOS again");
}

#[tokio::test]
async fn a_refresh_token_that_cannot_be_decrypted_ends_the_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.change(|conn| {
        use diesel::prelude::*;
        use vestibule::db::schema::sessions;
        diesel::update(sessions::table)
            .set(sessions::workos_refresh_token.eq(vec![7_u8; 60]))
            .execute(conn)
    });
    app.expire_workos_tokens();
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.renewals(), 0);
}
