//! Providers that refuse, fail or do not answer.

use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{GOOGLE, OKTA, exchange, start};
use crate::support::app::TestApp;
use crate::support::exchange::{refused, signed_in};
use crate::support::forwarder::Forwarder;
use crate::support::oidc_provider::{WithOidcIssuer, verified};
use crate::support::steps::retry_after;

async fn assert_unavailable(app: &TestApp) {
    let response = exchange(app, OKTA).await;
    assert_eq!(retry_after(response.headers()), Some(5));
    refused(
        response,
        StatusCode::SERVICE_UNAVAILABLE,
        "provider_unavailable",
    )
    .await;
}

#[tokio::test]
async fn a_refusal_contains_the_providers_code() {
    let (provider, app) = start().await;
    for (status, error, code) in [
        (400, json!("invalid_grant"), "invalid_grant"),
        (400, json!("invalid_request"), "invalid_request"),
        (401, json!("invalid_client"), "invalid_client"),
        (403, json!("<b>"), "http_403"),
        (400, json!(null), "http_400"),
    ] {
        let answer = json!({ "id_token": null, "access_token": null, "error": error });
        provider
            .configure(json!({ "token_status": status, "token_answer": answer }))
            .await;
        for path in [GOOGLE, OKTA] {
            refused(exchange(&app, path).await, StatusCode::BAD_REQUEST, code).await;
        }
    }
}

#[tokio::test]
async fn a_failing_or_unreachable_provider_is_a_503() {
    let (provider, app) = start().await;
    for status in [429, 500, 503] {
        provider.configure(json!({ "token_status": status })).await;
        assert_unavailable(&app).await;
    }
    provider
        .configure(json!({ "token_answer": { "access_token": ["no text"] } }))
        .await;
    assert_unavailable(&app).await;
    drop(provider);
    assert_unavailable(&app).await;
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", true);
    let mut orders = verified("ada@example.com");
    orders["metadata"] = json!({ "issuer": "https://accounts.example.com" });
    provider.configure(orders).await;
    assert_unavailable(&app).await;
    assert!(provider.requests("token").await.is_empty());
    // The refused metadata was not cached.
    provider.configure(verified("ada@example.com")).await;
    signed_in(exchange(&app, OKTA).await).await;
}

#[tokio::test]
async fn cached_metadata_is_used_when_new_metadata_is_refused() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", true);
    provider.configure(verified("ada@example.com")).await;
    signed_in(exchange(&app, OKTA).await).await;
    let mut orders = verified("ada@example.com");
    orders["metadata"] = json!({ "token_endpoint": "http://198.51.100.1/" });
    // The cached metadata is used beyond its hour, since the new one is refused.
    orders["claims"]["exp"] = (app.now().seconds() + 7_200).into();
    provider.configure(orders).await;
    app.clock.advance(chrono::TimeDelta::minutes(61));
    signed_in(exchange(&app, OKTA).await).await;
    assert_eq!(provider.requests("metadata").await.len(), 2);
}

#[tokio::test]
async fn a_broken_connection_is_a_503_until_it_is_restored() {
    let (provider, app) = start().await;
    app.add_user("ada@example.com", true);
    let upstream = provider.issuer().trim_start_matches("http://localhost:");
    let forwarder = Forwarder::start(format!("127.0.0.1:{upstream}").parse().unwrap());
    let mut orders = verified("ada@example.com");
    let between = format!("http://{}/token", forwarder.address());
    orders["metadata"] = json!({ "token_endpoint": between });
    provider.configure(orders).await;
    forwarder.cut();
    assert_unavailable(&app).await;
    forwarder.restore();
    signed_in(exchange(&app, OKTA).await).await;
}

/// Starts a server that accepts requests and sends nothing, or an endless response.
async fn faulty_server(endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if !endless {
                open.push(stream);
                continue;
            }
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                while stream.write_all(&[b' '; 65_536]).await.is_ok() {}
            });
        }
    });
    issuer
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_a_503_after_the_time_out() {
    let app = TestApp::builder()
        .with_oidc_issuer(&faulty_server(false).await)
        .start();
    assert_unavailable(&app).await;
}

#[tokio::test]
async fn an_endless_response_is_aborted() {
    let app = TestApp::builder()
        .with_oidc_issuer(&faulty_server(true).await)
        .start();
    assert_unavailable(&app).await;
}
