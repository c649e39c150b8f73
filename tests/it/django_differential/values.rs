//! Values of fields, right and wrong, as JSON and as texts of forms.

use super::random::Random;
use crate::support::api::PASSWORD;

/// One field of a body.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// The value as JSON, which may be what no library writes.
    pub(super) json: String,
    /// The value in a form.
    pub(super) text: String,
}

impl Field {
    pub(super) fn text(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            json: json_text(text),
            text: text.to_owned(),
        }
    }

    fn raw(name: &str, json: &str) -> Self {
        Self {
            name: name.to_owned(),
            json: json.to_owned(),
            text: json.to_owned(),
        }
    }
}

/// A JSON string.
pub(super) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

const TEXTS: &[&str] = &[
    "",
    " ",
    "\t \n",
    "\u{a0}",
    "\u{3000}",
    "\u{1c}",
    "\u{85}",
    "\u{2028}",
    "\u{200b}",
    "\u{feff}",
    "a\0b",
    "\0",
    "\u{1}",
    "a\u{1f}",
    "é",
    "e\u{301}",
    "李",
    "😀",
    "\u{202e}x",
    "\u{fffe}",
    "\"",
    "\\",
    "\\u0041",
    "<b>",
    "&amp;",
    "'; --",
    "%",
    "%00",
    "%zz",
    "+",
    "a+b",
    "a b",
    "a&b=c",
    "5",
    "true",
    "null",
    "None",
    "[]",
    "{}",
    "a@b",
    "@",
    "ada@example.com",
    "x@example.com\n",
    "nobody@example.com ",
    "ﬀ@example.com",
    "İ@example.com",
    "wrong",
    "Correct-horse-8",
    "CORRECT-HORSE-9",
    "correct-horse-9",
    "Correct-horse-9\u{200b}",
    "Pässwörd-李-9",
];
const NOT_TEXTS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "5",
    "-1",
    "007",
    "1.5",
    "-0.0",
    "1e5",
    "1E400",
    "12345678901234567890",
    "123456789012345678901234567890",
    "NaN",
    "Infinity",
    "-Infinity",
    "[]",
    "[\"a\"]",
    "[[]]",
    "{}",
    "{\"a\":1}",
    r#""\ud800""#,
    r#""\udc00a""#,
    r#""\ud83d\ude00""#,
    r#""\u0000""#,
    r#""\x""#,
    r#""a"#,
    "'a'",
    "undefined",
    "",
];
const SPACES: &[&str] = &[
    " ", "\t", "\n", "\r\n", "\u{a0}", "\u{2003}", "\u{3000}", "\u{85}", "\u{1c}", "\u{1f}",
    "\u{feff}", "\u{200b}", "\u{180e}", "\u{b}",
];

/// A field with this value most of the time, else with another one; `None`: the field is missing.
pub(super) fn field(random: &mut Random, name: &str, good: &str) -> Option<Field> {
    Some(match random.below(20) {
        0..=10 => Field::text(name, good),
        11 => {
            let (before, after) = (random.pick(SPACES), random.pick(SPACES));
            let text = match random.below(3) {
                0 => format!("{before}{good}"),
                1 => format!("{good}{after}"),
                _ => format!("{before}{good}{after}"),
            };
            Field::text(name, &text)
        }
        12..=15 => Field::text(name, random.pick(TEXTS)),
        16 | 17 => Field::raw(name, random.pick(NOT_TEXTS)),
        18 if random.one_in(4) => Field::text(name, &random.pick(TEXTS).repeat(3_000)),
        18 => Field::text(name, &random.pick(TEXTS).repeat(200)),
        _ => return None,
    })
}

/// A field that no serializer knows.
pub(super) fn unknown_field(random: &mut Random) -> Field {
    let name = random.pick(&[
        "next",
        "username",
        "Email",
        "email ",
        "refresh_token",
        "csrfmiddlewaretoken",
        "",
        "é",
        "a[b]",
    ]);
    match random.one_in(2) {
        true => Field::text(name, random.pick(TEXTS)),
        // A broken value would break the whole body.
        false => Field::raw(
            name,
            random.pick(&["null", "true", "5", "[1,2]", "{\"a\":{}}", "1.5e3"]),
        ),
    }
}

/// An email and a password for `/api/token`. A password is compared only if both are texts, which takes
/// long, so most pairs lack one of them.
pub(super) fn credentials(random: &mut Random, email: &str, password: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    if random.one_in(3) {
        let upper = email.to_uppercase();
        fields.push(Field::text(
            "email",
            if random.one_in(10) { &upper } else { email },
        ));
        fields.push(Field::text("password", password));
        return fields;
    }
    fields.extend(field(random, "email", email));
    let good = if random.one_in(3) { PASSWORD } else { "" };
    fields.extend(field(random, "password", good));
    fields
}
