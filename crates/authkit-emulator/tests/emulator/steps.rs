//! Sign-ins that stop at a further step, and the grants that let them go on.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Peer, claims};

const ADA: &str = "ada@example.com";

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
    user.mfa = Some(authkit_emulator::Mfa::EnrollmentRequired);
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

#[tokio::test]
async fn an_organization_may_want_its_single_sign_on() {
    let peer = Peer::start();
    let email = "sol@example.com";
    let (status, stop) = peer.exchange(&peer.code(email, &[]).await).await;
    assert_eq!(
        (status.as_u16(), &stop["error"], &stop["email"]),
        (400, &json!("sso_required"), &json!(email))
    );
    let connection = stop["connection_ids"][0].as_str().unwrap();
    let organization = peer.control().organization("Harbour Trust").unwrap();
    for selector in [
        [("provider", None), ("connection_id", Some(connection))],
        [
            ("provider", None),
            ("organization_id", Some(organization.as_str())),
        ],
    ] {
        let (status, body) = peer.exchange(&peer.code(email, &selector).await).await;
        assert_eq!(
            (status.as_u16(), &body["authentication_method"]),
            (200, &json!("SSO"))
        );
        assert_eq!(body["organization_id"], organization.as_str());
    }
}

#[tokio::test]
async fn an_invitation_makes_a_member_once() {
    let peer = Peer::start();
    let invitation = [("invitation_token", Some("demo-invitation"))];
    let form = [
        ("email", "ivy@example.com"),
        ("password", "ivy-demo-password"),
        ("sign_up", "1"),
    ];
    let url = peer.authorize_url(&invitation);
    let answer = peer
        .browser
        .post(url.clone())
        .form(&form)
        .send()
        .await
        .unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    let back = url::Url::parse(location).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap();
    let (status, body) = peer.exchange(&code.1).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["user"]["email_verified"], true);
    assert_eq!(
        claims(&body)["org_id"],
        peer.control().organization("Example Orchards").unwrap()
    );
    assert_eq!(claims(&body)["role"], "member");
    for token in ["demo-invitation", "made-up"] {
        let url = peer.authorize_url(&[("invitation_token", Some(token))]);
        let answer = peer.browser.get(url).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap();
        assert!(location.contains("error=invitation_invalid"), "{location}");
    }
}

#[test]
fn a_seed_s_invitations_are_to_its_organizations() {
    let seed = |invitation: Value| {
        let seed = json!({ "organizations": [{ "name": "One" }], "invitations": [invitation] });
        authkit_emulator::Seed::from_json(&seed.to_string())
    };
    let good = json!({ "email": "ivy@example.com", "organization": "One" });
    assert!(seed(good).is_ok());
    let nowhere = json!({ "email": "ivy@example.com", "organization": "Two" });
    let refused = seed(nowhere).unwrap_err();
    assert!(refused.starts_with("invitations[0] wants"), "{refused}");
}
