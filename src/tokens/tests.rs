use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::settings::{JwtAlgorithm, TokenSettings};

mod properties;
mod provenance;

const SECRET: &str = "made-up-key-of-the-tests-with-more-than-fifty-characters";
const NOW: i64 = 1_800_000_000;

fn settings(algorithm: JwtAlgorithm, key: &str) -> TokenSettings {
    TokenSettings {
        access_lifetime: TimeDelta::seconds(300),
        refresh_lifetime: TimeDelta::seconds(86_400),
        family_lifetime: TimeDelta::seconds(2_592_000),
        rotate: false,
        algorithm,
        signing_key: SecretString::from(key),
        binding_secrets: vec![SecretString::from(SECRET)],
        verifying_secrets: Vec::new(),
        verifying_keys: Vec::new(),
        issuer: None,
        audiences: Vec::new(),
        leeway: TimeDelta::zero(),
        application_claims: Vec::new(),
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> (String, String) {
    let key = EcdsaKeyPair::generate(algorithm).unwrap();
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap();
    (
        pem("PRIVATE KEY", key.to_pkcs8v1().unwrap().as_ref()),
        pem("PUBLIC KEY", public.as_ref()),
    )
}

fn p256() -> (String, String) {
    ec(&ECDSA_P256_SHA256_FIXED_SIGNING)
}

fn ed25519() -> String {
    let key = Ed25519KeyPair::generate().unwrap();
    pem("PRIVATE KEY", key.to_pkcs8v1().unwrap().as_ref())
}

fn hs256() -> Tokens {
    Tokens::new(&settings(JwtAlgorithm::Hs256, SECRET)).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW).unwrap()
}

fn claims() -> TokenClaims {
    TokenClaims {
        token_type: "refresh",
        exp: NOW + 100,
        iat: Some(NOW),
        jti: "0".repeat(32),
        user_id: Some("7".to_owned()),
        sid: Some("session_1".into()),
        ver: Some(3),
        act: Some(Actor {
            sub: "root@example.com".to_owned(),
        }),
        aud: None,
        iss: None,
        binding: None,
        other: serde_json::from_value(json!({ "team": ["blue", null] })).unwrap(),
    }
}

fn signed(payload: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), payload, &key).unwrap()
}

#[test]
fn what_is_signed_is_read_and_no_other_byte_of_it() {
    for tokens in [
        hs256(),
        Tokens::new(&settings(JwtAlgorithm::Es256, &p256().0)).unwrap(),
        Tokens::new(&settings(JwtAlgorithm::EdDsa, &ed25519())).unwrap(),
    ] {
        let token = tokens.sign(claims()).unwrap();
        assert_eq!(
            tokens.read(&token, Some(TokenKind::Refresh), now()),
            Ok(claims())
        );
        for place in 0..token.len() {
            for flip in [0x01, 0x02, 0x04, 0x20] {
                let mut bytes = token.clone().into_bytes();
                bytes[place] ^= flip;
                let changed = String::from_utf8(bytes).unwrap();
                let read = tokens.read(&changed, None, now());
                assert_eq!(read, Err(TokenError::Invalid), "{place} {flip}");
            }
        }
        for end in 0..token.len() {
            assert_eq!(
                tokens.read(&token[..end], None, now()),
                Err(TokenError::Invalid)
            );
        }
    }
}

#[test]
fn the_clock_has_no_leeway() {
    let tokens = hs256();
    let token = tokens.sign(claims()).unwrap();
    let at = |seconds| tokens.read(&token, None, Timestamp::from_seconds(seconds).unwrap());
    assert_eq!(at(NOW - 1), Err(TokenError::Invalid));
    assert!(at(NOW).is_ok() && at(NOW + 99).is_ok());
    assert_eq!(at(NOW + 100), Err(TokenError::Expired));
}

