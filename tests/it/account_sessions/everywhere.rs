//! "Log out everywhere".

use authkit_emulator::{Effect, Fault};
use reqwest::{StatusCode, Url};
use serde_json::json;

use super::{
    ADA, FIREFOX, IPHONE, REVOKE_AT_WORKOS, newest, sign_out_everywhere, signed_in_with, workos_has,
};
use crate::password_login::{EMAIL, PASSWORD, assert_logs_in};
use crate::support::app::{TestApp, location};
use crate::support::exchange::{WORKOS, code_for, me, post, signed_in};
use crate::support::steps::{is_removal, query, set_cookie};

#[tokio::test]
async fn all_sessions_and_tokens_end_here_and_at_workos() {
    let app = TestApp::start();
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    let body = json!({ "code": code_for(&app, ADA).await });
    let tokens = signed_in(post(&app, WORKOS, &body).await).await;
    let olive = signed_in_with(&app, IPHONE, "olive@example.com").await;
    let laptop = signed_in_with(&app, FIREFOX, ADA).await;
    let here = newest(&app);
    let own = laptop.post_json("/api/auth/session", &json!({})).await;
    workos_has(&app, ADA, 3).await;
    for access in [&tokens["access_token"], &json!(own.text("access_token"))] {
        assert_eq!(me(&app, access).await.status(), StatusCode::OK);
    }

    let response = sign_out_everywhere(&laptop).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(is_removal(&set_cookie(&response, "sessionid").unwrap()));
    // WorkOS's log-out ends the current session and redirects home.
    let url = Url::parse(&location(&response)).unwrap();
    assert_eq!(Some(query(&url, "session_id").into()), here.workos_sid);
    workos_has(&app, ADA, 1).await;
    let back = laptop.get(url.as_str()).await;
    assert_eq!(location(&back), format!("{}/", app.url));
    workos_has(&app, ADA, 0).await;

    assert!(!phone.is_signed_in().await && !laptop.is_signed_in().await);
    for access in [&tokens["access_token"], &json!(own.text("access_token"))] {
        assert_eq!(me(&app, access).await.status(), StatusCode::UNAUTHORIZED);
    }
    for refresh in [&tokens["refresh_token"], &json!(own.text("refresh_token"))] {
        let body = json!({ "refresh": refresh });
        let refused = post(&app, "/api/token/refresh", &body).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(app.user(ADA).token_version % 65_536, 1);
    assert!(olive.is_signed_in().await, "somebody else");
    workos_has(&app, "olive@example.com", 1).await;
    assert_eq!(app.user("olive@example.com").token_version % 65_536, 0);
}

#[tokio::test]
async fn a_password_session_ends_with_the_users_other_tokens() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    assert_logs_in(&grace, EMAIL, PASSWORD).await;
    let elsewhere = app.visitor();
    assert_logs_in(&elsewhere, EMAIL, PASSWORD).await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let access = grace.post_json("/api/token", &body).await.text("access");
    let response = sign_out_everywhere(&grace).await;
    assert_eq!(location(&response), "/");
    assert!(!grace.is_signed_in().await && !elsewhere.is_signed_in().await);
    let refused = me(&app, &json!(access)).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_logs_in(&grace, EMAIL, PASSWORD).await;
}

#[tokio::test]
async fn sessions_end_here_while_workos_is_unavailable() {
    let app = TestApp::start();
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    let laptop = signed_in_with(&app, FIREFOX, ADA).await;
    let away = Fault::once(REVOKE_AT_WORKOS, Effect::status(503, json!({})));
    app.workos().inject(away.times(u32::MAX));
    let response = sign_out_everywhere(&laptop).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(!phone.is_signed_in().await && !laptop.is_signed_in().await);
    assert!(app.sessions().iter().all(|row| row.revoked_at.is_some()));
}
