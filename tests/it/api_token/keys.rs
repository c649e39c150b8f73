//! Which keys sign and verify, and which are published.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use reqwest::Method;
use serde_json::{Value, json};
use vestibule::tokens::TokenGrant;

use super::INVALID;
use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, TestAppBuilder, Visitor};
use crate::support::program::Program;
use crate::support::tokens::{sign_claims, token_part, write_private_key};

const JWKS: &str = "/.well-known/jwks.json";

fn with_key(algorithm: &str, key: &str) -> TestAppBuilder {
    TestApp::builder()
        .setting("JWT_ALGORITHM", algorithm)
        .setting("JWT_SIGNING_KEY", key)
}

async fn jwks(visitor: &Visitor) -> ApiResponse {
    ApiResponse::of_request(visitor.request(Method::GET, JWKS)).await
}

/// The RFC 7638 thumbprint: SHA-256 of the required members in alphabetical order.
fn thumbprint(key: &Value) -> String {
    let names: &[&str] = match key["kty"].as_str().unwrap() {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        _ => &["crv", "kty", "x"],
    };
    let members: Vec<_> = names
        .iter()
        .map(|name| format!("\"{name}\":{}", key[*name]))
        .collect();
    let text = format!("{{{}}}", members.join(","));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    BASE64URL.encode(digest)
}

async fn signs_and_publishes(algorithm: &str, kty: &str) {
    let folder = tempfile::tempdir().unwrap();
    let key = write_private_key(folder.path(), algorithm);
    let (app, user) = with_key(algorithm, &key).start_with_user();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    let reply = jwks(&visitor).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (200, Some("application/json"))
    );
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    let keys = reply.json["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 1);
    let published = &keys[0];
    assert_eq!(published["alg"], algorithm);
    assert_eq!(
        (&published["use"], &published["kty"]),
        (&json!("sig"), &json!(kty))
    );
    assert_eq!(published["kid"], thumbprint(published));
    for secret in ["d", "p", "q", "k"] {
        assert!(published.get(secret).is_none(), "{published}");
    }
    for token in [&pair.access, &pair.refresh] {
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": published["kid"] });
        assert_eq!(token_part(token, 0), header);
    }
    assert_eq!(visitor.get_me_with_token(&pair.access).await.status, 200);
    assert_eq!(
        visitor
            .post_refresh_token("/api/token/refresh", &pair.refresh)
            .await
            .status,
        200
    );
    // SECRET_KEY does not sign tokens here.
    let token = sign_claims(&app.claims("refresh", &user));
    visitor
        .post_refresh_token("/api/token/refresh", &token)
        .await
        .assert_is(401, INVALID);
}

#[tokio::test]
async fn rs256() {
    signs_and_publishes("RS256", "RSA").await;
}

#[tokio::test]
async fn rs384() {
    signs_and_publishes("RS384", "RSA").await;
}

#[tokio::test]
async fn rs512() {
    signs_and_publishes("RS512", "RSA").await;
}

#[tokio::test]
async fn es256() {
    signs_and_publishes("ES256", "EC").await;
}

#[tokio::test]
async fn eddsa() {
    signs_and_publishes("EdDSA", "OKP").await;
}

#[tokio::test]
async fn hs256_publishes_nothing() {
    let app = TestApp::start();
    let reply = jwks(&app.visitor()).await;
    assert_eq!(reply.status, 404);
    assert!(!reply.body.contains("keys"));
}

