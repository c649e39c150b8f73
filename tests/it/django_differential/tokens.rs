//! Tokens with Django's key: good, expired, of the wrong type, with missing and with foreign claims; and tokens
//! that nobody has signed.

use serde_json::{Map, Value, json};

use super::credentials::People;
use super::random::Random;
use crate::support::app::SECRET_KEY;
use crate::support::tokens::forge_token;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const OTHER_HEADERS: &[&str] = &[
    r#"{"alg":"none","typ":"JWT"}"#,
    r#"{"alg":"None"}"#,
    r#"{"alg":"HS384","typ":"JWT"}"#,
    r#"{"alg":"RS256","typ":"JWT"}"#,
    r#"{"alg":"hs256","typ":"JWT"}"#,
    r#"{"alg":"HS256","typ":"JWT","kid":"1"}"#,
    r#"{"alg":"HS256","typ":"JWT","kid":1}"#,
    r#"{"alg":"HS256","typ":"other"}"#,
    r#"{"alg":"HS256","typ":5}"#,
    r#"{"typ":5,"alg":"HS256"}"#,
    r#"{"alg":"HS256","typ":5,"a":1}"#,
    r#"{"typ":"JWT","alg":"HS256"}"#,
    r#"{"alg":"HS256"}"#,
    r#"{"typ":"JWT"}"#,
    r#"{"alg":"HS256","crit":["exp"]}"#,
    r#"{"alg":"HS256","b64":false}"#,
    r#"{"alg":"HS256","zip":"DEF"}"#,
    r#"{"alg":["HS256"]}"#,
    r#"{"alg":null}"#,
    "[]",
    "{",
    "null",
    "",
];

/// Makes tokens for one case.
pub(super) struct TokenForge<'a> {
    people: &'a People,
    now: i64,
}

impl<'a> TokenForge<'a> {
    pub(super) fn new(people: &'a People, now: i64) -> Self {
        Self { people, now }
    }

    /// A good token most of the time, else another one.
    pub(super) fn token(&self, random: &mut Random, kind: &str) -> String {
        match random.below(10) {
            0..=2 => self.good(random, kind),
            3..=6 => self.with_other_claims(random, kind),
            7 => self.signed_otherwise(random, kind),
            8 => self.tampered(random, kind),
            _ => random
                .pick(&[
                    "",
                    " ",
                    "x",
                    "a.b",
                    "a.b.c",
                    "..",
                    "...",
                    "eyJ.eyJ.eyJ",
                    "é",
                    "null",
                    "Bearer x",
                    "a.b.c.d",
                    "\u{feff}",
                    "eyJhbGciOiJIUzI1NiJ9.e30.",
                    "eyJhbGciOiJub25lIn0.e30.",
                    "😀.😀.😀",
                ])
                .to_owned(),
        }
    }

    /// A token that both servers accept.
    pub(super) fn good(&self, random: &mut Random, kind: &str) -> String {
        let mut claims = self.claims(random, kind);
        if random.one_in(4) {
            let name = random.pick(&["ver", "sid", "act", "name"]);
            claims[name] = json!("of another program");
        }
        sign(&claims)
    }

    fn claims(&self, random: &mut Random, kind: &str) -> Value {
        json!({
            "token_type": kind,
            "exp": self.now + 3_600,
            "iat": self.now,
            "jti": random.id(),
            "user_id": self.people.id(random),
        })
    }

    fn with_other_claims(&self, random: &mut Random, kind: &str) -> String {
        let mut claims = self.claims(random, kind);
        for _ in 0..=random.below(2) {
            let fields = claims.as_object_mut().expect("an object");
            match random.below(4) {
                0 => drop(fields.remove(random.pick(&[
                    "token_type",
                    "exp",
                    "iat",
                    "jti",
                    "user_id",
                ]))),
                1 => self.change_type(random, fields),
                2 => self.change_time(random, fields),
                _ => self.add_claim(random, fields),
            }
        }
        sign(&claims)
    }

