//! Differences in how tokens are read.

use serde_json::{Value, json};

use super::{Example, NearMisses, Sent, claims, pair_of, with_claim};
use crate::django_differential::allowed::{detail, not_valid, not_valid_in_header};
use crate::django_differential::request::GeneratedRequest;
use crate::support::app::SECRET_KEY;
use crate::support::tokens::{forge_token, sign_claims};

const NO_ACCOUNT: &str = "No active account found for the given token.";

/// A request with a token to one of the routes that take one.
fn with_token(path: &str, token: &str) -> GeneratedRequest {
    let name = if path == "/api/token/verify" {
        "token"
    } else {
        "refresh"
    };
    let mut request = GeneratedRequest::json(path, json!({ name: token }).to_string());
    request.token = Some(token.to_owned());
    request
}

fn signed(path: &str, claims: &Value) -> GeneratedRequest {
    with_token(path, &sign_claims(claims))
}

fn me(token: &str) -> GeneratedRequest {
    let request = GeneratedRequest::new("GET", "/api/users/me");
    GeneratedRequest {
        token: Some(token.to_owned()),
        ..request.header("Authorization", format!("Bearer {token}"))
    }
}

/// A token whose header has a number as `typ`.
fn with_number_as_type(key: &str) -> String {
    let header = r#"{"alg":"HS256","typ":5}"#;
    let claims = claims("refresh").to_string();
    forge_token(header, claims.as_bytes(), key.as_bytes())
}

