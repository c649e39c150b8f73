//! Refresh tokens and access tokens.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};

use super::test_emulator::{TestEmulator, claims, plain_client};

#[tokio::test]
async fn a_refresh_rotates_the_token_and_keeps_the_session() {
    let emulator = TestEmulator::start();
    let first = emulator.sign_in("ada@example.com").await;
    let (status, second) = emulator.refresh(&first["refresh_token"]).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!(claims(&first)["sid"], claims(&second)["sid"]);
    assert_ne!(claims(&first)["jti"], claims(&second)["jti"]);
    assert_eq!(
        first["user"]["last_sign_in_at"],
        second["user"]["last_sign_in_at"]
    );
    let (status, third) = emulator.refresh(&second["refresh_token"]).await;
    assert_eq!(
        (status.as_u16(), &claims(&third)["sid"]),
        (200, &claims(&first)["sid"])
    );
    let other = emulator.sign_in("ada@example.com").await;
    assert_ne!(
        claims(&other)["sid"],
        claims(&first)["sid"],
        "each sign-in has its own session"
    );
}

#[tokio::test]
async fn a_replay_within_thirty_seconds_returns_the_same_pair() {
    let emulator = TestEmulator::start();
    let first = emulator.sign_in("ada@example.com").await;
    let (_, second) = emulator.refresh(&first["refresh_token"]).await;
    emulator.control().advance(Duration::from_secs(25));
    assert_eq!(emulator.refresh(&first["refresh_token"]).await.1, second);
    // The replay works even after the new pair has been used.
    assert_eq!(emulator.refresh(&second["refresh_token"]).await.0, 200);
    assert_eq!(emulator.refresh(&first["refresh_token"]).await.1, second);
}

#[tokio::test]
async fn a_replay_after_thirty_seconds_is_refused() {
    let emulator = TestEmulator::start();
    let first = emulator.sign_in("ada@example.com").await;
    let (_, second) = emulator.refresh(&first["refresh_token"]).await;
    emulator.control().advance(Duration::from_secs(31));
    let (status, body) = emulator.refresh(&first["refresh_token"]).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_grant"))
    );
    assert_eq!(
        emulator.refresh(&second["refresh_token"]).await.0,
        200,
        "the new refresh token still works"
    );
}

#[tokio::test]
async fn parallel_refreshes_return_the_same_pair() {
    let emulator = TestEmulator::start();
    let first = emulator.sign_in("ada@example.com").await;
    let replies =
        futures_util::future::join_all((0..8).map(|_| emulator.refresh(&first["refresh_token"])))
            .await;
    assert!(
        replies
            .iter()
            .all(|reply| *reply == replies[0] && reply.0 == 200)
    );
}

#[tokio::test]
async fn an_unknown_refresh_token_is_refused() {
    let emulator = TestEmulator::start();
    let (status, body) = emulator.refresh(&json!("unknown")).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_grant"))
    );
}

#[tokio::test]
async fn a_refresh_can_switch_the_organization_for_good() {
    let emulator = TestEmulator::start();
    let (_, pending) = emulator
        .exchange(&emulator.code("twyla@example.com", &[]).await)
        .await;
    let organizations = pending["organizations"].as_array().unwrap();
    let (_, first) = emulator
        .authenticate(json!({
            "grant_type": "urn:workos:oauth:grant-type:organization-selection",
            "pending_authentication_token": pending["pending_authentication_token"],
            "organization_id": organizations[0]["id"],
        }))
        .await;
    assert_eq!(claims(&first)["role"], "admin");
    let switch = |tokens: &Value, id: &Value| {
        let token = &tokens["refresh_token"];
        json!({ "grant_type": "refresh_token", "refresh_token": token, "organization_id": id })
    };
    let (status, body) = emulator
        .authenticate(switch(&first, &json!("org_unknown")))
        .await;
    assert_eq!((status.as_u16(), body["message"].is_string()), (404, true));
    let (_, second) = emulator
        .authenticate(switch(&first, &organizations[1]["id"]))
        .await;
    assert_eq!(second["organization_id"], organizations[1]["id"]);
    assert_eq!(claims(&second)["role"], "member");
    let (_, third) = emulator.refresh(&second["refresh_token"]).await;
    assert_eq!(third["organization_id"], organizations[1]["id"]);
    let ada = emulator.sign_in("ada@example.com").await;
    let (_, body) = emulator
        .authenticate(switch(&ada, &organizations[1]["id"]))
        .await;
    assert_eq!(body["code"], "invalid_organization_id");
}