#[test]
fn each_hmac_signs_and_verifies_only_its_own_tokens() {
    let algorithms = [
        (JwtAlgorithm::Hs256, Algorithm::HS256),
        (JwtAlgorithm::Hs384, Algorithm::HS384),
        (JwtAlgorithm::Hs512, Algorithm::HS512),
    ];
    for (algorithm, own) in algorithms {
        let tokens = Tokens::new(&settings(algorithm, SECRET)).unwrap();
        let token = tokens.sign(claims()).unwrap();
        assert_eq!(jsonwebtoken::decode_header(&token).unwrap().alg, own);
        for (other, _) in algorithms {
            let reader = Tokens::new(&settings(other, SECRET)).unwrap();
            let read = reader.read(&token, None, now()).is_ok();
            assert_eq!(read, other == algorithm, "{other:?} reads {algorithm:?}");
        }
        // An older secret verifies HS256 and the current algorithm.
        let mut newer = settings(
            algorithm,
            "another-key-of-the-tests-that-is-long-enough-for-this",
        );
        newer.verifying_secrets = vec![SecretString::from(SECRET)];
        let newer = Tokens::new(&newer).unwrap();
        assert!(newer.read(&token, None, now()).is_ok());
        assert!(
            newer
                .read(&hs256().sign(claims()).unwrap(), None, now())
                .is_ok()
        );
    }
}

#[test]
fn rsa_keys_sign_with_each_hash() {
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let key = pem("PRIVATE KEY", key.as_der().unwrap().as_ref());
    for (algorithm, name) in [
        (JwtAlgorithm::Rs256, "RS256"),
        (JwtAlgorithm::Rs384, "RS384"),
        (JwtAlgorithm::Rs512, "RS512"),
    ] {
        let tokens = Tokens::new(&settings(algorithm, &key)).unwrap();
        let token = tokens.sign(claims()).unwrap();
        assert!(tokens.read(&token, None, now()).is_ok(), "{name}");
        let published = serde_json::to_value(tokens.keys().public()).unwrap();
        assert_eq!(published["keys"][0]["alg"], name);
        // The key verifies as an older one too, with the hash of the current algorithm.
        let mut newer = settings(algorithm, &p256().0);
        newer.verifying_keys = vec![SecretString::from(key.as_str())];
        newer.algorithm = JwtAlgorithm::Es256;
        let newer = Tokens::new(&newer).unwrap();
        let read = newer.read(&token, None, now()).is_ok();
        assert_eq!(read, algorithm == JwtAlgorithm::Rs256, "{name}");
    }
}

#[test]
fn a_leeway_extends_the_times_of_a_token() {
    let mut settings = settings(JwtAlgorithm::Hs256, SECRET);
    settings.leeway = TimeDelta::seconds(10);
    let tokens = Tokens::new(&settings).unwrap();
    let read = |name: &str, value: i64| {
        let mut claims = serde_json::to_value(claims()).unwrap();
        claims[name] = value.into();
        tokens.read(&signed(&claims), None, now()).map(|_| ())
    };
    assert_eq!(read("exp", NOW - 9), Ok(()));
    assert_eq!(read("exp", NOW - 10), Err(TokenError::Expired));
    for name in ["iat", "nbf"] {
        assert_eq!(read(name, NOW + 10), Ok(()), "{name}");
        assert_eq!(read(name, NOW + 11), Err(TokenError::Invalid), "{name}");
    }
}

#[test]
fn one_of_several_audiences_is_wanted() {
    let mut settings = settings(JwtAlgorithm::Hs256, SECRET);
    settings.audiences = vec!["app".to_owned(), "shop".to_owned()];
    let tokens = Tokens::new(&settings).unwrap();
    let token = tokens.sign(claims()).unwrap();
    assert!(tokens.read(&token, None, now()).is_ok());
    for (audience, accepted) in [
        (json!(["app", "shop"]), true),
        (json!("shop"), true),
        (json!(["other", "app"]), true),
        (json!("other"), false),
        (json!([]), false),
        (json!(["app", 1]), false),
        (json!(null), false),
    ] {
        let mut claims = serde_json::to_value(claims()).unwrap();
        claims["aud"] = audience.clone();
        let read = tokens.read(&signed(&claims), None, now()).is_ok();
        assert_eq!(read, accepted, "{audience}");
    }
}

