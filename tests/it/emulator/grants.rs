//! `POST /user_management/authenticate`: the grants and their refusals.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use super::client::{Peer, VERIFIER, claims};

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
    assert_eq!(body["authentication_method"], "MagicAuth");
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

#[tokio::test]
async fn several_organizations_are_chosen_between() {
    let peer = Peer::start();
    let (status, stop) = peer
        .exchange(&peer.code("twyla@example.com", &[]).await)
        .await;
    assert_eq!(
        (status.as_u16(), &stop["code"]),
        (403, &json!("organization_selection_required"))
    );
    assert_eq!(stop["user"]["email"], "twyla@example.com");
    let organizations = stop["organizations"].as_array().unwrap();
    assert_eq!(organizations.len(), 2);
    let select = |token: &Value, organization: &Value| {
        json!({
            "grant_type": "urn:workos:oauth:grant-type:organization-selection",
            "pending_authentication_token": token,
            "organization_id": organization,
        })
    };
    let (token, chosen) = (
        &stop["pending_authentication_token"],
        &organizations[1]["id"],
    );
    let (status, body) = peer
        .authenticate(select(token, &json!("org_unknown")))
        .await;
    assert_eq!(status, 404);
    assert_eq!(
        body,
        json!({ "message": "Organization not found: 'org_unknown'." })
    );
    let (status, body) = peer.authenticate(select(token, chosen)).await;
    assert_eq!((status.as_u16(), &body["organization_id"]), (200, chosen));
    assert_eq!(claims(&body)["org_id"], *chosen);
    let (status, body) = peer.authenticate(select(token, chosen)).await;
    assert_eq!(status, 400);
    assert_eq!(body["code"], "invalid_pending_authentication_token");
}

#[tokio::test]
async fn an_unverified_address_is_verified_by_code() {
    let peer = Peer::start();
    let (status, stop) = peer
        .exchange(&peer.code("una@example.com", &[]).await)
        .await;
    assert_eq!(
        (status.as_u16(), &stop["code"]),
        (403, &json!("email_verification_required"))
    );
    assert_eq!(stop["email"], "una@example.com");
    let verify = |code: &str| {
        json!({
            "grant_type": "urn:workos:oauth:grant-type:email-verification:code",
            "pending_authentication_token": stop["pending_authentication_token"],
            "code": code,
        })
    };
    let (status, body) = peer.authenticate(verify("000000")).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("invalid_one_time_code"))
    );
    let (status, body) = peer.authenticate(verify("123456")).await;
    assert_eq!(
        (status.as_u16(), &body["user"]["email_verified"]),
        (200, &json!(true))
    );
    assert_eq!(
        peer.exchange(&peer.code("una@example.com", &[]).await)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn one_time_codes_expire_and_bear_few_mistakes() {
    let peer = Peer::start();
    let (_, stop) = peer
        .exchange(&peer.code("una@example.com", &[]).await)
        .await;
    let verify = |code: &str| {
        json!({
            "grant_type": "urn:workos:oauth:grant-type:email-verification:code",
            "pending_authentication_token": stop["pending_authentication_token"],
            "code": code,
        })
    };
    for _ in 0..5 {
        let (_, body) = peer.authenticate(verify("000000")).await;
        assert_eq!(body["code"], "invalid_one_time_code");
    }
    let (_, body) = peer.authenticate(verify("123456")).await;
    assert_eq!(body["code"], "one_time_code_too_many_attempts");

    let (_, stop) = peer
        .exchange(&peer.code("una@example.com", &[]).await)
        .await;
    let mut request = verify("123456");
    request["pending_authentication_token"] = stop["pending_authentication_token"].clone();
    peer.control().advance(Duration::from_secs(601));
    assert_eq!(
        peer.authenticate(request.clone()).await.1["code"],
        "one_time_code_expired"
    );
    peer.control().advance(Duration::from_secs(1200));
    let (_, body) = peer.authenticate(request).await;
    assert_eq!(body["code"], "invalid_pending_authentication_token");
}

#[tokio::test]
async fn a_second_factor_is_asked_for() {
    let peer = Peer::start();
    let (status, stop) = peer
        .exchange(&peer.code("max@example.com", &[]).await)
        .await;
    assert_eq!(
        (status.as_u16(), &stop["code"]),
        (403, &json!("mfa_challenge"))
    );
    let factor = &stop["authentication_factors"][0];
    assert_eq!(factor["type"], "totp");
    let path = format!("/auth/factors/{}/challenge", factor["id"].as_str().unwrap());
    let (status, challenge) = peer.api("POST", &path, Some(json!({}))).await;
    assert_eq!(
        (status.as_u16(), &challenge["authentication_factor_id"]),
        (201, &factor["id"])
    );
    let answer = |challenge: &Value, code: &str| {
        json!({
            "grant_type": "urn:workos:oauth:grant-type:mfa-totp",
            "pending_authentication_token": stop["pending_authentication_token"],
            "authentication_challenge_id": challenge,
            "code": code,
        })
    };
    assert_eq!(
        peer.authenticate(answer(&json!("auth_challenge_x"), "123456"))
            .await
            .0,
        404
    );
    let (_, body) = peer.authenticate(answer(&challenge["id"], "654321")).await;
    assert_eq!(body["code"], "invalid_one_time_code");
    let (status, body) = peer.authenticate(answer(&challenge["id"], "123456")).await;
    assert_eq!(
        (status.as_u16(), &body["user"]["email"]),
        (200, &json!("max@example.com"))
    );
}

#[tokio::test]
async fn a_missing_second_factor_is_told() {
    let peer = Peer::start();
    let mut user = peer.control().user(ADA).unwrap();
    user.mfa = Some(vestibule::emulator::Mfa::EnrollmentRequired);
    peer.control().put_user(user);
    let (status, body) = peer.exchange(&peer.code(ADA, &[]).await).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (403, &json!("mfa_enrollment"))
    );
    assert!(body["pending_authentication_token"].is_string());
}

#[tokio::test]
async fn an_impersonated_session_says_so() {
    let peer = Peer::start();
    let body = peer.sign_in("imogen@example.com").await;
    let impersonator =
        json!({ "email": "support@example.com", "reason": "Looking into a support ticket" });
    assert_eq!(body["impersonator"], impersonator);
    assert_eq!(body["authentication_method"], "Impersonation");
    assert_eq!(
        claims(&body)["act"],
        json!({ "sub": "support@example.com" })
    );
    let (_, body) = peer.refresh(&body["refresh_token"]).await;
    assert_eq!(body["impersonator"], impersonator);
}
