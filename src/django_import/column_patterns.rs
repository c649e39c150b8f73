//! What a value is: a time in some notation, a secret of an authenticator app, recovery codes, an object.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::words::words;

/// Adds the keys of an object that have a value besides false.
pub(super) fn add_keys(object: &Map<String, Value>, path: &str, keys: &mut BTreeSet<String>) {
    const DEEPEST: usize = 3;
    for (key, value) in object {
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        match value {
            Value::Object(object) if path.matches('.').count() < DEEPEST => {
                add_keys(object, &path, keys);
            }
            Value::Null | Value::Bool(false) => {}
            Value::Number(number) if number.as_i64() == Some(0) => {}
            Value::String(text) if ["", "false", "none", "no"].contains(&text.as_str()) => {}
            Value::Array(list) if list.is_empty() => {}
            _ => {
                keys.insert(path);
            }
        }
    }
}

/// Whether the name of a column says that it has times.
pub(super) fn is_called_time(name: &str) -> bool {
    const TIMES: [&str; 11] = [
        "at",
        "date",
        "day",
        "dt",
        "epoch",
        "on",
        "since",
        "time",
        "timestamp",
        "ts",
        "until",
    ];
    words(name)
        .iter()
        .any(|word| TIMES.contains(&word.as_str()))
}

/// Whether a text is a time in seconds or milliseconds since 1970, a day without hyphens, or one with the year at the
/// end.
pub(super) fn is_other_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['.', '/', '-']).collect();
    let are_digits =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let starts = |beginnings: &[&str]| beginnings.iter().any(|start| text.starts_with(start));
    parts.iter().all(are_digits)
        && match parts.as_slice() {
            ["0"] => true,
            [whole] => match whole.len() {
                8 => starts(&["19", "20"]),
                10 | 13 => starts(&["1", "2"]),
                _ => false,
            },
            // With a fraction of a second.
            [whole, _] => whole.len() == 10,
            [first, middle, last] => {
                middle.len() <= 2
                    && [(4, 1..=2), (1, 4..=4), (2, 4..=4)]
                        .iter()
                        .any(|(start, end)| first.len() == *start && end.contains(&last.len()))
            }
            _ => false,
        }
}

/// Whether a text is a secret of an authenticator app.
pub(super) fn is_base32(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    (16..=64).contains(&digits.len())
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
}

/// The number of codes in a list of recovery codes, as JSON or an array of PostgreSQL; `None` if it is none.
pub(super) fn recovery_codes(text: &str) -> Option<usize> {
    let codes: Vec<String> = match serde_json::from_str(text) {
        Ok(codes) => codes,
        Err(_) => {
            let inside = text.strip_prefix('{')?.strip_suffix('}')?;
            inside.split(',').map(str::to_owned).collect()
        }
    };
    let is_code = |code: &String| {
        let is_hash = code.len() >= 32 && code.contains('$');
        let is_short = (6..=32).contains(&code.len())
            && code.contains(|c: char| c.is_ascii_digit())
            && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        is_hash || is_short
    };
    codes.iter().all(is_code).then_some(codes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_other_notations_are_told() {
        for text in [
            "0",
            "1735689600",
            "1735689600.5",
            "1735689600000",
            "20250131",
            "31.01.2025",
            "1/31/2025",
            "2025/1/31",
        ] {
            assert!(is_other_time(text), "{text}");
        }
        for text in [
            "",
            "1",
            "3735689600x",
            "99250131",
            "1.5",
            "192.168.0.1",
            "2025",
            "soon",
            "12-34-56",
        ] {
            assert!(!is_other_time(text), "{text}");
        }
        assert!(is_called_time("left_ts") && is_called_time("leftAt") && !is_called_time("phone"));
    }
}
