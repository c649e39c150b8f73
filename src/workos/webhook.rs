//! Verifies WorkOS's webhooks, and parses its events.

use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::WorkosUser;
use crate::clock::Timestamp;

/// The maximum difference between the sender's clock and ours, including the delivery time.
/// WorkOS's own SDKs allow the same.
const TOLERANCE: TimeDelta = TimeDelta::seconds(180);

/// Why the signature of a webhook is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignatureError {
    /// The header is missing or not of the form `t=…, v1=…`.
    #[error("the signature's header is missing or cannot be read")]
    Unreadable,
    /// The signature was made with another secret or for another body.
    #[error("the signature does not fit the body; is WORKOS_WEBHOOK_SECRET this endpoint's?")]
    Wrong,
    /// The message is too old, or one of the clocks is wrong.
    #[error("the signature's time is more than {} seconds away; is the clock right?", TOLERANCE.num_seconds())]
    OutOfTime,
}

/// Checks `WorkOS-Signature: t=<epoch milliseconds>, v1=<hex HMAC-SHA256 of "{t}.{body}">` against
/// the body's unchanged bytes.
pub fn verify(
    secret: &SecretString,
    header: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), SignatureError> {
    let header = header.ok_or(SignatureError::Unreadable)?;
    let field = |wanted: &str| {
        let mut parts = header.split(',').filter_map(|part| part.split_once('='));
        parts.find_map(|(name, value)| (name.trim() == wanted).then_some(value.trim()))
    };
    let (sent_at, signature) = field("t")
        .zip(field("v1").and_then(bytes_of_hex))
        .ok_or(SignatureError::Unreadable)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    // Compares in constant time. The time stamp is trusted only after the signature is verified.
    let signed = [sent_at.as_bytes(), b".", body].concat();
    hmac::verify(&key, &signed, &signature).map_err(|_| SignatureError::Wrong)?;
    let sent_at: i64 = sent_at.parse().map_err(|_| SignatureError::Unreadable)?;
    let difference = now.utc().timestamp_millis().abs_diff(sent_at);
    if difference > TOLERANCE.num_milliseconds().unsigned_abs() {
        return Err(SignatureError::OutOfTime);
    }
    Ok(())
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

/// The types of the events that this server handles.
pub const HANDLED_EVENTS: [&str; 6] = [
    "user.created",
    "user.updated",
    "user.deleted",
    "session.revoked",
    "organization_membership.updated",
    "organization_membership.deleted",
];

/// The body of a webhook, or an event of the Events API.
#[derive(Clone, Debug, Deserialize)]
pub struct WebhookMessage {
    /// The event's id, `event_…`. It stays the same if the event is sent again.
    pub id: String,
    /// The event's type, such as `user.updated`.
    pub event: String,
    data: Value,
    #[serde(default)]
    created_at: Value,
}

/// An event that this server handles.
#[derive(Clone, Debug)]
pub enum WebhookEvent {
    /// A user was created or changed.
    UserChanged(WorkosUser),
    /// A user was deleted.
    UserDeleted {
        /// `user_…`.
        id: String,
    },
    /// A session was revoked at WorkOS.
    SessionRevoked {
        /// `session_…`.
        id: String,
    },
    /// A user's membership in an organisation changed or ended.
    MembershipChanged {
        /// `user_…`.
        user_id: String,
    },
    /// An event that is ignored.
    Other,
}

impl WebhookEvent {
    /// The id of the user or session that the event is about.
    pub fn object_id(&self) -> Option<&str> {
        match self {
            Self::UserChanged(WorkosUser { id, .. })
            | Self::UserDeleted { id }
            | Self::SessionRevoked { id }
            | Self::MembershipChanged { user_id: id } => Some(id),
            Self::Other => None,
        }
    }
}

#[derive(Deserialize)]
struct ObjectData {
    id: String,
}

#[derive(Deserialize)]
struct MembershipData {
    user_id: String,
}

impl WebhookMessage {
    /// Parses a body.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// When WorkOS created the event; `None` if it does not say so.
    pub fn created_at(&self) -> Option<Timestamp> {
        let time = DateTime::parse_from_rfc3339(self.created_at.as_str()?);
        time.ok().map(|time| Timestamp::from(time.to_utc()))
    }

    /// The event. Fails if the data of a known event is incomplete.
    pub fn parse_event(&self) -> Result<WebhookEvent, serde_json::Error> {
        Ok(match self.event.as_str() {
            "user.created" | "user.updated" => {
                WebhookEvent::UserChanged(WorkosUser::deserialize(&self.data)?)
            }
            "user.deleted" => WebhookEvent::UserDeleted {
                id: ObjectData::deserialize(&self.data)?.id,
            },
            "session.revoked" => WebhookEvent::SessionRevoked {
                id: ObjectData::deserialize(&self.data)?.id,
            },
            "organization_membership.updated" | "organization_membership.deleted" => {
                WebhookEvent::MembershipChanged {
                    user_id: MembershipData::deserialize(&self.data)?.user_id,
                }
            }
            _ => WebhookEvent::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"event_1","event":"user.deleted","data":{"id":"user_1"}}"#;
    /// `printf '1800000000000.%s' "$BODY" | openssl dgst -sha256 -hmac made-up-secret`
    const SIGNATURE: &str = "e4574d35b5831e36caba5b1f940fb6717a4e2f084197d10db3df746d2d6a5024";

    fn check(header: &str, body: &[u8], seconds: i64) -> Result<(), SignatureError> {
        let secret = SecretString::from("made-up-secret");
        let now = Timestamp::from_seconds(1_800_000_000 + seconds).unwrap();
        verify(&secret, Some(header), body, now)
    }

    #[test]
    fn a_signature_of_openssl_is_accepted_within_three_minutes_both_ways() {
        let header = format!("t=1800000000000, v1={SIGNATURE}");
        for seconds in [0, 180, -180] {
            assert_eq!(check(&header, BODY, seconds), Ok(()), "{seconds}");
        }
        for seconds in [181, -181] {
            let checked = check(&header, BODY, seconds);
            assert_eq!(checked, Err(SignatureError::OutOfTime), "{seconds}");
        }
        for variant in [
            format!("v1={SIGNATURE},t=1800000000000"),
            format!("t=1800000000000,v0=00,v1={}", SIGNATURE.to_uppercase()),
        ] {
            assert_eq!(check(&variant, BODY, 0), Ok(()), "{variant}");
        }
    }

    #[test]
    fn another_body_time_or_signature_is_refused() {
        let header = format!("t=1800000000000, v1={SIGNATURE}");
        let longer = [BODY, b" "].concat();
        assert_eq!(check(&header, &longer, 0), Err(SignatureError::Wrong));
        let later = format!("t=1800000000001, v1={SIGNATURE}");
        assert_eq!(check(&later, BODY, 0), Err(SignatureError::Wrong));
        let shorter = format!("t=1800000000000, v1={}", &SIGNATURE[2..]);
        assert_eq!(check(&shorter, BODY, 0), Err(SignatureError::Wrong));
        let secret = SecretString::from("another");
        let now = Timestamp::from_seconds(1_800_000_000).unwrap();
        let checked = verify(&secret, Some(&header), BODY, now);
        assert_eq!(checked, Err(SignatureError::Wrong));
    }

    #[test]
    fn a_malformed_header_is_refused() {
        let unreadable = [
            "",
            "t=1800000000000",
            "v1=00",
            "t=1800000000000 v1=00",
            "t=1800000000000, v1=0",
            "t=1800000000000, v1=zz",
            "t=1800000000000, v1=\u{e9}",
        ];
        for header in unreadable {
            let checked = check(header, BODY, 0);
            assert_eq!(checked, Err(SignatureError::Unreadable), "{header}");
        }
        let now = Timestamp::from_seconds(0).unwrap();
        let checked = verify(&SecretString::from("s"), None, BODY, now);
        assert_eq!(checked, Err(SignatureError::Unreadable));
    }

    #[test]
    fn each_handled_event_is_parsed() {
        for name in HANDLED_EVENTS {
            let user = r#"{"id":"user_1","user_id":"user_1","email":"ada@example.com","updated_at":"2027-01-15T08:00:00Z"}"#;
            let body = format!(r#"{{"id":"event_1","event":"{name}","data":{user}}}"#);
            let event = WebhookMessage::read(body.as_bytes()).unwrap().parse_event();
            let event = event.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(event.object_id(), Some("user_1"), "{name}");
        }
    }

    #[test]
    fn the_time_of_an_event_need_not_be_readable() {
        let time = Timestamp::from_seconds(1_800_000_000);
        for (text, expected) in [
            (r#""2027-01-15T08:00:00.000Z""#, time),
            (r#""2027-01-15 08:00:00.649164""#, None),
            ("7", None),
        ] {
            let body = format!(
                r#"{{"id":"event_1","event":"flag.created","data":null,"created_at":{text}}}"#
            );
            let message = WebhookMessage::read(body.as_bytes()).unwrap();
            assert_eq!(message.created_at(), expected, "{text}");
        }
    }

    #[test]
    fn unknown_events_are_ignored_and_incomplete_ones_are_errors() {
        let message =
            WebhookMessage::read(br#"{"id":"event_1","event":"connection.activated","data":null}"#);
        assert!(matches!(
            message.unwrap().parse_event(),
            Ok(WebhookEvent::Other)
        ));
        let message = WebhookMessage::read(br#"{"id":"event_1","event":"user.deleted","data":{}}"#);
        assert!(message.unwrap().parse_event().is_err());
        assert!(WebhookMessage::read(b"{}").is_err());
    }
}
