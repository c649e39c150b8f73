//! Signing in through WorkOS, and out again.

mod attempts;
mod hosts;
mod next;
mod planted;
mod refusals;
mod replaced;
mod replacement;
mod state;
mod twice;

use reqwest::StatusCode;

use crate::support::app::{TestApp, location, set_cookies};
use crate::support::steps::query;

#[tokio::test]
async fn a_person_signs_in_and_out() {
    let app = TestApp::start();
    let ada = app.visitor();
    assert!(!ada.is_signed_in().await);
    let response = ada.sign_in("ada@example.com").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/");
    let session = set_cookies(&response)
        .into_iter()
        .find(|line| line.starts_with("sessionid="))
        .unwrap();
    for part in ["HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=1209600"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(ada.page("/").await.contains("Welcome, ada@example.com!"));
    let response = ada.post("/auth/logout").await;
    assert!(location(&response).starts_with(&app.emulator.base_url()));
    let back = ada.get(&location(&response)).await;
    assert_eq!(location(&back), format!("{}/", app.url));
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn a_prompt_and_further_scopes_are_passed_to_workos() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let link = "/auth/login?prompt=login&provider_scopes=openid,user:email";
    let authorize = ada.start_login(link).await;
    assert_eq!(query(&authorize, "prompt"), "login");
    assert_eq!(query(&authorize, "provider_scopes"), "openid,user:email");
    let asks = ada.get(authorize.as_str()).await;
    assert_eq!(asks.status(), StatusCode::OK, "AuthKit asks again");
    let silent = ada.start_login("/auth/login").await;
    let silent = ada.get(silent.as_str()).await;
    assert_eq!(silent.status(), StatusCode::FOUND);
    let authorize = ada
        .start_login("/auth/login?prompt=made-up&provider_scopes=a%20b&login_hint=x")
        .await;
    let names: Vec<_> = authorize.query_pairs().map(|(name, _)| name).collect();
    assert!(names.contains(&"login_hint".into()), "{authorize}");
    for dropped in ["prompt", "provider_scopes"] {
        assert!(!names.contains(&dropped.into()), "{authorize}");
    }
}