async fn key_set(emulator: &TestEmulator) -> JwkSet {
    let url = format!("{}/sso/jwks/{}", emulator.base, emulator.handle.client_id());
    plain_client()
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

fn verify(tokens: &Value, keys: &JwkSet) -> jsonwebtoken::errors::Result<Value> {
    let token = tokens["access_token"].as_str().unwrap();
    let kid = decode_header(token)?.kid.unwrap();
    let Some(key) = keys.find(&kid) else {
        return Err(jsonwebtoken::errors::ErrorKind::InvalidSignature.into());
    };
    let validation = Validation::new(Algorithm::RS256);
    Ok(decode::<Value>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
}

#[tokio::test]
async fn the_key_set_verifies_access_tokens_with_workos_s_claims() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("olive@example.com").await;
    let claims = verify(&tokens, &key_set(&emulator).await).unwrap();
    let issuer = format!(
        "{}/user_management/{}",
        emulator.base,
        emulator.handle.client_id()
    );
    assert_eq!(claims["iss"], issuer);
    assert_eq!(claims["sub"], tokens["user"]["id"]);
    assert_eq!(claims["org_id"], tokens["organization_id"]);
    assert!(claims["sid"].as_str().unwrap().starts_with("session_01"));
    assert_eq!(
        (&claims["role"], &claims["roles"]),
        (&json!("admin"), &json!(["admin"]))
    );
    assert_eq!(
        claims["permissions"],
        json!(["members:manage", "reports:read"])
    );
    assert_eq!(claims["entitlements"], json!(["audit-logs"]));
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        300
    );
    let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    assert!(
        !names.iter().any(|name| *name == "aud" || *name == "act"),
        "{names:?}"
    );
    let url = format!("{}/sso/jwks/client_other", emulator.base);
    assert_eq!(plain_client().get(url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn lifetime_issuer_audience_and_extra_claims_can_be_set() {
    let emulator = TestEmulator::start();
    let control = emulator.control();
    control.set_access_token_lifetime(Duration::from_secs(7));
    control.set_issuer("https://auth.example");
    control.set_audience(Some("client_other"));
    let extra = json!({ "plan": "x".repeat(3000), "sub": "user_forged" });
    control.set_extra_claims(extra.as_object().unwrap().clone());
    control.advance(Duration::from_secs(3600));
    let tokens = emulator.sign_in("ada@example.com").await;
    let claims = claims(&tokens);
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        7
    );
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!("https://auth.example"), &json!("client_other"))
    );
    assert_eq!(claims["plan"].as_str().unwrap().len(), 3000);
    assert_eq!(
        claims["sub"], tokens["user"]["id"],
        "extra claims do not replace WorkOS's claims"
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!(claims["iat"].as_u64().unwrap() >= now.as_secs() + 3590);
}

#[tokio::test]
async fn the_signing_key_can_be_rotated() {
    let emulator = TestEmulator::start();
    let before = emulator.sign_in("ada@example.com").await;
    emulator.control().rotate_key(true).unwrap();
    let after = emulator.sign_in("ada@example.com").await;
    let keys = key_set(&emulator).await;
    assert_eq!(keys.keys.len(), 2);
    assert!(verify(&before, &keys).is_ok() && verify(&after, &keys).is_ok());
    emulator.control().rotate_key(false).unwrap();
    let keys = key_set(&emulator).await;
    assert_eq!(keys.keys.len(), 1);
    assert!(verify(&before, &keys).is_err() && verify(&after, &keys).is_err());
}