    fn change_type(&self, random: &mut Random, fields: &mut Map<String, Value>) {
        let name = random.pick(&["token_type", "jti", "user_id"]);
        let value = match name {
            "token_type" => random.pick(&[
                "\"access\"",
                "\"refresh\"",
                "\"sliding\"",
                "\"\"",
                "null",
                "5",
                "[]",
                "{}",
                "\"Access\"",
            ]),
            "jti" => random.pick(&["null", "5", "true", "[]", "\"x\"", "\"é\"", "\"a b\""]),
            _ => random.pick(&[
                "null",
                "\"\"",
                "5",
                "\"x\"",
                "0",
                "-1",
                "\"0\"",
                "\"-1\"",
                "987654",
                "\"987654\"",
                "1.5",
                "\"1.5\"",
                "true",
                "false",
                "[]",
                "{}",
                "\" 1\"",
                "\"1 \"",
                "\"01\"",
                "\"+1\"",
                "\"1_0\"",
                "\"１\"",
                "99999999999999999999",
                "\"99999999999999999999\"",
                "\"1\\u0000\"",
                "1.0",
            ]),
        };
        let mut value: Value = serde_json::from_str(value).expect("JSON");
        if let (true, Value::String(text)) = (name == "jti", &mut value) {
            // The tokens of different cases have different ids.
            text.push_str(&random.id());
        }
        fields.insert(name.to_owned(), value);
    }

    fn change_time(&self, random: &mut Random, fields: &mut Map<String, Value>) {
        let name = random.pick(&["exp", "exp", "iat", "nbf"]);
        let offsets = [-86_400, -3_600, -120, 120, 3_600, 86_400];
        let relative = self.now + random.pick(&offsets);
        let value = match random.below(3) {
            0 | 1 => json!(relative),
            _ => match random.below(12) {
                0 => json!(relative.to_string()),
                1 => json!(format!(" {relative} ")),
                2 => json!(f64::from(u32::try_from(relative).expect("before 2106")) + 0.5),
                3 => json!(null),
                4 => json!(true),
                5 => json!(false),
                6 => json!([]),
                7 => json!("soon"),
                8 => json!(0),
                9 => json!(-1),
                10 => json!(1e15),
                _ => json!({}),
            },
        };
        fields.insert(name.to_owned(), value);
    }

    fn add_claim(&self, random: &mut Random, fields: &mut Map<String, Value>) {
        let (name, value) = random.pick(&[
            ("ver", "1"),
            ("ver", "\"1.2\""),
            ("ver", "null"),
            ("sid", "\"session_01\""),
            ("sid", "5"),
            ("sid", "null"),
            ("act", "{\"sub\":\"root@example.com\"}"),
            ("act", "\"x\""),
            ("act", "5"),
            ("sub", "\"7\""),
            ("sub", "7"),
            ("sub", "null"),
            ("iss", "\"made-up\""),
            ("iss", "5"),
            ("aud", "\"made-up\""),
            ("aud", "[\"made-up\"]"),
            ("aud", "5"),
            ("email", "\"ada@example.com\""),
            ("name", "\"Zoë 李\""),
            ("groups", "[\"a\",{\"b\":null}]"),
            ("is_staff", "true"),
            ("hash_password", "\"x\""),
            ("", "1"),
        ]);
        fields.insert(name.to_owned(), serde_json::from_str(value).expect("JSON"));
    }

    fn signed_otherwise(&self, random: &mut Random, kind: &str) -> String {
        let claims = self.claims(random, kind).to_string();
        let payload = random.pick(&[
            "",
            "[]",
            "{",
            "null",
            "5",
            "\"x\"",
            "{\"exp\":1}",
            "\u{feff}{}",
        ]);
        match random.below(4) {
            0 => forge_token(
                HEADER,
                claims.as_bytes(),
                b"another key of more than thirty-two bytes",
            ),
            1 => forge_token(HEADER, payload.as_bytes(), SECRET_KEY.as_bytes()),
            _ => forge_token(
                random.pick(OTHER_HEADERS),
                claims.as_bytes(),
                SECRET_KEY.as_bytes(),
            ),
        }
    }

    fn tampered(&self, random: &mut Random, kind: &str) -> String {
        let token = self.good(random, kind);
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        let (header, payload) = message.split_once('.').expect("two parts");
        match random.below(12) {
            0 => message.to_owned(),
            1 => format!("{message}."),
            2 => format!("{token}."),
            3 => format!("{token}="),
            4 => format!("{token}x"),
            5 => token[..token.len() - 2].to_owned(),
            6 => format!("{payload}.{header}.{signature}"),
            7 => format!(" {token}"),
            8 => format!("{token}\n"),
            9 => token.to_uppercase(),
            10 => format!("{header}.{payload}.{header}"),
            _ => format!("{header} .{payload}.{signature}"),
        }
    }
}

fn sign(claims: &Value) -> String {
    forge_token(HEADER, claims.to_string().as_bytes(), SECRET_KEY.as_bytes())
}
