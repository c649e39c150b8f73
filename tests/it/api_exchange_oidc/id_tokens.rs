//! Invalid ID tokens, and changed keys.

use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{OKTA, body, exchange, start};
use crate::support::app::TestApp;
use crate::support::exchange::{post, refused, signed_in};
use crate::support::oidc_provider::{CLIENT_ID, OidcProvider, WithOidcIssuer, verified};

/// Starts a provider, and an app with an account of Ada.
async fn with_ada() -> (OidcProvider, TestApp) {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", true);
    provider.configure(verified("ada@example.com")).await;
    (provider, app)
}

async fn assert_id_token_refused(app: &TestApp, body: &Value) {
    let response = post(app, OKTA, body).await;
    refused(response, StatusCode::BAD_REQUEST, "invalid_id_token").await;
    assert_eq!(app.user("ada@example.com").last_login, None);
}

#[tokio::test]
async fn a_token_with_a_wrong_claim_is_refused() {
    let (provider, app) = with_ada().await;
    let now = app.now().seconds();
    for wrong in [
        json!({ "aud": "another-client" }),
        json!({ "aud": [CLIENT_ID, "another-client"] }),
        json!({ "azp": "another-client" }),
        json!({ "iss": "https://accounts.example.com" }),
        json!({ "exp": now }),
        json!({ "exp": null }),
        json!({ "iat": now + 3_600 }),
        json!({ "sub": "" }),
    ] {
        let mut orders = verified("ada@example.com");
        for (name, value) in wrong.as_object().unwrap() {
            orders["claims"][name] = value.clone();
        }
        provider.configure(orders).await;
        assert_id_token_refused(&app, &body()).await;
    }
    provider.configure(verified("ada@example.com")).await;
    signed_in(exchange(&app, OKTA).await).await;
}

#[tokio::test]
async fn a_token_expires_by_our_clock() {
    let (_provider, app) = with_ada().await;
    app.clock.advance(TimeDelta::hours(2));
    assert_id_token_refused(&app, &body()).await;
}

#[tokio::test]
async fn a_nonce_that_was_sent_must_be_in_the_token() {
    let (provider, app) = with_ada().await;
    let mut with_nonce = body();
    with_nonce["nonce"] = "made-up-nonce".into();
    assert_id_token_refused(&app, &with_nonce).await;
    let mut orders = verified("ada@example.com");
    orders["claims"]["nonce"] = "another".into();
    provider.configure(orders.clone()).await;
    assert_id_token_refused(&app, &with_nonce).await;
    orders["claims"]["nonce"] = "made-up-nonce".into();
    provider.configure(orders).await;
    signed_in(post(&app, OKTA, &with_nonce).await).await;
}

#[tokio::test]
async fn a_token_without_a_valid_signature_is_refused() {
    let (provider, app) = with_ada().await;
    for trick in [
        json!({ "alg_none": true }),
        json!({ "tampered": { "name": "Somebody else" } }),
        json!({ "token_answer": { "id_token": "no.token.atall" } }),
        json!({ "token_answer": { "id_token": null } }),
    ] {
        let mut orders = verified("ada@example.com");
        orders
            .as_object_mut()
            .unwrap()
            .extend(trick.as_object().unwrap().clone());
        provider.configure(orders).await;
        assert_id_token_refused(&app, &body()).await;
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_once_a_minute_at_most() {
    let (provider, app) = with_ada().await;
    signed_in(exchange(&app, OKTA).await).await;
    app.clock.advance(TimeDelta::seconds(61));
    // The provider signs both tokens of a response with its keys in turn: the ID token with the new
    // one.
    provider.add_key("second", "ES256").await;
    signed_in(exchange(&app, OKTA).await).await;
    signed_in(exchange(&app, OKTA).await).await;
    assert_eq!(provider.requests("keys").await.len(), 2);

    // A key that is missing in the set is fetched once, and not again within the minute.
    let mut hidden = verified("ada@example.com");
    hidden["hidden_keys"] = json!(["third", "fourth"]);
    provider.configure(hidden).await;
    provider.add_key("third", "EdDSA").await;
    provider.add_key("fourth", "RS256").await;
    app.clock.advance(TimeDelta::seconds(61));
    let mut believed = 0;
    for _ in 0..4 {
        let response = exchange(&app, OKTA).await;
        if response.status() == StatusCode::OK {
            believed += 1;
        } else {
            refused(response, StatusCode::BAD_REQUEST, "invalid_id_token").await;
        }
    }
    assert_eq!(believed, 2, "two of its four keys are known");
    assert_eq!(provider.requests("keys").await.len(), 3);

    // The set contains the key by now, but it is not fetched within the minute.
    provider.configure(verified("ada@example.com")).await;
    app.clock.advance(TimeDelta::seconds(61));
    for _ in 0..4 {
        signed_in(exchange(&app, OKTA).await).await;
    }
    assert_eq!(provider.requests("keys").await.len(), 4);
}

#[tokio::test]
async fn the_client_may_be_public() {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .setting("OKTA_CLIENT_SECRET", "")
        .start();
    app.add_user("ada@example.com", true);
    provider.configure(verified("ada@example.com")).await;
    signed_in(exchange(&app, OKTA).await).await;
    let asked = provider.requests("token").await;
    assert_eq!(asked[0]["body"]["client_id"], CLIENT_ID);
    assert_eq!(asked[0].get("authorization"), None);
}
