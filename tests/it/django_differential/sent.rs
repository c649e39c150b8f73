//! Reads fields from the bodies of generated requests.

use encoding_rs::{Encoding, UTF_8};
use serde_json::Value;

use super::request::GeneratedRequest;

impl GeneratedRequest {
    /// A text field of the body, as both servers read it; `None` if it is missing, or if the body is broken.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let body = self.body.as_deref()?;
        let content_type = String::from_utf8_lossy(self.value("Content-Type"));
        let mut parameters = content_type.split(';').map(str::trim);
        let media_type = parameters.next()?.to_ascii_lowercase();
        let parameter = |wanted: &str| {
            let mut named = parameters.clone().filter_map(|text| text.split_once('='));
            let found = named.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            Some(found.1.trim_matches('"').to_owned())
        };
        let charset = parameter("charset");
        let charset = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
        let (text, _, _) = charset.unwrap_or(UTF_8).decode(body);
        match &*media_type {
            "application/json" => {
                let fields: Value = serde_json::from_str(&text).ok()?;
                Some(fields.get(name)?.as_str()?.to_owned())
            }
            "application/x-www-form-urlencoded" => {
                let pairs = url::form_urlencoded::parse(text.as_bytes());
                let (_, value) = pairs.filter(|(other, _)| other == name).last()?;
                Some(value.into_owned())
            }
            "multipart/form-data" => part(&text, &parameter("boundary")?, name),
            _ => None,
        }
    }
}

/// The content of the last part of a multipart form with this name.
fn part(text: &str, boundary: &str, name: &str) -> Option<String> {
    let boundary = format!("--{boundary}");
    let contents = text.split(&boundary).filter_map(|part| {
        let (head, content) = part.split_once("\r\n\r\n")?;
        let disposition = head.lines().find(|line| line.contains("isposition:"))?;
        let mut parameters = disposition.split(';').map(str::trim);
        let is_named = parameters.any(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or_default();
            key.eq_ignore_ascii_case("name") && value.trim_matches('"') == name
        });
        is_named.then(|| content.strip_suffix("\r\n").unwrap_or(content).to_owned())
    });
    contents.last()
}

#[test]
fn a_field_is_found_in_every_kind_of_body() {
    let request = |kind: &str, body: &str| {
        let mut request = GeneratedRequest::new("POST", "/").header("Content-Type", kind);
        request.body = Some(body.as_bytes().to_vec());
        request.field("email")
    };
    let form = "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nx@y\r\n--b--\r\n";
    for (kind, body) in [
        ("application/json", r#"{"email":"a","email":"x@y"}"#),
        ("application/x-www-form-urlencoded", "a=b&email=x%40y"),
        ("multipart/form-data; boundary=\"b\"", form),
    ] {
        assert_eq!(request(kind, body).as_deref(), Some("x@y"), "{kind}");
        assert_eq!(request("text/plain", body), None);
        assert_eq!(request(kind, "{"), None, "{kind}");
    }
}
