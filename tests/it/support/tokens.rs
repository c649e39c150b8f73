//! Tokens and keys for the tests: claims, signatures, forgeries.

use std::path::Path;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64URL};
use diesel::prelude::*;
use serde_json::{Value, json};
use vestibule::accounts::User;
use vestibule::db::schema::refresh_tokens;
use vestibule::tokens::{RefreshTokenRow, TokenGrant, TokenPair, Tokens};

use super::app::{SECRET_KEY, TestApp};

impl TestApp {
    /// Issues a pair of tokens, as a sign-in does.
    pub(crate) fn issue_tokens(&self, user: &User, grant: TokenGrant) -> TokenPair {
        let mut grant = Some(grant);
        let tokens = Tokens::new(&self.settings.tokens).expect("usable keys");
        let pair = self.database.write_blocking(|conn| {
            tokens.issue(conn, user, grant.take().unwrap_or_default(), self.now())
        });
        pair.expect("a pair")
    }

    /// Every refresh token in the database, the oldest first.
    pub(crate) fn refresh_token_rows(&self) -> Vec<RefreshTokenRow> {
        self.rows(|conn| {
            let all = refresh_tokens::table.order((refresh_tokens::issued_at, refresh_tokens::jti));
            all.select(RefreshTokenRow::as_select()).load(conn)
        })
    }

    /// The refresh tokens that are neither consumed nor revoked.
    pub(crate) fn live_refresh_token_rows(&self) -> Vec<RefreshTokenRow> {
        let mut rows = self.refresh_token_rows();
        rows.retain(|row| row.consumed_at.is_none() && row.revoked_at.is_none());
        rows
    }

    /// The claims that Django writes into a token which is valid for five minutes.
    pub(crate) fn claims(&self, token_type: &str, user: &User) -> Value {
        let now = self.now().seconds();
        json!({
            "token_type": token_type,
            "exp": now + 300,
            "iat": now,
            "jti": format!("{:032x}", random_number()),
            "user_id": user.id.to_string(),
        })
    }
}

fn random_number() -> u128 {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("randomness");
    u128::from_be_bytes(bytes)
}

/// Signs these claims with the tests' key, as Django does.
pub(crate) fn sign_claims(claims: &Value) -> String {
    forge_token(
        r#"{"alg":"HS256","typ":"JWT"}"#,
        claims.to_string().as_bytes(),
        SECRET_KEY.as_bytes(),
    )
}

/// Makes a token from any header and payload, signed with HMAC-SHA-256.
pub(crate) fn forge_token(header: &str, payload: &[u8], secret: &[u8]) -> String {
    let message = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", BASE64URL.encode(signature))
}

/// Decodes one part of a token: 0 is the header, 1 the claims.
#[track_caller]
pub(crate) fn token_part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("three parts");
    let bytes = BASE64URL.decode(part).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Decodes the claims of a token.
#[track_caller]
pub(crate) fn token_claims(token: &str) -> Value {
    token_part(token, 1)
}

/// Writes a new private key for `JWT_SIGNING_KEY` into the folder and returns its path.
pub(crate) fn write_private_key(folder: &Path, algorithm: &str) -> String {
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
    write_pem(folder, "PRIVATE KEY", &der)
}

/// Writes a new RSA key into the folder, and returns the paths of the private key and of the public one.
pub(crate) fn write_rsa_key_pair(folder: &Path) -> (String, String) {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let (private, public) = (pair.as_der(), pair.public_key().as_der());
    let private = private.expect("PKCS 8");
    let public = public.expect("SubjectPublicKeyInfo");
    (
        write_pem(folder, "PRIVATE KEY", private.as_ref()),
        write_pem(folder, "PUBLIC KEY", public.as_ref()),
    )
}

/// Writes a PEM file of this kind and returns its path.
pub(crate) fn write_pem(folder: &Path, kind: &str, der: &[u8]) -> String {
    let path = folder.join(format!("{:x}.pem", random_number()));
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
