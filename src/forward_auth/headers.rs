//! The headers by which a proxy tells an application who the user is.

use std::fmt::Write as _;

use actix_web::http::header::{HeaderName, HeaderValue};

use super::subject::Subject;
use crate::settings::ForwardAuthHeaders;

/// A first-party access token, with every family.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// The longest value in bytes. nginx reads all headers of an answer into one buffer of 4 KB.
const LONGEST: usize = 1_000;

/// All headers of a family. One without a value is empty, and so is one that would be too long: a proxy that only
/// replaces headers would pass on the client's.
pub(super) fn of(subject: &Subject, family: ForwardAuthHeaders) -> Vec<(HeaderName, HeaderValue)> {
    let facts = &subject.known.facts;
    let id = encoded(&subject.user_key());
    let email = encoded(subject.verified_email());
    let name = encoded(&subject.name);
    let groups = subject.groups();
    let groups = list(groups.iter().map(String::as_str));
    let pairs = match family {
        ForwardAuthHeaders::XAuth => vec![
            ("x-auth-user-id", id),
            ("x-auth-email", email),
            ("x-auth-name", name),
            (
                "x-auth-organization",
                encoded(facts.organization_id.as_deref().unwrap_or_default()),
            ),
            (
                "x-auth-role",
                encoded(facts.role.as_deref().unwrap_or_default()),
            ),
            (
                "x-auth-permissions",
                list(facts.workos.permissions.iter().map(String::as_str)),
            ),
        ],
        ForwardAuthHeaders::XAuthRequest => vec![
            ("x-auth-request-user", id),
            ("x-auth-request-email", email.clone()),
            (
                "x-auth-request-preferred-username",
                encoded(&subject.login()),
            ),
            ("x-auth-request-groups", groups),
        ],
        ForwardAuthHeaders::Remote => vec![
            ("remote-user", encoded(&subject.login())),
            ("remote-email", email),
            ("remote-name", name),
            ("remote-groups", groups),
        ],
    };
    let header = |(name, value): (&'static str, String)| {
        let fitting = Some(value).filter(|value| value.len() <= LONGEST);
        let value = HeaderValue::from_str(&fitting.unwrap_or_default());
        let value = value.unwrap_or(HeaderValue::from_static(""));
        (HeaderName::from_static(name), value)
    };
    pairs.into_iter().map(header).collect()
}

/// Texts between commas; a comma within a text is encoded.
fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let encoded: Vec<_> = texts
        .map(|text| encoded(text).replace(',', "%2C"))
        .collect();
    encoded.join(",")
}

/// A text as a header can hold it: what is not visible ASCII or an inner space is percent-encoded, and `%` too.
fn encoded(text: &str) -> String {
    let last = text.len().saturating_sub(1);
    let mut encoded = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' if at != 0 && at != last => encoded.push(' '),
            b'%' => encoded.push_str("%25"),
            byte if byte.is_ascii_graphic() => encoded.push(char::from(byte)),
            byte => {
                // Writing to a string does not fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_cannot_hold_is_percent_encoded() {
        for (text, expected) in [
            ("ada@example.com", "ada@example.com"),
            ("Ada Example", "Ada Example"),
            (" x ", "%20x%20"),
            ("Zoë 100%", "Zo%C3%AB 100%25"),
            ("a\r\nX-Auth-Role: admin", "a%0D%0AX-Auth-Role: admin"),
            ("", ""),
        ] {
            assert_eq!(encoded(text), expected);
            let decoded = percent_decode(&encoded(text));
            assert_eq!(decoded, text);
        }
        assert_eq!(list(["a,b", "c"].into_iter()), "a%2Cb,c");
    }

    fn percent_decode(text: &str) -> String {
        let form = text.replace('+', "%2B").replace(' ', "%20");
        let form = form.replace('=', "%3D").replace('&', "%26");
        let mut pairs = url::form_urlencoded::parse(form.as_bytes());
        pairs
            .next()
            .map_or_else(String::new, |(name, _)| name.into_owned())
    }
}
