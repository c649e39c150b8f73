//! Settings of simplejwt that projects change, in a real Django and here: each accepts the tokens of the other.

use reqwest::Method;
use serde_json::{Value, json};

use super::django::{Call, EMAIL, assert_no_differences, tokens_cross};
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor};
use crate::support::django::Django;
use crate::support::django_server::DjangoServer;
use crate::support::real_django::{RealDjango, django_and_vestibule};
use crate::support::tokens::{forge_token, sign_claims, token_part, write_rsa_key_pair};

const KEY: &str = "another made-up key of the tests, of more than sixty-four bytes for HS512";

/// A real Django, and vestibule with its users.
struct Both {
    theirs: DjangoServer,
    made: RealDjango,
    app: TestApp,
    /// Django's database is removed when this is dropped.
    _database: Django,
}

/// Starts both, Django with settings of simplejwt, vestibule with its own.
async fn both(simplejwt: &Value, settings: &[(&str, &str)]) -> Both {
    let (django, made, database) = django_and_vestibule();
    let variable = format!("SIMPLE_JWT={simplejwt}");
    let theirs = DjangoServer::start_with(&django, false, &variable).await;
    let mut app = TestApp::builder().database(database).system_clock();
    for (name, value) in settings {
        app = app.setting(name, value);
    }
    Both {
        theirs,
        made,
        app: app.start(),
        _database: django,
    }
}

/// The access token of a sign-in.
async fn access_token(at: &Visitor) -> String {
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    at.post_json("/api/token", &credentials)
        .await
        .text("access")
}

async fn tokens_cross_with_secret(algorithm: &str) {
    let settings = json!({ "ALGORITHM": algorithm, "SIGNING_KEY": KEY });
    tokens_cross_with(algorithm, &settings, KEY, KEY).await;
}

async fn tokens_cross_with_rsa(algorithm: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (private, public) = write_rsa_key_pair(folder.path());
    let pem = |path: &str| std::fs::read_to_string(path).expect("a key");
    let settings = json!({
        "ALGORITHM": algorithm, "SIGNING_KEY": pem(&private), "VERIFYING_KEY": pem(&public),
    });
    // Everybody knows the public key, which must not count as a shared secret.
    tokens_cross_with(algorithm, &settings, &private, &pem(&public)).await;
}

/// Both accept each other's tokens, and refuse one that is signed with HS256 and this secret.
async fn tokens_cross_with(algorithm: &str, simplejwt: &Value, key: &str, wrong_secret: &str) {
    let ours = [("JWT_ALGORITHM", algorithm), ("JWT_SIGNING_KEY", key)];
    let both = both(simplejwt, &ours).await;
    let (there, here) = (both.theirs.visitor(), both.app.visitor());
    tokens_cross(&there, &here).await;
    tokens_cross(&here, &there).await;
    for visitor in [&there, &here] {
        let token = access_token(visitor).await;
        assert_eq!(token_part(&token, 0)["alg"], algorithm);
    }
    let now = both.app.now().seconds();
    let claims =
        json!({ "token_type": "access", "exp": now + 60, "iat": now, "jti": "a", "user_id": "1" });
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let forged = forge_token(
        header,
        claims.to_string().as_bytes(),
        wrong_secret.as_bytes(),
    );
    let verify = |token: &str| Call::post("/api/token/verify", &json!({ "token": token }));
    let calls = vec![verify(&forged), verify(&sign_claims(&claims))];
    for call in &calls {
        assert_eq!(call.send(&here).await.status, 401);
    }
    assert_no_differences([calls], &both.theirs, &both.app).await;
}

#[tokio::test]
async fn a_real_simplejwt_and_vestibule_accept_each_others_hs384() {
    tokens_cross_with_secret("HS384").await;
}

#[tokio::test]
async fn a_real_simplejwt_and_vestibule_accept_each_others_hs512() {
    tokens_cross_with_secret("HS512").await;
}

#[tokio::test]
async fn a_real_simplejwt_and_vestibule_accept_each_others_rs256() {
    tokens_cross_with_rsa("RS256").await;
}

#[tokio::test]
async fn a_real_simplejwt_and_vestibule_accept_each_others_rs384() {
    tokens_cross_with_rsa("RS384").await;
}

