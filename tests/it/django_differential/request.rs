//! One generated request.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde_json::Value;

/// Stands for the refresh token that the same server issued last.
pub(super) const OWN_REFRESH: &str = "OWN-REFRESH-TOKEN";
/// Stands for the access token that the same server issued last.
pub(super) const OWN_ACCESS: &str = "OWN-ACCESS-TOKEN";
/// Stands for the refresh token that the other server issued last.
pub(super) const OTHER_REFRESH: &str = "OTHER-REFRESH-TOKEN";
/// Stands for the access token that the other server issued last.
pub(super) const OTHER_ACCESS: &str = "OTHER-ACCESS-TOKEN";

/// A request as it is sent, but for the tokens that the servers issue themselves.
#[derive(Clone, Debug)]
pub(super) struct GeneratedRequest {
    pub(super) method: &'static str,
    pub(super) target: String,
    /// Without `Host` and `Content-Length`.
    pub(super) headers: Vec<(&'static str, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
    /// The token in it, if the case made one.
    pub(super) token: Option<String>,
}

impl GeneratedRequest {
    pub(super) fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: None,
            token: None,
        }
    }

    pub(super) fn json(target: impl Into<String>, body: impl Into<String>) -> Self {
        let mut request = Self::new("POST", target).header("Content-Type", "application/json");
        request.body = Some(body.into().into_bytes());
        request
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A header's value, or an empty one.
    pub(super) fn value(&self, name: &str) -> &[u8] {
        let mut named = self.headers.iter().filter(|(other, _)| *other == name);
        named.next_back().map_or(&[], |(_, value)| value)
    }

    /// Whether the body contains this ASCII text, in whatever charset.
    pub(super) fn contains(&self, text: &str) -> bool {
        let body = self.body.as_deref().unwrap_or_default();
        let letters: Vec<u8> = body.iter().copied().filter(|byte| *byte != 0).collect();
        letters
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    /// The claims of its token; null if it has none, or none that can be read.
    pub(super) fn claims(&self) -> Value {
        self.token_part(1)
    }

    /// The same of the header of its token.
    pub(super) fn token_header(&self) -> Value {
        self.token_part(0)
    }

    fn token_part(&self, number: usize) -> Value {
        let mut parts = self.token.iter().flat_map(|token| token.split('.'));
        let part = parts.nth(number);
        let bytes = part.and_then(|part| BASE64URL.decode(part).ok());
        let claims = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        claims.unwrap_or_default()
    }

    /// The path, without the query and the slash at its end.
    pub(super) fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        path.trim_end_matches('/')
    }

    /// The bytes of the request.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\n",
            self.method, self.target
        )
        .into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: ").as_bytes());
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// The request with tokens in the place of the words that stand for them.
    pub(super) fn with_tokens(&self, tokens: &[(&str, &str)]) -> Self {
        let replaced = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for (word, token) in tokens {
                bytes = replace(&bytes, word.as_bytes(), token.as_bytes());
            }
            bytes
        };
        Self {
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (*name, replaced(value)))
                .collect(),
            body: self.body.as_deref().map(replaced),
            ..self.clone()
        }
    }
}

fn replace(bytes: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(word.len()).position(|window| window == word) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(by);
        rest = &rest[at + word.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

impl fmt::Display for GeneratedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)?;
        for (name, value) in &self.headers {
            write!(f, " | {name}: {}", value.escape_ascii())?;
        }
        match &self.body {
            Some(body) => write!(
                f,
                " | body: {}",
                shortened(&body.escape_ascii().to_string())
            ),
            None => Ok(()),
        }
    }
}

/// The beginning of a long text.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 1_200;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
