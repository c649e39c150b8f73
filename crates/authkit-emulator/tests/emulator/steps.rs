//! Sign-ins that need another step, and the grants that continue them.

use std::time::Duration;

use serde_json::{Value, json};

use super::test_emulator::{TestEmulator, claims};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn a_member_of_several_organizations_selects_one() {
    let emulator = TestEmulator::start();
    let (status, pending) = emulator
        .exchange(&emulator.code("twyla@example.com", &[]).await)
        .await;
    assert_eq!(
        (status.as_u16(), &pending["code"]),
        (403, &json!("organization_selection_required"))
    );
    assert_eq!(pending["user"]["email"], "twyla@example.com");
    let organizations = pending["organizations"].as_array().unwrap();
    assert_eq!(organizations.len(), 2);
    let select = |token: &Value, organization: &Value| {
        json!({
            "grant_type": "urn:workos:oauth:grant-type:organization-selection",
            "pending_authentication_token": token,
            "organization_id": organization,
        })
    };
    let (token, chosen) = (
        &pending["pending_authentication_token"],
        &organizations[1]["id"],
    );
    let (status, body) = emulator
        .authenticate(select(token, &json!("org_unknown")))
        .await;
    assert_eq!(status, 404);
    assert_eq!(
        body,
        json!({ "message": "Organization not found: 'org_unknown'." })
    );
    let (status, body) = emulator.authenticate(select(token, chosen)).await;
    assert_eq!((status.as_u16(), &body["organization_id"]), (200, chosen));
    assert_eq!(claims(&body)["org_id"], *chosen);
    let (status, body) = emulator.authenticate(select(token, chosen)).await;
    assert_eq!(status, 400);
    assert_eq!(body["code"], "invalid_pending_authentication_token");
}

