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
