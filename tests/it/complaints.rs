//! Problems that users of other WorkOS integrations have reported. Each test shows that one of them does
//! not occur here. Related tests:
//!
//! - races, lost replies, 429 and 5xx: `renewal/at_once.rs`, `renewal/outage.rs`;
//! - the organisation: `renewal/row.rs`, `organization.rs`, `session/impersonation.rs`;
//! - large cookies: `session/oversized.rs`;
//! - tabs and the number of cookies: `login/attempts.rs`;
//! - links without a `state`: `login/state.rs`;
//! - `access_denied` and other errors at the callback: `login/refusals.rs`;
//! - steps that WorkOS requires at the callback: `auth_step/`;
//! - the return path: `login/next.rs` and, for its formats, `src/origin/local_target.rs`;
//! - log-out: `session/logout.rs`, `renewal/outage.rs`;
//! - deleted users: `renewal/closed.rs`, `provisioning.rs`.

use authkit_emulator::Effect;
use reqwest::{Method, StatusCode};
use serde_json::json;
use url::Url;

use crate::support::app::{TestApp, location, set_cookies};
use crate::support::renewal::{assert_all_ok, at_once};
use crate::support::steps::{
    AUTHENTICATE, assert_signs_in, login_with_next, obtain_callback_url, query, with_query,
};

/// authkit-nextjs #28, authkit-remix #7.
#[tokio::test]
async fn parallel_requests_are_not_logged_out_by_a_refresh_race() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let answers = at_once(&[&app], "/account", &ada.cookies("/"), 20).await;
    assert_all_ok(&answers);
    // After the half minute in which WorkOS accepts a second use of the same refresh token.
    app.advance(45);
    assert_all_ok(&at_once(&[&app], "/account", &ada.cookies("/"), 20).await);
    assert_eq!(app.renewals(), 1);
}

/// authkit-nextjs #461.
#[tokio::test]
async fn a_429_or_5xx_keeps_the_cookie() {
    for status in [408, 429, 500, 502, 503, 504] {
        let app = TestApp::start();
        let ada = app.signed_in("ada@example.com").await;
        app.expire_workos_tokens();
        app.inject_fault(1, Effect::status(status, json!({ "message": "busy" })));
        assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
        assert!(ada.cookie("/", "sessionid").is_some(), "{status}");
    }
}

#[tokio::test]
async fn a_lost_reply_does_not_end_the_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for _ in 0..3 {
        app.expire_workos_tokens();
        app.inject_fault(1, Effect::DropReply);
        assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
        app.expire_workos_tokens();
        assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
    }
}

/// workos-node #1176.
#[tokio::test]
async fn the_organisation_is_kept_on_refresh() {
    let app = TestApp::start();
    let olive = app.signed_in("olive@example.com").await;
    let organization = app.only_session().organization_id.expect("an organisation");
    for _ in 0..3 {
        app.expire_workos_tokens();
        assert!(olive.page("/account").await.contains(&*organization));
    }
    assert_eq!(app.renewals(), 3);

    // An organisation that the user switched to is kept too.
    let twyla = app.visitor();
    let orchards = app.organization("Example Orchards");
    let tandem = app.organization("Tandem Cycles");
    let login = format!("/auth/login?provider=authkit&organization_id={orchards}");
    let authorize = twyla.start_login(&login).await;
    let callback = twyla.authorize(&authorize, "twyla@example.com").await;
    twyla.get(callback.as_str()).await;
    let form = [("organization_id", tandem.as_str())];
    twyla.submit("/auth/organization", &form).await;
    for _ in 0..2 {
        app.expire_workos_tokens();
        let page = twyla.page("/account").await;
        assert!(page.contains(&format!("<code>{tandem}</code>")), "{page}");
    }
}

/// authkit-nextjs #404.
#[tokio::test]
async fn an_oversized_profile_causes_no_login_loop() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let mut user = app.workos().user("ada@example.com").unwrap();
    user.first_name = Some("F".repeat(9_000));
    user.updated_at += 1_000_000;
    app.workos().put_user(user);
    // The profile grows while the user is signed in, so the renewed cookie must stay small too.
    app.expire_workos_tokens();
    assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
    assert!(ada.cookies("/").len() <= 4_096);
    assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
    assert_signs_in(&app.visitor(), "ada@example.com").await;
}

/// authkit-nextjs #403.
#[tokio::test]
async fn a_second_tab_does_not_overwrite_the_first_ones_state() {
    let app = TestApp::start();
    let ada = app.visitor();
    let first = obtain_callback_url(&ada, "ada@example.com").await;
    ada.start_login("/auth/login").await;
    assert_eq!(ada.get(first.as_str()).await.status(), StatusCode::FOUND);
    assert!(ada.is_signed_in().await);
}

/// authkit-tanstack-start #76.
#[tokio::test]
async fn per_attempt_cookies_do_not_accumulate_until_http_431() {
    let app = TestApp::start();
    let ada = app.visitor();
    for _ in 0..40 {
        ada.start_login(&login_with_next(&format!("/{}", "a".repeat(1_000))))
            .await;
    }
    assert!(ada.cookies("/auth/callback").len() < 8_192);
    assert_signs_in(&ada, "ada@example.com").await;
}