#[tokio::test]
async fn an_unverified_address_is_verified_with_the_one_time_code() {
    let emulator = TestEmulator::start();
    let (status, pending) = emulator
        .exchange(&emulator.code("una@example.com", &[]).await)
        .await;
    assert_eq!(
        (status.as_u16(), &pending["code"]),
        (403, &json!("email_verification_required"))
    );
    assert_eq!(pending["email"], "una@example.com");
    let verify = |code: &str| {
        json!({
            "grant_type": "urn:workos:oauth:grant-type:email-verification:code",
            "pending_authentication_token": pending["pending_authentication_token"],
            "code": code,
        })
    };
    let (status, body) = emulator.authenticate(verify("000000")).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("invalid_one_time_code"))
    );
    let (status, body) = emulator.authenticate(verify("123456")).await;
    assert_eq!(
        (status.as_u16(), &body["user"]["email_verified"]),
        (200, &json!(true))
    );
    assert_eq!(
        emulator
            .exchange(&emulator.code("una@example.com", &[]).await)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_one_time_code_expires_and_allows_five_wrong_attempts() {
    let emulator = TestEmulator::start();
    let (_, pending) = emulator
        .exchange(&emulator.code("una@example.com", &[]).await)
        .await;
    let verify = |code: &str| {
        json!({
            "grant_type": "urn:workos:oauth:grant-type:email-verification:code",
            "pending_authentication_token": pending["pending_authentication_token"],
            "code": code,
        })
    };
    for _ in 0..5 {
        let (_, body) = emulator.authenticate(verify("000000")).await;
        assert_eq!(body["code"], "invalid_one_time_code");
    }
    let (_, body) = emulator.authenticate(verify("123456")).await;
    assert_eq!(body["code"], "one_time_code_too_many_attempts");

    let (_, pending) = emulator
        .exchange(&emulator.code("una@example.com", &[]).await)
        .await;
    let mut request = verify("123456");
    request["pending_authentication_token"] = pending["pending_authentication_token"].clone();
    emulator.control().advance(Duration::from_secs(601));
    assert_eq!(
        emulator.authenticate(request.clone()).await.1["code"],
        "one_time_code_expired"
    );
    emulator.control().advance(Duration::from_secs(1200));
    let (_, body) = emulator.authenticate(request).await;
    assert_eq!(body["code"], "invalid_pending_authentication_token");
}

#[tokio::test]
async fn a_user_with_a_second_factor_enters_its_code() {
    let emulator = TestEmulator::start();
    let (status, pending) = emulator
        .exchange(&emulator.code("max@example.com", &[]).await)
        .await;
    assert_eq!(
        (status.as_u16(), &pending["code"]),
        (403, &json!("mfa_challenge"))
    );
    let factor = &pending["authentication_factors"][0];
    assert_eq!(factor["type"], "totp");
    let path = format!("/auth/factors/{}/challenge", factor["id"].as_str().unwrap());
    let (status, challenge) = emulator.api("POST", &path, Some(json!({}))).await;
    assert_eq!(
        (status.as_u16(), &challenge["authentication_factor_id"]),
        (201, &factor["id"])
    );
    let totp = |challenge: &Value, code: &str| {
        json!({
            "grant_type": "urn:workos:oauth:grant-type:mfa-totp",
            "pending_authentication_token": pending["pending_authentication_token"],
            "authentication_challenge_id": challenge,
            "code": code,
        })
    };
    assert_eq!(
        emulator
            .authenticate(totp(&json!("auth_challenge_x"), "123456"))
            .await
            .0,
        404
    );
    let (_, body) = emulator
        .authenticate(totp(&challenge["id"], "654321"))
        .await;
    assert_eq!(body["code"], "invalid_one_time_code");
    let (status, body) = emulator
        .authenticate(totp(&challenge["id"], "123456"))
        .await;
    assert_eq!(
        (status.as_u16(), &body["user"]["email"]),
        (200, &json!("max@example.com"))
    );
}

#[tokio::test]
async fn a_user_who_must_enroll_stops_at_mfa_enrollment() {
    let emulator = TestEmulator::start();
    let mut user = emulator.control().user(ADA).unwrap();
    user.mfa = Some(authkit_emulator::Mfa::EnrollmentRequired);
    emulator.control().put_user(user);
    let (status, body) = emulator.exchange(&emulator.code(ADA, &[]).await).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (403, &json!("mfa_enrollment"))
    );
    assert!(body["pending_authentication_token"].is_string());
}

#[tokio::test]
async fn an_impersonated_session_names_the_impersonator() {
    let emulator = TestEmulator::start();
    let body = emulator.sign_in("imogen@example.com").await;
    let impersonator =
        json!({ "email": "support@example.com", "reason": "Looking into a support ticket" });
    assert_eq!(body["impersonator"], impersonator);
    assert_eq!(body["authentication_method"], "Impersonation");
    assert_eq!(
        claims(&body)["act"],
        json!({ "sub": "support@example.com" })
    );
    let (_, body) = emulator.refresh(&body["refresh_token"]).await;
    assert_eq!(body["impersonator"], impersonator);
}

#[tokio::test]
async fn an_organization_can_require_single_sign_on() {
    let emulator = TestEmulator::start();
    let email = "sol@example.com";
    let (status, pending) = emulator.exchange(&emulator.code(email, &[]).await).await;
    assert_eq!(
        (status.as_u16(), &pending["error"], &pending["email"]),
        (400, &json!("sso_required"), &json!(email))
    );
    let connection = pending["connection_ids"][0].as_str().unwrap();
    let organization = emulator.control().organization("Harbour Trust").unwrap();
    for selector in [
        [("provider", None), ("connection_id", Some(connection))],
        [
            ("provider", None),
            ("organization_id", Some(organization.as_str())),
        ],
    ] {
        let (status, body) = emulator
            .exchange(&emulator.code(email, &selector).await)
            .await;
        assert_eq!(
            (status.as_u16(), &body["authentication_method"]),
            (200, &json!("SSO"))
        );
        assert_eq!(body["organization_id"], organization.as_str());
    }
}