pub(super) fn all() -> Vec<NearMisses> {
    let (refresh, verify) = ("/api/token/refresh", "/api/token/verify");
    let ok = || Sent::json(200, &json!({}));
    let invalid = || Sent::json(401, &not_valid("Token is invalid"));
    let blacklisted = || Sent::json(401, &not_valid("Token is blacklisted"));
    let token = sign_claims(&claims("refresh"));
    let pair = pair_of("1");
    let newer = pair["refresh"].as_str().expect("a token");
    let exchanged = Example::same(with_token(refresh, &token), 200, &pair);
    let ended = Example::same(with_token("/api/token/blacklist", newer), 200, &json!({}));
    let revoked = Example::new(
        with_token(verify, newer),
        ok(),
        Sent::json(
            400,
            &json!({ "non_field_errors": ["Token is blacklisted"] }),
        ),
    )
    .after(ended);
    let replay = Example::new(
        with_token(refresh, &token),
        blacklisted(),
        Sent::json(200, &pair),
    )
    .after(exchanged);
    let no_type = Example::new(
        signed(verify, &with_claim("access", "token_type", Value::Null)),
        ok(),
        Sent::json(401, &not_valid("Token has no type")),
    );
    let failure = Example::new(
        signed(refresh, &with_claim("refresh", "jti", Value::Null)),
        Sent {
            status: 500,
            headers: vec![("content-type", "text/html")],
            body: "<p>".to_owned(),
        },
        Sent::json(401, &not_valid("Token has no id")),
    );
    let nobody = Example::new(
        signed(refresh, &with_claim("refresh", "user_id", json!(987_654))),
        failure.theirs.clone(),
        Sent::json(401, &detail(NO_ACCOUNT)),
    );
    let issuer = Example::new(
        signed(refresh, &with_claim("refresh", "iss", json!(5))),
        Sent {
            status: 500,
            headers: vec![("content-type", "text/html")],
            body: "<p>".to_owned(),
        },
        Sent::json(200, &pair),
    );
    let id = Example::new(
        me(&sign_claims(&with_claim("access", "user_id", json!(true)))),
        Sent::json(200, &json!({ "id": 1 })),
        Sent::json(
            401,
            &json!({ "detail": "User not found", "code": "user_not_found" }),
        ),
    );
    let issued = |claims: &Value| Sent::json(200, &json!({ "access": sign_claims(claims) }));
    let foreign = Example::new(
        signed(refresh, &with_claim("refresh", "ver", json!(1))),
        issued(&with_claim("access", "ver", json!(1))),
        issued(&claims("access")),
    );
    let odd = with_number_as_type(SECRET_KEY);
    let kind = Example::new(with_token(verify, &odd), ok(), invalid());
    let padding = Example::new(with_token(verify, &format!("{token}=")), ok(), invalid());
    let mark = Example::new(
        with_token(verify, "e30.77u_e30.x"),
        Sent::json(401, &not_valid("Token has no 'exp' claim")),
        invalid(),
    );
    vec![
        (
            "tokens of a revoked family",
            revoked,
            vec![
                |one| one.before = None,
                |one| one.request = with_token("/api/token/verify", "another"),
                |one| one.theirs.status = 401,
                |one| one.ours = Sent::json(401, &not_valid("Token is invalid")),
            ],
        ),
        (
            "replay",
            replay,
            vec![
                |one| one.before = None,
                |one| one.request = with_token("/api/token/refresh", "another"),
                |one| one.request.target = "/api/token".to_owned(),
                |one| one.ours = Sent::json(200, &pair_of("2")),
                |one| one.theirs = Sent::json(401, &not_valid("Token is invalid")),
                |one| one.theirs = Sent::json(401, &not_valid("Token is expired")),
                |one| {
                    one.before
                        .iter_mut()
                        .for_each(|before| before.request.target = "/api/token/verify".to_owned());
                },
            ],
        ),
        (
            "tokens without a type",
            no_type,
            vec![
                |one| {
                    one.request = signed(
                        "/api/token/verify",
                        &with_claim("access", "token_type", json!("sliding")),
                    );
                },
                |one| one.request.target = "/api/token/refresh".to_owned(),
                |one| one.ours = Sent::json(401, &not_valid("Token is invalid")),
                |one| one.theirs.status = 400,
            ],
        ),
        (
            "no internal error",
            failure,
            vec![
                |one| one.request = signed("/api/token/refresh", &claims("refresh")),
                |one| one.theirs.status = 503,
                |one| one.ours = Sent::json(200, &pair_of("1")),
                |one| one.ours.status = 500,
            ],
        ),
        (
            "no internal error",
            nobody,
            vec![
                |one| one.request = signed("/api/token/refresh", &claims("refresh")),
                |one| one.request.target = "/api/token/verify".to_owned(),
                |one| one.ours = Sent::json(401, &not_valid("Token is invalid")),
                |one| one.ours.status = 400,
                |one| one.theirs.status = 404,
            ],
        ),
        (
            "issuer of another type",
            issuer,
            vec![
                |one| one.request = signed("/api/token/refresh", &claims("refresh")),
                |one| {
                    one.request =
                        signed("/api/token/refresh", &with_claim("access", "iss", json!(5)));
                },
                |one| {
                    let mut closed = with_claim("refresh", "iss", json!(5));
                    closed["user_id"] = json!("3");
                    one.request = signed("/api/token/refresh", &closed);
                    one.ours = Sent::json(200, &pair_of("3"));
                },
                |one| {
                    let token = sign_claims(&with_claim("refresh", "iss", json!(5)));
                    one.request = with_token("/api/token/refresh", &token[..token.len() - 1]);
                },
                |one| one.ours = Sent::json(200, &pair_of("2")),
            ],
        ),
        (
            "user ids",
            id,
            vec![
                |one| one.request.token = Some(sign_claims(&claims("access"))),
                |one| one.ours = Sent::json(200, &json!({ "id": 2 })),
                |one| one.ours = Sent::json(401, &not_valid_in_header("Token is invalid")),
            ],
        ),
        (
            "claims of other programs",
            foreign,
            vec![
                |one| one.request = signed("/api/token/refresh", &claims("refresh")),
                |one| one.request.target = "/api/token/verify".to_owned(),
                |one| {
                    one.ours = Sent::json(
                        200,
                        &json!({ "access": sign_claims(&with_claim("access", "user_id", json!("2"))) }),
                    );
                },
            ],
        ),
        (
            "type of a token",
            kind,
            vec![
                |one| one.request = signed("/api/token/verify", &claims("refresh")),
                |one| {
                    one.request = with_token("/api/token/verify", &with_number_as_type("another"));
                },
                |one| one.ours.status = 200,
                |one| one.ours = Sent::json(401, &not_valid("Token is expired")),
                |one| one.theirs = Sent::json(401, &not_valid("Token is expired")),
                |one| one.theirs = Sent::json(200, &json!({ "id": 1 })),
                |one| one.theirs.status = 500,
            ],
        ),
        (
            "padding",
            padding,
            vec![
                |one| one.request.token = Some(sign_claims(&claims("refresh"))),
                |one| one.request.token = Some(format!("{}x=", sign_claims(&claims("refresh")))),
                |one| one.request.token = Some(format!("{}==", sign_claims(&claims("refresh")))),
                |one| one.ours = Sent::json(401, &not_valid("Token is expired")),
                |one| one.ours.status = 200,
                |one| one.theirs = Sent::json(401, &not_valid("Token is expired")),
                |one| one.theirs = Sent::json(200, &json!({ "id": 1 })),
                |one| one.theirs.status = 500,
            ],
        ),
        (
            "mark before the claims",
            mark,
            vec![
                |one| one.request.token = Some(sign_claims(&claims("refresh"))),
                |one| one.theirs.status = 200,
                |one| one.ours = Sent::json(401, &not_valid("Token is expired")),
            ],
        ),
    ]
}
