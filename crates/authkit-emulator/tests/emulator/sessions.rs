//! Logout and revocation.

use authkit_emulator::Config;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::client::{Peer, claims, location};

async fn logout(peer: &Peer, parameters: &[(&str, &str)]) -> Response {
    let url = format!("{}/user_management/sessions/logout", peer.base);
    peer.browser
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
async fn logout_ends_the_session_and_authkit_s_memory_of_the_browser() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    assert_eq!(peer.authorize(&[]).await.status(), 302, "remembered");
    let back = "http://localhost:8000/?bye=1";
    let response = logout(&peer, &[("session_id", &sid(&tokens)), ("return_to", back)]).await;
    assert_eq!(location(&response).as_str(), back);
    assert_eq!(peer.authorize(&[]).await.status(), 200, "forgotten");
    let (status, body) = peer.refresh(&tokens["refresh_token"]).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_grant"))
    );
    assert_eq!(body["error_description"], "Session has already ended.");
    let again = logout(&peer, &[("session_id", &sid(&tokens)), ("return_to", back)]).await;
    assert_eq!(again.status(), 404);
    assert!(again.text().await.unwrap().contains("Something went wrong"));
}

#[tokio::test]
async fn the_browser_s_cookie_is_dead_even_where_it_is_kept() {
    let peer = Peer::start();
    let choice = [("user", &*peer.user_id("ada@example.com"))];
    let response = peer.choose(&[], &choice).await;
    let cookie = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let code = super::client::answer(&response)["code"].clone();
    let tokens = peer.exchange(&code).await.1;
    logout(&peer, &[("session_id", &sid(&tokens))]).await;
    let kept = cookie.split(';').next().unwrap();
    let request = Client::new()
        .get(peer.authorize_url(&[]))
        .header("cookie", kept);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn logout_leads_only_where_it_is_registered() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    let sid = sid(&tokens);
    for elsewhere in [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "javascript:alert(1)",
    ] {
        let response = logout(&peer, &[("session_id", &sid), ("return_to", elsewhere)]).await;
        assert_eq!(response.status(), 400, "{elsewhere}");
        assert!(!response.headers().contains_key("location"), "{elsewhere}");
    }
    assert_eq!(logout(&peer, &[]).await.status(), 422);
    assert_eq!(
        logout(&peer, &[("session_id", "session_unknown")])
            .await
            .status(),
        404
    );
    let response = logout(&peer, &[("session_id", &sid)]).await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.unwrap().contains("Signed out"));
}

#[tokio::test]
async fn logout_obeys_the_list_and_the_default() {
    let (listed, default) = ("https://app.example/", "https://app.example/bye");
    let peer = Peer::with(Config {
        logout_uris: vec![listed.to_owned()],
        logout_default: Some(default.to_owned()),
        ..Config::default()
    });
    let sid = sid(&peer.sign_in("ada@example.com").await);
    let local = logout(
        &peer,
        &[("session_id", &sid), ("return_to", "http://localhost/")],
    )
    .await;
    assert_eq!(local.status(), 400);
    let response = logout(&peer, &[("session_id", &sid), ("return_to", listed)]).await;
    assert_eq!(location(&response).as_str(), listed);
    let sid = self::sid(&peer.sign_in("ada@example.com").await);
    assert_eq!(
        location(&logout(&peer, &[("session_id", &sid)]).await).as_str(),
        default
    );
}

#[tokio::test]
async fn revoking_needs_the_key_and_ends_the_session() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    let path = "/user_management/sessions/revoke";
    let body = json!({ "session_id": sid(&tokens) });
    let bare = Client::new()
        .post(format!("{}{path}", peer.base))
        .json(&body);
    assert_eq!(bare.send().await.unwrap().status(), 401);
    let (status, reply) = peer.api("POST", path, Some(body.clone())).await;
    assert_eq!(
        (status.as_u16(), &reply["status"]),
        (200, &json!("revoked"))
    );
    assert_eq!(peer.refresh(&tokens["refresh_token"]).await.0, 400);
    assert_eq!(peer.api("POST", path, Some(body)).await.0, 400);
    assert_eq!(peer.api("POST", path, Some(json!({}))).await.0, 422);
}

#[tokio::test]
async fn the_control_revokes_too() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    let control = peer.control();
    assert_eq!(
        control.sessions_of(&peer.user_id("ada@example.com")),
        [sid(&tokens)]
    );
    assert!(control.revoke_session(&sid(&tokens)));
    assert!(!control.revoke_session(&sid(&tokens)));
    assert_eq!(peer.refresh(&tokens["refresh_token"]).await.0, 400);
}
