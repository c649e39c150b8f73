//! `POST /user_management/authenticate`: the grants and their errors.

use std::time::Duration;

use serde_json::{Value, json};

use super::test_emulator::{TestEmulator, VERIFIER, plain_client};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn a_code_is_exchanged_for_user_and_tokens() {
    let emulator = TestEmulator::start();
    let body = emulator.sign_in(ADA).await;
    let user = &body["user"];
    assert_eq!(user["object"], "user");
    assert_eq!(user["email"], ADA);
    assert_eq!(user["id"], emulator.user_id(ADA));
    assert_eq!(user["email_verified"], true);
    assert_eq!(
        (&user["first_name"], &user["last_name"]),
        (&json!("Ada"), &json!("Example"))
    );
    assert_eq!(
        user["profile_picture_url"],
        format!("{}/pictures/ada.svg", emulator.base)
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
    let picture = plain_client().get(user["profile_picture_url"].as_str().unwrap());
    let picture = picture.send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn the_authentication_method_names_the_provider() {
    let emulator = TestEmulator::start();
    let form = [("email", ADA), ("password", "ada-demo-password")];
    for (changes, form, method) in [
        (vec![], form, "Password"),
        (vec![("provider", Some("GoogleOAuth"))], form, "GoogleOAuth"),
    ] {
        let response = emulator.submit_form(&changes, &form).await;
        let code = super::test_emulator::redirect_parameters(&response)["code"].clone();
        assert_eq!(
            emulator.exchange(&code).await.1["authentication_method"],
            method
        );
    }
}

#[tokio::test]
async fn a_code_can_be_exchanged_once() {
    let emulator = TestEmulator::start();
    let code = emulator.code(ADA, &[]).await;
    assert_eq!(emulator.exchange(&code).await.0, 200);
    let (status, body) = emulator.exchange(&code).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_grant"))
    );
    assert!(!body["error_description"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_code_expires_after_ten_minutes() {
    let emulator = TestEmulator::start();
    for (seconds, expected) in [(590, 200), (600, 400)] {
        let code = emulator.code(ADA, &[]).await;
        emulator.control().advance(Duration::from_secs(seconds));
        let (status, body) = emulator.exchange(&code).await;
        assert_eq!(status, expected, "{seconds}: {body}");
    }
}

#[tokio::test]
async fn pkce_needs_both_challenge_and_verifier_or_neither() {
    let emulator = TestEmulator::start();
    let without = [("code_challenge", None), ("code_challenge_method", None)];
    let wrong = VERIFIER.replace('d', "e");
    for (changes, verifier, expected, error) in [
        (&[][..], json!(wrong), 400, json!("invalid_grant")),
        (&[], Value::Null, 400, json!("invalid_grant")),
        (&without, json!(VERIFIER), 400, Value::Null),
        (&without, Value::Null, 200, Value::Null),
    ] {
        let code = emulator.code(ADA, changes).await;
        let request = json!({
            "grant_type": "authorization_code", "code": code, "code_verifier": verifier,
        });
        let (status, body) = emulator.authenticate(request).await;
        assert_eq!(
            (status.as_u16(), &body["error"]),
            (expected, &error),
            "{body}"
        );
        if expected == 400 {
            assert_eq!(
                emulator.exchange(&code).await.0,
                400,
                "a failed attempt uses the code up"
            );
        }
    }
    let code = emulator.code(ADA, &without).await;
    assert_eq!(
        emulator.exchange(&code).await.1["code"],
        "code_challenge_not_found"
    );
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri() {
    let emulator = TestEmulator::start();
    for (uri, expected) in [
        ("http://localhost:8000/auth/callback/", 400),
        (super::test_emulator::REDIRECT_URI, 200),
    ] {
        let request = json!({
            "grant_type": "authorization_code",
            "code": emulator.code(ADA, &[]).await,
            "code_verifier": VERIFIER,
            "redirect_uri": uri,
        });
        assert_eq!(emulator.authenticate(request).await.0, expected, "{uri}");
    }
}

#[tokio::test]
async fn a_wrong_client_id_or_secret_is_refused() {
    let emulator = TestEmulator::start();
    for field in ["client_id", "client_secret"] {
        let mut request = json!({ "grant_type": "refresh_token", "refresh_token": "x" });
        request[field] = json!("wrong");
        let (status, body) = emulator.authenticate(request).await;
        assert_eq!(
            (status.as_u16(), &body["error"]),
            (400, &json!("invalid_client")),
            "{field}"
        );
    }
}

#[tokio::test]
async fn a_malformed_request_is_a_422_that_names_the_fields() {
    let emulator = TestEmulator::start();
    let url = format!("{}/user_management/authenticate", emulator.base);
    for (content_type, body) in [
        ("application/json", "{"),
        ("application/json", "[]"),
        ("text/plain", "{}"),
        (
            "application/x-www-form-urlencoded",
            "grant_type=refresh_token",
        ),
    ] {
        let request = plain_client()
            .post(&url)
            .header("content-type", content_type)
            .body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 422, "{content_type} {body}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], "invalid_request_parameters");
    }
    let (status, body) = emulator
        .authenticate(json!({ "grant_type": "authorization_code" }))
        .await;
    assert_eq!(
        (status.as_u16(), &body["errors"][0]["field"]),
        (422, &json!("code"))
    );
    let (status, body) = emulator
        .authenticate(json!({ "grant_type": "client_credentials" }))
        .await;
    assert_eq!(
        (status.as_u16(), &body["errors"][0]["field"]),
        (422, &json!("grant_type"))
    );
}

#[tokio::test]
async fn the_password_grant_checks_the_password() {
    let emulator = TestEmulator::start();
    let mut request =
        json!({ "grant_type": "password", "email": ADA, "password": "ada-demo-password" });
    let (status, body) = emulator.authenticate(request.clone()).await;
    assert_eq!(
        (status.as_u16(), &body["authentication_method"]),
        (200, &json!("Password"))
    );
    request["password"] = json!("wrong");
    let (status, body) = emulator.authenticate(request).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("invalid_credentials"))
    );
    assert!(
        body["message"].is_string() && body.get("error").is_none(),
        "{body}"
    );
}
