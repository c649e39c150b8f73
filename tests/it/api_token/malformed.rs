//! Tokens with a wrong signature, and tokens with invalid claims.

use serde_json::{Value, json};

use super::refresh::everywhere;
use super::{EXPIRED, INVALID, NO_ACCOUNT, not_valid};
use crate::support::app::{SECRET_KEY, TestApp};
use crate::support::tokens::{forge_token, sign_claims};

fn with(claims: &Value, name: &str, value: Value) -> String {
    let mut claims = claims.clone();
    claims[name] = value;
    sign_claims(&claims)
}

fn without(claims: &Value, names: &[&str]) -> String {
    let mut claims = claims.clone();
    for name in names {
        claims.as_object_mut().unwrap().remove(*name);
    }
    sign_claims(&claims)
}

#[tokio::test]
async fn tokens_with_missing_claims() {
    let (app, user) = TestApp::builder().start_with_user();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let claims = app.claims("refresh", &user);
    everywhere(
        &visitor,
        &without(&claims, &["exp"]),
        &not_valid("Token has no 'exp' claim"),
    )
    .await;
    everywhere(
        &visitor,
        &without(&claims, &["jti"]),
        &not_valid("Token has no id"),
    )
    .await;
    everywhere(
        &visitor,
        &without(&claims, &["token_type"]),
        &not_valid("Token has no type"),
    )
    .await;
    let nothing = not_valid("Token has no 'exp' claim");
    everywhere(
        &visitor,
        &without(&claims, &["exp", "jti", "token_type"]),
        &nothing,
    )
    .await;
    let no_id = not_valid("Token has no id");
    everywhere(&visitor, &without(&claims, &["jti", "token_type"]), &no_id).await;
    for path in ["/api/token/refresh", "/api/token/blacklist"] {
        for kind in ["access", "sliding"] {
            let token = with(&claims, "token_type", kind.into());
            visitor
                .post_refresh_token(path, &token)
                .await
                .assert_is(401, &not_valid("Token has wrong type"));
        }
    }
    // As in simplejwt, `verify` accepts any type: a sliding token is good, although it opens nothing here.
    for kind in [json!("sliding"), json!(""), json!(null), json!(5)] {
        let token = with(&claims, "token_type", kind);
        let body = json!({ "token": token });
        let verified = visitor.post_json("/api/token/verify", &body).await;
        verified.assert_is(200, "{}");
        let me = visitor.get_me_with_token(&token).await;
        assert_eq!(me.status, 401, "{me:?}");
    }
    everywhere(
        &visitor,
        &with(&claims, "exp", app.now().seconds().into()),
        EXPIRED,
    )
    .await;
    // An expired token is reported before other errors, as PyJWT does.
    let mut old = claims.clone();
    old["exp"] = 1.into();
    everywhere(&visitor, &without(&old, &["jti", "token_type"]), EXPIRED).await;
    let nobody = with(&claims, "user_id", "987654".into());
    visitor
        .post_refresh_token("/api/token/refresh", &nobody)
        .await
        .assert_is(401, NO_ACCOUNT);
}

#[tokio::test]
async fn tokens_with_invalid_claims() {
    let (app, user) = TestApp::builder().start_with_user();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let claims = app.claims("refresh", &user);
    let now = app.now().seconds();
    for (name, value) in [
        ("iat", json!(now + 1)),
        ("iat", json!("soon")),
        ("iat", json!(null)),
        ("iat", json!(1e300)),
        ("nbf", json!(now + 1)),
        ("nbf", json!([])),
        ("exp", json!("soon")),
        ("exp", json!((now + 300).to_string())),
        ("exp", json!(null)),
        ("exp", json!({})),
        ("exp", json!(253_402_300_800_i64)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
        ("sub", json!(7)),
        ("jti", json!(7)),
        ("jti", json!(null)),
        ("jti", json!("a\0b")),
        ("jti", json!("a".repeat(256))),
    ] {
        let token = with(&claims, name, value.clone());
        everywhere(&visitor, &token, INVALID).await;
    }
    for (name, value) in [
        ("exp", json!(-1e300)),
        ("exp", json!("5")),
        ("exp", json!(true)),
    ] {
        everywhere(&visitor, &with(&claims, name, value), EXPIRED).await;
    }
}

#[tokio::test]
async fn tokens_with_a_wrong_signature() {
    let (app, user) = TestApp::builder().start_with_user();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let payload = app.claims("refresh", &user).to_string();
    let (payload, key) = (payload.as_bytes(), SECRET_KEY.as_bytes());
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let good = forge_token(header, payload, key);
    let unsigned = forge_token(r#"{"alg":"none"}"#, payload, key);
    let (bare, _) = unsigned.rsplit_once('.').unwrap();
    let deep = format!(
        r#"{{"exp":9999999999,"a":{}1{}}}"#,
        "[".repeat(4_000),
        "]".repeat(4_000)
    );
    let mut tokens = vec![
        forge_token(
            header,
            payload,
            b"another key of more than thirty-two bytes",
        ),
        forge_token(header, payload, b""),
        forge_token(r#"{"alg":"HS384","typ":"JWT"}"#, payload, key),
        forge_token(r#"{"alg":"ES256","typ":"JWT"}"#, payload, key),
        forge_token(r#"{"alg":"hs256"}"#, payload, key),
        forge_token(r#"{"alg":["HS256"]}"#, payload, key),
        forge_token(r#"{"typ":"JWT"}"#, payload, key),
        forge_token(r#"{"alg":"HS256","kid":5}"#, payload, key),
        forge_token(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, payload, key),
        forge_token(r#"{"alg":"HS256","b64":false}"#, payload, key),
        forge_token(
            r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
            payload,
            key,
        ),
        forge_token("[]", payload, key),
        forge_token("", payload, key),
        forge_token(header, b"", key),
        forge_token(header, b"[]", key),
        forge_token(header, b"\"text\"", key),
        forge_token(header, b"{\"exp\":\xff}", key),
        forge_token(header, b"{\"a\":\"\xff\"}", key),
        forge_token(header, b"{\"exp\":9999999999", key),
        forge_token(header, deep.as_bytes(), key),
        format!("{bare}."),
        unsigned.clone(),
        good.replace('.', "\u{2024}"),
        format!("{good}="),
        format!("{good}.{good}"),
        format!(".{good}"),
    ];
    tokens.extend(
        [
            "a", ".", "..", "...", "a.b", "a.b.c", "é.é.é", "💥", "%00", "\u{202e}",
        ]
        .map(str::to_owned),
    );
    for token in &tokens {
        everywhere(&visitor, token, INVALID).await;
    }
    everywhere(&visitor, &"a".repeat(60_000), INVALID).await;
    // A foreign `kid` on a token with a valid signature is ignored, because HS256 keys have none.
    let token = forge_token(r#"{"alg":"HS256","kid":"theirs"}"#, payload, key);
    assert_eq!(
        visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await
            .status,
        200
    );
}
