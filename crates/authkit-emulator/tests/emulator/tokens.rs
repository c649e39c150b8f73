//! Refresh tokens and access tokens.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use reqwest::Client;
use serde_json::{Value, json};

use super::client::{Peer, claims};

#[tokio::test]
async fn refreshing_rotates_and_keeps_the_session() {
    let peer = Peer::start();
    let first = peer.sign_in("ada@example.com").await;
    let (status, second) = peer.refresh(&first["refresh_token"]).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!(claims(&first)["sid"], claims(&second)["sid"]);
    assert_ne!(claims(&first)["jti"], claims(&second)["jti"]);
    assert_eq!(
        first["user"]["last_sign_in_at"],
        second["user"]["last_sign_in_at"]
    );
    let (status, third) = peer.refresh(&second["refresh_token"]).await;
    assert_eq!(
        (status.as_u16(), &claims(&third)["sid"]),
        (200, &claims(&first)["sid"])
    );
    let other = peer.sign_in("ada@example.com").await;
    assert_ne!(
        claims(&other)["sid"],
        claims(&first)["sid"],
        "one sid for each sign-in"
    );
}

#[tokio::test]
async fn a_replay_within_thirty_seconds_gets_the_same_pair() {
    let peer = Peer::start();
    let first = peer.sign_in("ada@example.com").await;
    let (_, second) = peer.refresh(&first["refresh_token"]).await;
    peer.control().advance(Duration::from_secs(25));
    assert_eq!(peer.refresh(&first["refresh_token"]).await.1, second);
    // The pair is used in the meantime: a late reply of the race is answered all the same.
    assert_eq!(peer.refresh(&second["refresh_token"]).await.0, 200);
    assert_eq!(peer.refresh(&first["refresh_token"]).await.1, second);
}

#[tokio::test]
async fn a_replay_after_thirty_seconds_is_refused() {
    let peer = Peer::start();
    let first = peer.sign_in("ada@example.com").await;
    let (_, second) = peer.refresh(&first["refresh_token"]).await;
    peer.control().advance(Duration::from_secs(31));
    let (status, body) = peer.refresh(&first["refresh_token"]).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_grant"))
    );
    assert_eq!(
        peer.refresh(&second["refresh_token"]).await.0,
        200,
        "the new one lives on"
    );
}

#[tokio::test]
async fn parallel_refreshes_all_get_the_same_pair() {
    let peer = Peer::start();
    let first = peer.sign_in("ada@example.com").await;
    let replies =
        futures_util::future::join_all((0..8).map(|_| peer.refresh(&first["refresh_token"]))).await;
    assert!(
        replies
            .iter()
            .all(|reply| *reply == replies[0] && reply.0 == 200)
    );
}

#[tokio::test]
async fn an_unknown_refresh_token_is_refused() {
    let peer = Peer::start();
    let (status, body) = peer.refresh(&json!("unknown")).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_grant"))
    );
}

#[tokio::test]
async fn a_refresh_can_switch_the_organization_and_remembers_it() {
    let peer = Peer::start();
    let (_, stop) = peer
        .exchange(&peer.code("twyla@example.com", &[]).await)
        .await;
    let organizations = stop["organizations"].as_array().unwrap();
    let (_, first) = peer
        .authenticate(json!({
            "grant_type": "urn:workos:oauth:grant-type:organization-selection",
            "pending_authentication_token": stop["pending_authentication_token"],
            "organization_id": organizations[0]["id"],
        }))
        .await;
    assert_eq!(claims(&first)["role"], "admin");
    let switch = |tokens: &Value, id: &Value| {
        let token = &tokens["refresh_token"];
        json!({ "grant_type": "refresh_token", "refresh_token": token, "organization_id": id })
    };
    let (status, body) = peer
        .authenticate(switch(&first, &json!("org_unknown")))
        .await;
    assert_eq!((status.as_u16(), body["message"].is_string()), (404, true));
    let (_, second) = peer
        .authenticate(switch(&first, &organizations[1]["id"]))
        .await;
    assert_eq!(second["organization_id"], organizations[1]["id"]);
    assert_eq!(claims(&second)["role"], "member");
    let (_, third) = peer.refresh(&second["refresh_token"]).await;
    assert_eq!(third["organization_id"], organizations[1]["id"]);
    let ada = peer.sign_in("ada@example.com").await;
    let (_, body) = peer
        .authenticate(switch(&ada, &organizations[1]["id"]))
        .await;
    assert_eq!(body["code"], "invalid_organization_id");
}

async fn key_set(peer: &Peer) -> JwkSet {
    let url = format!("{}/sso/jwks/{}", peer.base, peer.running.client_id());
    Client::new()
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
async fn the_key_set_verifies_the_token_and_its_claims_are_workos_s() {
    let peer = Peer::start();
    let tokens = peer.sign_in("olive@example.com").await;
    let claims = verify(&tokens, &key_set(&peer).await).unwrap();
    let issuer = format!("{}/user_management/{}", peer.base, peer.running.client_id());
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
    let url = format!("{}/sso/jwks/client_other", peer.base);
    assert_eq!(Client::new().get(url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_goes_into_tokens_is_settable() {
    let peer = Peer::start();
    let control = peer.control();
    control.set_access_token_lifetime(Duration::from_secs(7));
    control.set_issuer("https://auth.example");
    control.set_audience(Some("client_other"));
    let extra = json!({ "plan": "x".repeat(3000), "sub": "user_forged" });
    control.set_extra_claims(extra.as_object().unwrap().clone());
    control.advance(Duration::from_secs(3600));
    let tokens = peer.sign_in("ada@example.com").await;
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
        "a template displaces no claim of WorkOS's"
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!(claims["iat"].as_u64().unwrap() >= now.as_secs() + 3590);
}

#[tokio::test]
async fn the_signing_key_rotates() {
    let peer = Peer::start();
    let before = peer.sign_in("ada@example.com").await;
    peer.control().rotate_key(true).unwrap();
    let after = peer.sign_in("ada@example.com").await;
    let keys = key_set(&peer).await;
    assert_eq!(keys.keys.len(), 2);
    assert!(verify(&before, &keys).is_ok() && verify(&after, &keys).is_ok());
    peer.control().rotate_key(false).unwrap();
    let keys = key_set(&peer).await;
    assert_eq!(keys.keys.len(), 1);
    assert!(verify(&before, &keys).is_err() && verify(&after, &keys).is_err());
}