#[tokio::test]
async fn older_keys_still_verify() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (
        write_private_key(folder.path(), "ES256"),
        write_private_key(folder.path(), "EdDSA"),
    );
    let (app, user) = with_key("ES256", &old).start_with_user();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    let (clock, database) = (app.clock.clone(), app.stop());
    let app = with_key("EdDSA", &new)
        .clock(clock.clone())
        .database(database)
        .start();
    let visitor = app.visitor();
    visitor
        .post_refresh_token("/api/token/refresh", &pair.refresh)
        .await
        .assert_is(401, INVALID);
    let database = app.stop();
    let app = with_key("EdDSA", &new)
        .setting("JWT_VERIFYING_KEYS", &old)
        .clock(clock.clone())
        .database(database)
        .start();
    let visitor = app.visitor();
    let reply = visitor
        .post_refresh_token("/api/token/refresh", &pair.refresh)
        .await;
    assert_eq!(token_part(&reply.text("access"), 0)["alg"], "EdDSA");
    let algorithms: Vec<_> = jwks(&visitor).await.json["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["alg"].clone())
        .collect();
    assert_eq!(algorithms, ["EdDSA", "ES256"], "the signing one first");
    // After a change back to a shared secret, the older keys still verify and are published.
    let database = app.stop();
    let app = TestApp::builder()
        .setting("JWT_VERIFYING_KEYS", &format!("{new}, {old}"))
        .clock(clock)
        .database(database)
        .start();
    let visitor = app.visitor();
    let reply = visitor
        .post_refresh_token("/api/token/refresh", &pair.refresh)
        .await;
    assert_eq!(token_part(&reply.text("access"), 0)["alg"], "HS256");
    assert_eq!(
        jwks(&visitor).await.json["keys"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn fallbacks_verify_and_do_not_sign() {
    let new = "another-made-up-key-of-the-tests-with-more-than-fifty-characters";
    let (app, user) = TestApp::builder().start_with_user();
    let (pair, clock) = (
        app.issue_tokens(&user, TokenGrant::default()),
        app.clock.clone(),
    );
    let database = app.stop();
    let with = |database, fallbacks: &str| {
        TestApp::builder()
            .setting("SECRET_KEY", new)
            .setting("SECRET_KEY_FALLBACKS", fallbacks)
            .clock(clock.clone())
            .database(database)
            .start()
    };
    let app = with(database, "");
    app.visitor()
        .post_refresh_token("/api/token/refresh", &pair.refresh)
        .await
        .assert_is(401, INVALID);
    let app = with(app.stop(), crate::support::app::SECRET_KEY);
    let visitor = app.visitor();
    assert_eq!(visitor.get_me_with_token(&pair.access).await.status, 200);
    let reply = visitor
        .post_refresh_token("/api/token/refresh", &pair.refresh)
        .await;
    let access = reply.text("access");
    assert_eq!(visitor.get_me_with_token(&access).await.status, 200);
    let app = with(app.stop(), "");
    assert_eq!(app.visitor().get_me_with_token(&access).await.status, 200);
}

fn check(settings: &[(&str, &str)]) -> Program {
    let program = Program::with_settings(&["check"]);
    settings
        .iter()
        .fold(program, |program, (name, value)| program.env(name, value))
}

#[test]
fn check_reports_unusable_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = |path: &str| Path::new(path).to_str().unwrap().to_owned();
    let ed = path(&write_private_key(folder.path(), "EdDSA"));
    let output = check(&[("JWT_ALGORITHM", "ES256"), ("JWT_SIGNING_KEY", &ed)])
        .run()
        .exits_with(1);
    assert!(output.stderr.contains("tokens.E001"), "{output:#?}");
    assert!(
        output
            .stderr
            .contains("JWT_SIGNING_KEY: not a private key for JWT_ALGORITHM"),
        "{output:#?}"
    );
    let output = check(&[("JWT_ALGORITHM", "ES256")]).run().exits_with(1);
    assert!(
        output.stderr.contains("JWT_SIGNING_KEY: not set."),
        "{output:#?}"
    );
    let lifetimes = [
        ("REFRESH_FAMILY_LIFETIME", "100"),
        ("REFRESH_TOKEN_LIFETIME", "200"),
    ];
    let output = check(&lifetimes).run().exits_with(0);
    assert!(output.stdout.contains("tokens.W001"), "{output:#?}");
}
