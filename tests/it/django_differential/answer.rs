//! The two answers to a request, without what differs in every answer.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::request::{GeneratedRequest, shortened};
use crate::support::raw::RawResponse;

/// Headers of the connection and of the server's software, and the time.
const IGNORED: [&str; 6] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
];
/// Times this close to the present, in seconds, count as the present.
const PRESENT: i64 = 30;

/// One answer: `status`, `body`, and each header by its name in lower case.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    pub(super) fn new(response: &RawResponse) -> Self {
        let mut fields = BTreeMap::new();
        let headers = response.headers.iter();
        for (name, value) in headers.filter(|(name, _)| !IGNORED.contains(&name.as_str())) {
            let joined: &mut String = fields.entry(name.clone()).or_default();
            joined.push_str(if joined.is_empty() { "" } else { ", " });
            joined.push_str(value);
        }
        let body = response.text();
        fields.insert("status".to_owned(), response.status.to_string());
        fields.insert("body".to_owned(), normal(&body));
        Self {
            status: response.status,
            fields,
            body,
        }
    }

    /// The normalized value of a field; empty if the answer does not have it.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The JSON body as it was sent; null if it is no JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A text of the JSON body as it was sent.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        Some(self.json().get(name)?.as_str()?.to_owned())
    }

    /// Whether this is the status and the JSON body.
    pub(super) fn is(&self, status: u16, body: &Value) -> bool {
        self.status == status && self.json() == *body
    }

    /// The claims of a token in the JSON body; null if there is none.
    pub(super) fn claims(&self, name: &str) -> Value {
        let token = self.field(name).and_then(|token| open_token(&token));
        token.map_or(Value::Null, |[_, claims]| claims)
    }
}

/// A request and both answers.
pub(super) struct Exchange {
    /// As it was generated, without the tokens that the servers issued.
    pub(super) request: GeneratedRequest,
    /// As vestibule has got it.
    pub(super) sent: GeneratedRequest,
    /// The names of the translations without which Django would have answered otherwise.
    pub(super) translations: Vec<&'static str>,
    pub(super) theirs: Answer,
    pub(super) ours: Answer,
}

impl Exchange {
    /// The names of the fields that differ.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut names: Vec<&String> = self
            .theirs
            .fields
            .keys()
            .chain(self.ours.fields.keys())
            .collect();
        names.sort_unstable();
        names.dedup();
        let differs = |name: &&String| self.theirs.get(name) != self.ours.get(name);
        names.into_iter().filter(differs).cloned().collect()
    }
}

impl Exchange {
    /// The request and the values of these fields.
    pub(super) fn report(&self, fields: &[String]) -> String {
        let mut report = format!("  {}\n", self.request);
        for name in fields {
            let (theirs, ours) = (self.theirs.get(name), self.ours.get(name));
            let (theirs, ours) = (shortened(theirs), shortened(ours));
            report += &format!("    {name}\n      Django:    {theirs}\n      vestibule: {ours}\n");
        }
        report
    }
}

/// The text of a body with its tokens opened. Only JSON is compared; of other bodies, whether there is one.
/// Django indents JSON if `Accept` says `indent=4`; vestibule's is compact whatever it says.
fn normal(body: &str) -> String {
    let compact;
    let body = if body.starts_with("{\n") {
        let lines: String = body.lines().map(str::trim_start).collect();
        compact = lines.replace("\": ", "\":");
        &compact
    } else {
        body
    };
    let Ok(value) = serde_json::from_str::<Value>(body) else {
        return if body.is_empty() { "" } else { "(not JSON)" }.to_owned();
    };
    // In the text, so that the order of the fields counts, and how they are written.
    let mut normal = String::new();
    for (number, piece) in body.split('"').enumerate() {
        normal.push_str(if number == 0 { "" } else { "\"" });
        match opened(piece) {
            Some(token) => normal.push_str(&token.to_string()),
            None => normal.push_str(piece),
        }
    }
    match value.get("detail").and_then(Value::as_str) {
        Some(text) if text.starts_with("JSON parse error - ") => "(JSON parse error)".to_owned(),
        _ => normal,
    }
}

/// The header and the claims of a token.
fn opened(text: &str) -> Option<Value> {
    let [header, claims] = open_token(text)?;
    Some(json!([header, normal_claims(claims)]))
}

/// The header and the claims of a token as they are.
fn open_token(text: &str) -> Option<[Value; 2]> {
    if !text.starts_with("eyJ") || text.matches('.').count() != 2 {
        return None;
    }
    let mut parts = text.split('.').map(|part| {
        let bytes = BASE64URL.decode(part).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    });
    Some([parts.next()??, parts.next()??])
}

/// The claims without times and ids, and without those that only vestibule writes.
fn normal_claims(mut claims: Value) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time after 1970");
    let now = i64::try_from(now.as_secs()).expect("a time of this age");
    for name in ["exp", "iat"] {
        if let Some(seconds) = claims[name].as_i64() {
            let from_now = seconds - now;
            if from_now.abs() < PRESENT {
                claims[name] = json!("now");
            } else if from_now > 0 {
                claims[name] = json!(format!(
                    "in {} s",
                    (from_now + PRESENT) / (2 * PRESENT) * (2 * PRESENT)
                ));
            }
        }
    }
    let is_id = |id: &str| {
        id.len() == 32
            && id
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if claims["jti"].as_str().is_some_and(is_id) {
        claims["jti"] = json!("an id");
    }
    let fields = claims.as_object_mut().expect("an object");
    if fields.remove("vestibule").is_some() {
        // It binds our claim, which Django copies from our refresh token.
        fields.remove("ver");
    }
    claims
}