/// authkit-nextjs #400.
#[tokio::test]
async fn dashboard_links_without_a_state_start_a_sign_in() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let link = with_query(&callback, "state", None);
    let response = ada.get(link.as_str()).await;
    assert_eq!(location(&response), "/auth/login");
    assert_eq!(
        app.workos().count(AUTHENTICATE),
        0,
        "a code without a login attempt is not exchanged"
    );
    let back = obtain_callback_url(&ada, "ada@example.com").await;
    ada.get(back.as_str()).await;
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn access_denied_is_not_a_500() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let state = query(&authorize, "state");
    let denied = format!("/auth/callback?error=access_denied&error_description=x&state={state}");
    let response = ada.get(&denied).await;
    assert_eq!(location(&response), "/?notice=sign-in-cancelled");
    assert!(
        ada.page("/?notice=sign-in-cancelled")
            .await
            .contains("You cancelled")
    );
}

#[tokio::test]
async fn a_failed_callback_offers_a_way_to_continue() {
    let app = TestApp::start();
    for (email, field) in [
        ("twyla@example.com", "organization_id"),
        ("una@example.com", "code"),
    ] {
        let visitor = app.visitor();
        let callback = obtain_callback_url(&visitor, email).await;
        let step = location(&visitor.get(callback.as_str()).await);
        let page = visitor.page(&step).await;
        let answer = match field {
            "code" => "123456",
            _ => {
                let radio = page.split(r#"name="organization_id" value=""#).nth(1);
                radio
                    .and_then(|rest| rest.split('"').next())
                    .expect("a choice")
            }
        };
        visitor.submit(&step, &[(field, answer)]).await;
        assert!(visitor.is_signed_in().await, "{email} goes on with {field}");
    }
}

#[tokio::test]
async fn the_return_path_is_kept() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let wanted = "/account?tab=security&from=mail";
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.workos().revoke_session(&sid);
    app.expire_workos_tokens();
    // The longest path: the session ends, and two pages are shown before WorkOS's.
    let login = location(&ada.get(wanted).await);
    let page = ada.page(&login).await;
    let begin = login_with_next(wanted);
    assert!(
        page.contains(&begin.replace('&', "&#38;")),
        "{begin} in {page}"
    );
    let authorize = ada.start_login(&begin).await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    assert_eq!(location(&ada.get(callback.as_str()).await), wanted);
}

/// CWE-601.
#[tokio::test]
async fn the_return_path_is_no_open_redirect() {
    let app = TestApp::start();
    for next in ["//evil.example", "https://evil.example/", "/\\evil.example"] {
        let ada = app.visitor();
        let authorize = ada.start_login(&login_with_next(next)).await;
        let callback = ada.authorize(&authorize, "ada@example.com").await;
        let response = ada.get(callback.as_str()).await;
        assert_eq!(location(&response), "/", "{next}");
    }
}

#[tokio::test]
async fn log_out_does_not_show_workoss_error_page() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let logout = location(&ada.post("/auth/logout").await);
    let return_to = query(&Url::parse(&logout).unwrap(), "return_to");
    assert_eq!(return_to, format!("{}/", app.url));
    let back = ada.get(&logout).await;
    assert_eq!(location(&back), return_to);
    // If no address is registered with WorkOS, none is sent.
    let app = TestApp::builder()
        .setting("WORKOS_LOGOUT_RETURN_TO", "")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    let logout = location(&ada.post("/auth/logout").await);
    assert!(!logout.contains("return_to"), "{logout}");
}

/// workos-node #1174.
#[tokio::test]
async fn log_out_succeeds_when_the_access_token_has_expired() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.advance(86_400);
    app.make_workos_unavailable();
    let response = ada
        .request(Method::POST, "/auth/logout")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(location(&response).contains(&format!("session_id={sid}")));
    assert!(!set_cookies(&response).is_empty());
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.renewals(), 0, "it needs no fresh token");
}

#[tokio::test]
async fn a_deleted_user_is_not_created_again_by_the_next_request() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = ada.cookies("/");
    let tokens = ada.post_json("/api/auth/session", &json!({})).await;
    let access = tokens.text("access_token");
    app.change(|conn| diesel::RunQueryDsl::execute(diesel::sql_query("DELETE FROM users"), conn));
    for _ in 0..2 {
        ada.get_with_cookies("/account", &cookies).await;
        let me = app.visitor().get_me_with_token(&access).await;
        assert_eq!(me.status, StatusCode::UNAUTHORIZED);
        app.expire_workos_tokens();
    }
    assert!(app.users().is_empty() && app.sessions().is_empty());

    // A user who is deleted at WorkOS is signed out. The account here stays as it is.
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let before = app.user("ada@example.com");
    assert!(
        app.workos()
            .delete_user(before.workos_user_id.as_ref().unwrap())
    );
    app.expire_workos_tokens();
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.users(), [before]);
}