#[tokio::test]
async fn a_real_simplejwt_and_vestibule_accept_each_others_rs512() {
    tokens_cross_with_rsa("RS512").await;
}

#[tokio::test]
async fn a_real_simplejwt_accepts_tokens_with_claims_for_applications() {
    let both = both(&json!({}), &[("TOKEN_CLAIMS", "org_id,email,groups")]).await;
    let (there, here) = (both.theirs.visitor(), both.app.visitor());
    let claims = token_part(&access_token(&here).await, 1);
    assert_eq!(
        (&claims["email"], &claims["groups"]),
        (&json!(EMAIL), &json!([]))
    );
    tokens_cross(&here, &there).await;
    tokens_cross(&there, &here).await;
}

#[tokio::test]
async fn a_real_simplejwt_and_vestibule_agree_about_audiences_and_issuers() {
    let issuer = "https://shop.example.com";
    let settings = json!({ "AUDIENCE": ["app", "admin"], "ISSUER": issuer });
    let ours = [("JWT_AUDIENCE", "web, app"), ("JWT_ISSUER", issuer)];
    let both = both(&settings, &ours).await;
    let (there, here) = (both.theirs.visitor(), both.app.visitor());
    tokens_cross(&there, &here).await;
    tokens_cross(&here, &there).await;
    for (visitor, audiences) in [(&there, ["app", "admin"]), (&here, ["web", "app"])] {
        let claims = token_part(&access_token(visitor).await, 1);
        assert_eq!(
            (&claims["aud"], &claims["iss"]),
            (&json!(audiences), &json!(issuer))
        );
    }
    let now = both.app.now().seconds();
    let mut calls = Vec::new();
    for (aud, iss) in [
        (json!("app"), json!(issuer)),
        (json!(["x", "app"]), json!(issuer)),
        (json!("x"), json!(issuer)),
        (json!(["x"]), json!(issuer)),
        (json!([]), json!(issuer)),
        (json!(["app", 5]), json!(issuer)),
        (json!("APP"), json!(issuer)),
        (json!(null), json!(issuer)),
        (json!("app"), json!("https://shop.example.com/")),
        (json!("app"), json!(null)),
    ] {
        let jti = format!("{aud}{iss}");
        let mut claims = json!({ "token_type": "access", "exp": now + 60, "iat": now, "jti": jti, "user_id": "1" });
        for (name, value) in [("aud", aud), ("iss", iss)] {
            if !value.is_null() {
                claims[name] = value;
            }
        }
        let token = sign_claims(&claims);
        calls.push(Call::post("/api/token/verify", &json!({ "token": token })));
        calls.push(Call::me(&format!("Bearer {token}")));
    }
    assert_no_differences([calls], &both.theirs, &both.app).await;
}

#[tokio::test]
async fn a_real_simplejwt_and_vestibule_have_the_same_leeway() {
    let both = both(&json!({ "LEEWAY": 60 }), &[("LEEWAY", "60")]).await;
    let now = both.app.now().seconds();
    let user = both.made.users.iter().find(|user| user.email == EMAIL);
    let id = user.expect("a user of Django's").id.to_string();
    let mut calls = Vec::new();
    // Far enough from the bounds that neither server's clock passes them during the test.
    for (name, exp, iat) in [
        ("within", -20, -300),
        ("too late", -90, -300),
        ("from the future", 300, 30),
        ("from the far future", 300, 300),
    ] {
        for (path, field, kind) in [
            ("/api/token/verify", "token", "access"),
            ("/api/token/refresh", "refresh", "refresh"),
        ] {
            let claims = json!({
                "token_type": kind, "exp": now + exp, "iat": now + iat, "jti": format!("{name} {kind}"), "user_id": id,
            });
            calls.push(Call::post(path, &json!({ field: sign_claims(&claims) })));
        }
        let claims = json!({
            "token_type": "access", "exp": now + exp, "iat": now + iat, "jti": name, "user_id": id,
        });
        calls.push(Call::me(&format!("Bearer {}", sign_claims(&claims))));
    }
    assert_no_differences([calls.clone()], &both.theirs, &both.app).await;
    let mut statuses = Vec::new();
    for call in calls.iter().filter(|call| call.method == Method::GET) {
        statuses.push(call.send(&both.app.visitor()).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 401, 200, 401]);
}
