//! Log-out and revocation.

use authkit_emulator::Config;
use reqwest::Response;
use serde_json::{Value, json};

use super::test_emulator::{TestEmulator, claims, location, plain_client};

async fn logout(emulator: &TestEmulator, parameters: &[(&str, &str)]) -> Response {
    let url = format!("{}/user_management/sessions/logout", emulator.base);
    emulator
        .browser
        .get(url)
        .query(parameters)
        .send()
        .await
        .unwrap()
}

fn sid(tokens: &Value) -> String {
    claims(tokens)["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn logout_ends_the_session_and_forgets_the_browser() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    assert_eq!(emulator.authorize(&[]).await.status(), 302, "remembered");
    let back = "http://localhost:8000/?bye=1";
    let response = logout(
        &emulator,
        &[("session_id", &sid(&tokens)), ("return_to", back)],
    )
    .await;
    assert_eq!(location(&response).as_str(), back);
    assert_eq!(emulator.authorize(&[]).await.status(), 200, "forgotten");
    let (status, body) = emulator.refresh(&tokens["refresh_token"]).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_grant"))
    );
    assert_eq!(body["error_description"], "Session has already ended.");
    let again = logout(
        &emulator,
        &[("session_id", &sid(&tokens)), ("return_to", back)],
    )
    .await;
    assert_eq!(again.status(), 404);
    assert!(again.text().await.unwrap().contains("Something went wrong"));
}

#[tokio::test]
async fn after_logout_the_browser_s_old_cookie_is_invalid() {
    let emulator = TestEmulator::start();
    let choice = [("user", &*emulator.user_id("ada@example.com"))];
    let response = emulator.submit_form(&[], &choice).await;
    let cookie = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let code = super::test_emulator::redirect_parameters(&response)["code"].clone();
    let tokens = emulator.exchange(&code).await.1;
    logout(&emulator, &[("session_id", &sid(&tokens))]).await;
    let old_cookie = cookie.split(';').next().unwrap();
    let request = plain_client()
        .get(emulator.authorize_url(&[]))
        .header("cookie", old_cookie);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn logout_redirects_only_to_allowed_uris() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    let sid = sid(&tokens);
    for elsewhere in [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "javascript:alert(1)",
    ] {
        let response = logout(&emulator, &[("session_id", &sid), ("return_to", elsewhere)]).await;
        assert_eq!(response.status(), 400, "{elsewhere}");
        assert!(!response.headers().contains_key("location"), "{elsewhere}");
    }
    assert_eq!(logout(&emulator, &[]).await.status(), 422);
    assert_eq!(
        logout(&emulator, &[("session_id", "session_unknown")])
            .await
            .status(),
        404
    );
    let response = logout(&emulator, &[("session_id", &sid)]).await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.unwrap().contains("Signed out"));
}

#[tokio::test]
async fn logout_uses_the_registered_uris_and_the_default() {
    let (listed, default) = ("https://app.example/", "https://app.example/bye");
    let emulator = TestEmulator::with(Config {
        logout_uris: vec![listed.to_owned()],
        logout_default: Some(default.to_owned()),
        ..Config::default()
    });
    let sid = sid(&emulator.sign_in("ada@example.com").await);
    let local = logout(
        &emulator,
        &[("session_id", &sid), ("return_to", "http://localhost/")],
    )
    .await;
    assert_eq!(local.status(), 400);
    let response = logout(&emulator, &[("session_id", &sid), ("return_to", listed)]).await;
    assert_eq!(location(&response).as_str(), listed);
    let sid = self::sid(&emulator.sign_in("ada@example.com").await);
    assert_eq!(
        location(&logout(&emulator, &[("session_id", &sid)]).await).as_str(),
        default
    );
}

#[tokio::test]
async fn the_revoke_endpoint_requires_the_api_key_and_ends_the_session() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    let path = "/user_management/sessions/revoke";
    let body = json!({ "session_id": sid(&tokens) });
    let bare = plain_client()
        .post(format!("{}{path}", emulator.base))
        .json(&body);
    assert_eq!(bare.send().await.unwrap().status(), 401);
    let (status, reply) = emulator.api("POST", path, Some(body.clone())).await;
    assert_eq!(
        (status.as_u16(), &reply["status"]),
        (200, &json!("revoked"))
    );
    assert_eq!(emulator.refresh(&tokens["refresh_token"]).await.0, 400);
    assert_eq!(emulator.api("POST", path, Some(body)).await.0, 400);
    assert_eq!(emulator.api("POST", path, Some(json!({}))).await.0, 422);
}

#[tokio::test]
async fn the_control_can_revoke_a_session() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    let control = emulator.control();
    assert_eq!(
        control.sessions_of(&emulator.user_id("ada@example.com")),
        [sid(&tokens)]
    );
    assert!(control.revoke_session(&sid(&tokens)));
    assert!(!control.revoke_session(&sid(&tokens)));
    assert_eq!(emulator.refresh(&tokens["refresh_token"]).await.0, 400);
}
