//! What WorkOS receives of a client.

use serde_json::Value;

/// The most characters of a `User-Agent` that are sent, as many as a session's row keeps.
const MAX_USER_AGENT: usize = 255;
/// What a `User-Agent` may contain besides ASCII letters and digits. A firewall before WorkOS judges the body of a
/// request, and may refuse one with quotes, angle brackets, braces or backslashes. Then WorkOS could not be asked
/// about this client's session any more, and the client decides what it sends.
const PUNCTUATION: &str = " /.;:(),_-+";

/// The user's device, which WorkOS's Radar evaluates.
#[derive(Clone, Debug, Default)]
pub struct ClientDevice {
    /// The user's IP address.
    pub ip_address: Option<String>,
    /// The `User-Agent` header of the user's browser, as it was received.
    pub user_agent: Option<String>,
    /// The id of the request, for the audit trail. It is not sent to WorkOS.
    pub request_id: Option<String>,
}

impl ClientDevice {
    /// Adds the address and the user agent to the JSON body of a grant.
    pub(super) fn add_to(&self, body: &mut Value) {
        if let Some(ip_address) = &self.ip_address {
            body["ip_address"] = ip_address.as_str().into();
        }
        if let Some(user_agent) = self.user_agent.as_deref().and_then(harmless_user_agent) {
            body["user_agent"] = user_agent.into();
        }
    }

    /// The JSON body of a grant without the fields of [`add_to`](Self::add_to). Returns `None` if it has none of
    /// them.
    pub(super) fn removed_from(body: &Value) -> Option<Value> {
        let mut body = body.clone();
        let fields = body.as_object_mut()?;
        let address = fields.remove("ip_address");
        let user_agent = fields.remove("user_agent");
        (address.is_some() || user_agent.is_some()).then_some(body)
    }
}

/// The user agent without unusual characters, truncated. Returns `None` if nothing is left.
fn harmless_user_agent(user_agent: &str) -> Option<String> {
    let is_kept = |letter: &char| letter.is_ascii_alphanumeric() || PUNCTUATION.contains(*letter);
    let kept: String = user_agent
        .chars()
        .filter(is_kept)
        .take(MAX_USER_AGENT)
        .collect();
    (!kept.trim().is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn usual_user_agents_are_sent_unchanged() {
        for usual in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36",
            "curl/8.14.1",
        ] {
            assert_eq!(harmless_user_agent(usual).as_deref(), Some(usual));
        }
    }

    #[test]
    fn unusual_characters_are_not_sent() {
        let sent = harmless_user_agent("a<script>'\"${jndi}`|\\\u{0}\u{e9}=b").unwrap();
        assert_eq!(sent, "ascriptjndib");
        assert_eq!(harmless_user_agent(" <>"), None);
        let long = harmless_user_agent(&"a".repeat(60_000)).unwrap();
        assert_eq!(long.len(), MAX_USER_AGENT);
    }

    #[test]
    fn the_fields_of_the_device_can_be_removed() {
        let mut body = json!({ "grant_type": "refresh_token" });
        assert_eq!(ClientDevice::removed_from(&body), None);
        let before = body.clone();
        let device = ClientDevice {
            ip_address: Some("192.0.2.1".to_owned()),
            user_agent: Some("curl/8.14.1".to_owned()),
            request_id: None,
        };
        device.add_to(&mut body);
        assert_eq!(body["ip_address"], "192.0.2.1");
        assert_eq!(ClientDevice::removed_from(&body), Some(before));
    }
}
