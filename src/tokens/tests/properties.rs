//! Property tests: tokens with arbitrary text, headers and claims.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NOW, hs256, now, signed};
use crate::tokens::{TokenError, TokenKind};

fn any_claim() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (NOW - 3..NOW + 3).prop_map(Value::from),
    ];
    prop_oneof![
        numbers,
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        ".{0,20}".prop_map(Value::from),
        prop_oneof![
            Just("access"),
            Just("refresh"),
            Just("7"),
            Just("2000000000")
        ]
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({ "sub": "a" })),
        Just(json!([{ "a": [1, "b"] }])),
    ]
}

proptest! {
    #[test]
    fn no_text_is_a_token(text in any::<String>(), dotted in "[A-Za-z0-9_=-]{0,40}(\\.[A-Za-z0-9_=-]{0,60}){0,4}") {
        for text in [text, dotted] {
            prop_assert_eq!(hs256().read(&text, None, now()), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn no_header_makes_one(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
        let text = format!("{}.{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload), "A".repeat(43));
        prop_assert_eq!(hs256().read(&text, None, now()), Err(TokenError::Invalid));
    }

    #[test]
    fn whatever_was_signed_is_accepted_only_in_time_and_whole(
        payload in prop::collection::btree_map(
            prop_oneof![
                Just("exp"), Just("iat"), Just("nbf"), Just("jti"), Just("token_type"), Just("user_id"),
                Just("sid"), Just("ver"), Just("act"), Just("aud"), Just("iss"), Just("sub"), Just("more"),
            ].prop_map(str::to_owned),
            any_claim(),
            0..10,
        ),
    ) {
        let payload = serde_json::to_value(payload).unwrap();
        if let Ok(claims) = hs256().read(&signed(&payload), Some(TokenKind::Refresh), now()) {
            prop_assert!(claims.exp > NOW && claims.iat.is_none_or(|iat| iat <= NOW));
            prop_assert_eq!(&payload["token_type"], "refresh");
            prop_assert_eq!(payload["jti"].as_str(), Some(claims.jti.as_str()));
            let again = hs256().sign(claims.clone()).unwrap();
            prop_assert_eq!(hs256().read(&again, None, now()), Ok(claims));
        }
    }
}
