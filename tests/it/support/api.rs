//! The JSON API as single-page apps call it, and tokens for it, good ones and forged ones.

use std::path::Path;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64URL};
use diesel::prelude::*;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};
use vestibule::accounts::User;
use vestibule::db::schema::{refresh_tokens, users};
use vestibule::tokens::{Grant, Pair, RefreshTokenRow, Tokens};

use super::app::{Builder, SECRET_KEY, TestApp, Visitor};

/// Of every account that [`TestApp::person`] makes.
pub(crate) const PASSWORD: &str = "Correct-horse-9";

/// One answer of the API.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    headers: HeaderMap,
}

impl Reply {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("a body"),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("text"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A text of the body's.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        let value = &self.json()[name];
        let text = value.as_str();
        text.unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .to_owned()
    }

    /// Asserts the status, the whole body, and the headers that every answer of this status has.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body));
        self.has_headers();
    }

    #[track_caller]
    pub(crate) fn has_headers(&self) {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let bearer = (self.status == 401).then_some("Bearer realm=\"api\"");
        assert_eq!(self.header("www-authenticate"), bearer);
    }
}

impl Visitor {
    /// POST of these bytes.
    pub(crate) async fn post_bytes(&self, path: &str, kind: Option<&str>, bytes: &[u8]) -> Reply {
        let mut request = self.request(Method::POST, path).body(bytes.to_vec());
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        Reply::of(request).await
    }

    /// POST of this JSON.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Reply {
        let bytes = body.to_string();
        self.post_bytes(path, Some("application/json"), bytes.as_bytes())
            .await
    }

    /// POST of a refresh token.
    pub(crate) async fn post_refresh(&self, path: &str, token: &str) -> Reply {
        self.post_json(path, &json!({ "refresh": token })).await
    }

    /// `GET /api/users/me` with this `Authorization`.
    pub(crate) async fn me(&self, authorization: &str) -> Reply {
        let request = self.request(Method::GET, "/api/users/me");
        Reply::of(request.header(AUTHORIZATION, authorization)).await
    }

    /// `GET /api/users/me` with this access token.
    pub(crate) async fn me_by(&self, access: &str) -> Reply {
        self.me(&format!("Bearer {access}")).await
    }
}

impl Builder {
    /// Starts the app with one account in it.
    pub(crate) fn with_person(self) -> (TestApp, User) {
        let app = self.start();
        let user = app.person("ada@example.com");
        (app, user)
    }
}

impl TestApp {
    /// Makes an account that can sign in with [`PASSWORD`].
    pub(crate) fn person(&self, email: &str) -> User {
        self.with_password_user(email, PASSWORD)
    }

    /// Makes an account one of `import-django`'s.
    pub(crate) fn set_imported(&self, id: i64) {
        self.change(|conn| {
            diesel::update(users::table.find(id))
                .set(users::imported.eq(true))
                .execute(conn)
        });
    }

    /// A pair of tokens, as a sign-in gives one.
    pub(crate) fn pair(&self, user: &User, grant: Grant) -> Pair {
        let tokens = Tokens::new(&self.settings.tokens).expect("usable keys");
        let pair = self
            .database
            .write_blocking(|conn| tokens.issue(conn, user, grant, self.now()));
        pair.expect("a pair")
    }

    /// Every refresh token that is written down.
    pub(crate) fn refresh_rows(&self) -> Vec<RefreshTokenRow> {
        self.rows(|conn| {
            let all = refresh_tokens::table.order(refresh_tokens::jti);
            all.select(RefreshTokenRow::as_select()).load(conn)
        })
    }

    /// Those that can still be used.
    pub(crate) fn live_rows(&self) -> Vec<RefreshTokenRow> {
        let mut rows = self.refresh_rows();
        rows.retain(|row| row.consumed_at.is_none() && row.revoked_at.is_none());
        rows
    }

    /// Claims as Django writes them, good for five minutes.
    pub(crate) fn claims(&self, token_type: &str, user: &User) -> Value {
        let now = self.now().seconds();
        json!({
            "token_type": token_type,
            "exp": now + 300,
            "iat": now,
            "jti": format!("{:032x}", rand_id()),
            "user_id": user.id.to_string(),
        })
    }
}

fn rand_id() -> u128 {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("randomness");
    u128::from_be_bytes(bytes)
}

/// A token of these claims under the tests' key, as Django would sign it.
pub(crate) fn signed(claims: &Value) -> String {
    forged(
        r#"{"alg":"HS256","typ":"JWT"}"#,
        claims.to_string().as_bytes(),
        SECRET_KEY.as_bytes(),
    )
}

/// A token of any header and payload, signed with HMAC-SHA-256.
pub(crate) fn forged(header: &str, payload: &[u8], secret: &[u8]) -> String {
    let message = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", BASE64URL.encode(signature))
}

/// One part of a token, 0 the header and 1 the claims.
#[track_caller]
pub(crate) fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("three parts");
    let bytes = BASE64URL.decode(part).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Writes a new private key for `JWT_SIGNING_KEY` into the folder; gives its path.
pub(crate) fn private_key(folder: &Path, algorithm: &str) -> String {
    let der = match algorithm {
        "ES256" => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
            key.to_pkcs8v1().expect("PKCS 8").as_ref().to_vec()
        }
        "EdDSA" => {
            let key = Ed25519KeyPair::generate().expect("a key");
            key.to_pkcs8v1().expect("PKCS 8").as_ref().to_vec()
        }
        _ => {
            let key = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
            key.as_der().expect("PKCS 8").as_ref().to_vec()
        }
    };
    pem(folder, "PRIVATE KEY", &der)
}

/// Writes a PEM file of this kind; gives its path.
pub(crate) fn pem(folder: &Path, kind: &str, der: &[u8]) -> String {
    let path = folder.join(format!("{:x}.pem", rand_id()));
    let body = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    let text = format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    );
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("text").to_owned()
}
