//! `POST /user_management/authenticate`: the grants and their refusals.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use super::client::{Peer, VERIFIER};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn a_code_is_exchanged_for_a_user_and_tokens() {
    let peer = Peer::start();
    let body = peer.sign_in(ADA).await;
    let user = &body["user"];
    assert_eq!(user["object"], "user");
    assert_eq!(user["email"], ADA);
    assert_eq!(user["id"], peer.user_id(ADA));
    assert_eq!(user["email_verified"], true);
    assert_eq!(
        (&user["first_name"], &user["last_name"]),
        (&json!("Ada"), &json!("Example"))
    );
    assert_eq!(
        user["profile_picture_url"],
        format!("{}/pictures/ada.svg", peer.base)
    );
    assert_eq!(user["metadata"], json!({ "team": "engines" }));
    assert!(user["external_id"].is_null() && user.get("external_id").is_some());
    for field in ["created_at", "updated_at", "last_sign_in_at"] {
        let time = user[field].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{field}: {time}");
    }
    assert_eq!(body["authentication_method"], "Password");
    for absent in ["organization_id", "impersonator", "sealed_session"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
    let picture = Client::new().get(user["profile_picture_url"].as_str().unwrap());
    let picture = picture.send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn the_method_tells_how_the_user_signed_in() {
    let peer = Peer::start();
    let form = [("email", ADA), ("password", "ada-demo-password")];
    for (changes, form, method) in [
        (vec![], form, "Password"),
        (vec![("provider", Some("GoogleOAuth"))], form, "GoogleOAuth"),
    ] {
        let response = peer.choose(&changes, &form).await;
        let code = super::client::answer(&response)["code"].clone();
        assert_eq!(
            peer.exchange(&code).await.1["authentication_method"],
            method
        );
    }
}

#[tokio::test]
async fn a_code_works_once() {
    let peer = Peer::start();
    let code = peer.code(ADA, &[]).await;
    assert_eq!(peer.exchange(&code).await.0, 200);
    let (status, body) = peer.exchange(&code).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_grant"))
    );
    assert!(!body["error_description"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_code_lives_ten_minutes() {
    let peer = Peer::start();
    for (seconds, expected) in [(590, 200), (600, 400)] {
        let code = peer.code(ADA, &[]).await;
        peer.control().advance(Duration::from_secs(seconds));
        let (status, body) = peer.exchange(&code).await;
        assert_eq!(status, expected, "{seconds}: {body}");
    }
}

#[tokio::test]
async fn pkce_is_enforced_both_ways() {
    let peer = Peer::start();
    let without = [("code_challenge", None), ("code_challenge_method", None)];
    let wrong = VERIFIER.replace('d', "e");
    for (changes, verifier, expected, error) in [
        (&[][..], json!(wrong), 400, json!("invalid_grant")),
        (&[], Value::Null, 400, json!("invalid_grant")),
        (&without, json!(VERIFIER), 400, Value::Null),
        (&without, Value::Null, 200, Value::Null),
    ] {
        let code = peer.code(ADA, changes).await;
        let request = json!({
            "grant_type": "authorization_code", "code": code, "code_verifier": verifier,
        });
        let (status, body) = peer.authenticate(request).await;
        assert_eq!(
            (status.as_u16(), &body["error"]),
            (expected, &error),
            "{body}"
        );
        if expected == 400 {
            assert_eq!(
                peer.exchange(&code).await.0,
                400,
                "a failed attempt uses the code up"
            );
        }
    }
    let code = peer.code(ADA, &without).await;
    assert_eq!(
        peer.exchange(&code).await.1["code"],
        "code_challenge_not_found"
    );
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri() {
    let peer = Peer::start();
    for (uri, expected) in [
        ("http://localhost:8000/auth/callback/", 400),
        (super::client::REDIRECT_URI, 200),
    ] {
        let request = json!({
            "grant_type": "authorization_code",
            "code": peer.code(ADA, &[]).await,
            "code_verifier": VERIFIER,
            "redirect_uri": uri,
        });
        assert_eq!(peer.authenticate(request).await.0, expected, "{uri}");
    }
}

#[tokio::test]
async fn the_client_must_be_the_right_one() {
    let peer = Peer::start();
    for field in ["client_id", "client_secret"] {
        let mut request = json!({ "grant_type": "refresh_token", "refresh_token": "x" });
        request[field] = json!("wrong");
        let (status, body) = peer.authenticate(request).await;
        assert_eq!(
            (status.as_u16(), &body["error"]),
            (400, &json!("invalid_client")),
            "{field}"
        );
    }
}

#[tokio::test]
async fn a_malformed_request_is_422_and_names_the_fields() {
    let peer = Peer::start();
    let url = format!("{}/user_management/authenticate", peer.base);
    for (content_type, body) in [
        ("application/json", "{"),
        ("application/json", "[]"),
        ("text/plain", "{}"),
        (
            "application/x-www-form-urlencoded",
            "grant_type=refresh_token",
        ),
    ] {
        let request = Client::new()
            .post(&url)
            .header("content-type", content_type)
            .body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 422, "{content_type} {body}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], "invalid_request_parameters");
    }
    let (status, body) = peer
        .authenticate(json!({ "grant_type": "authorization_code" }))
        .await;
    assert_eq!(
        (status.as_u16(), &body["errors"][0]["field"]),
        (422, &json!("code"))
    );
    let (status, body) = peer
        .authenticate(json!({ "grant_type": "client_credentials" }))
        .await;
    assert_eq!(
        (status.as_u16(), &body["errors"][0]["field"]),
        (422, &json!("grant_type"))
    );
}

#[tokio::test]
async fn the_password_grant_works_and_refuses_in_its_own_shape() {
    let peer = Peer::start();
    let mut request =
        json!({ "grant_type": "password", "email": ADA, "password": "ada-demo-password" });
    let (status, body) = peer.authenticate(request.clone()).await;
    assert_eq!(
        (status.as_u16(), &body["authentication_method"]),
        (200, &json!("Password"))
    );
    request["password"] = json!("wrong");
    let (status, body) = peer.authenticate(request).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("invalid_credentials"))
    );
    assert!(
        body["message"].is_string() && body.get("error").is_none(),
        "{body}"
    );
}