#[test]
fn issuer_and_audience_are_written_and_wanted() {
    let mut settings = settings(JwtAlgorithm::Hs256, SECRET);
    settings.issuer = Some("https://app.example.com".to_owned());
    settings.audiences = vec!["app".to_owned()];
    let tokens = Tokens::new(&settings).unwrap();
    let token = tokens.sign(claims()).unwrap();
    assert_eq!(tokens.read(&token, None, now()), Ok(claims()));
    let good = json!({
        "token_type": "access", "exp": NOW + 9, "jti": "a", "iss": "https://app.example.com", "aud": "app",
    });
    let read = |name: &str, value: Value| {
        let mut payload = good.clone();
        payload[name] = value;
        tokens.read(&signed(&payload), None, now()).map(|_| ())
    };
    assert_eq!(read("aud", json!(["other", "app"])), Ok(()));
    for wrong in [
        json!("other"),
        json!(["other"]),
        json!([]),
        json!(["app", 5]),
        json!({}),
        json!(null),
    ] {
        assert_eq!(read("aud", wrong), Err(TokenError::Invalid));
    }
    for wrong in [
        json!("other"),
        json!(["https://app.example.com"]),
        json!(null),
    ] {
        assert_eq!(read("iss", wrong), Err(TokenError::Invalid));
    }
    assert_eq!(
        read("exp", json!(NOW)),
        Err(TokenError::Expired),
        "said first"
    );
    assert_eq!(
        tokens.read(&signed(&json!({ "jti": "a" })), None, now()),
        Err(TokenError::Invalid),
        "said before what simplejwt misses"
    );
    // Where neither is set, they are claims like others, and none of ours.
    let plain = hs256().read(&token, None, now()).unwrap();
    assert_eq!(plain.other["aud"], "app");
    assert!(
        tokens
            .read(&hs256().sign(claims()).unwrap(), None, now())
            .is_err()
    );
}

#[test]
fn a_public_key_is_no_secret() {
    let (private, public) = p256();
    let tokens = Tokens::new(&settings(JwtAlgorithm::Es256, &private)).unwrap();
    let mut both = settings(JwtAlgorithm::Hs256, SECRET);
    both.verifying_keys = vec![public.clone().into()];
    let both = Tokens::new(&both).unwrap();
    let kid = tokens.keys().public().keys[0].common.key_id.clone();
    for kid in [None, kid.clone()] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = kid;
        let der = BASE64_STANDARD
            .decode(public.lines().nth(1).unwrap())
            .unwrap();
        for secret in [
            public.as_bytes(),
            public.trim().as_bytes(),
            &der,
            &der[26..],
            b"",
        ] {
            let key = EncodingKey::from_secret(secret);
            let forged = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
            assert_eq!(tokens.read(&forged, None, now()), Err(TokenError::Invalid));
            assert_eq!(both.read(&forged, None, now()), Err(TokenError::Invalid));
        }
    }
    let older = tokens.sign(claims()).unwrap();
    assert!(
        both.read(&older, None, now()).is_ok(),
        "an older key verifies"
    );
    // With another key's `kid` it is not even tried.
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("another".to_owned());
    let key = EncodingKey::from_ec_pem(private.as_bytes()).unwrap();
    let elsewhere = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
    assert_eq!(both.read(&elsewhere, None, now()), Err(TokenError::Invalid));
}

#[test]
fn keys_that_cannot_be_used_are_told() {
    let (p384, p384_public) = ec(&ECDSA_P384_SHA384_FIXED_SIGNING);
    let (p256, p256_public) = p256();
    for (algorithm, key) in [
        (JwtAlgorithm::Es256, p384.as_str()),
        (JwtAlgorithm::Es256, p256_public.as_str()),
        (JwtAlgorithm::Es256, "nonsense"),
        (JwtAlgorithm::EdDsa, p256.as_str()),
        (JwtAlgorithm::Rs256, p256.as_str()),
        (
            JwtAlgorithm::Rs256,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ),
    ] {
        let error = Tokens::new(&settings(algorithm, key)).err().unwrap();
        assert_eq!(error.setting, "JWT_SIGNING_KEY");
        assert!(!error.to_string().contains("BEGIN"), "{error}");
    }
    for key in [p384, p384_public, "nonsense".to_owned()] {
        let mut settings = settings(JwtAlgorithm::Hs256, SECRET);
        settings.verifying_keys = vec![p256_public.clone().into(), key.into()];
        let error = Tokens::new(&settings).err().unwrap();
        assert!(
            error
                .to_string()
                .starts_with("JWT_VERIFYING_KEYS: entry 2 "),
            "{error}"
        );
    }
    let mut twice = settings(JwtAlgorithm::Es256, &p256);
    twice.verifying_keys = vec![p256_public.into(), p256.clone().into()];
    assert_eq!(Tokens::new(&twice).unwrap().keys().public().keys.len(), 1);
}
