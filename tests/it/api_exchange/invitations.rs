//! `invitation_token` in an exchange.

use authkit_emulator::Seed;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::exchange::{WORKOS, claims, code_for, json_of, post, refused, signed_in};

const ADA: &str = "ada@example.com";

/// An app whose WorkOS has invited Ada.
fn inviting_ada() -> TestApp {
    let mut seed = Seed::default();
    seed.invitations[0].email = ADA.to_owned();
    TestApp::builder().seed(seed).start()
}

#[tokio::test]
async fn an_exchange_accepts_an_invitation() {
    let app = inviting_ada();
    let code = code_for(&app, ADA).await;
    let answer = signed_in(post(&app, WORKOS, &json!({ "code": code })).await).await;
    assert!(claims(&answer["access_token"])["org_id"].is_null());
    let code = code_for(&app, ADA).await;
    let body = json!({ "code": code, "invitation_token": "demo-invitation" });
    let answer = signed_in(post(&app, WORKOS, &body).await).await;
    let joined = app.organization("Example Orchards");
    assert_eq!(claims(&answer["access_token"])["org_id"], joined);
}

#[tokio::test]
async fn an_invitation_that_workos_refuses_fails_the_exchange() {
    let app = inviting_ada();
    for (email, token) in [(ADA, "made-up"), ("olive@example.com", "demo-invitation")] {
        let code = code_for(&app, email).await;
        let body = json!({ "code": code, "invitation_token": token });
        let response = post(&app, WORKOS, &body).await;
        refused(response, StatusCode::BAD_REQUEST, "invitation_invalid").await;
    }
    let code = code_for(&app, ADA).await;
    let body = json!({ "code": code, "invitation_token": ["demo-invitation"] });
    let errors = json_of(post(&app, WORKOS, &body).await, StatusCode::BAD_REQUEST).await;
    assert!(errors["invitation_token"].is_array(), "{errors}");
    assert!(app.users().is_empty());
}
