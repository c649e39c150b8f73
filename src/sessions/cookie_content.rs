//! The content of the encrypted session cookie: who is signed in, how, and until when. What the user may do is read
//! from the row; see [`SessionFacts`](super::SessionFacts).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::authentication_method::AuthenticationMethod;
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

/// The key of the state in actix-session's map.
pub(super) const STATE_KEY: &str = "who";
/// The key of the mark of the domain for which the cookie was written; missing if only its host gets it.
pub(super) const DOMAIN_KEY: &str = "d";

/// The largest state whose cookie every browser stores. Browsers accept 4,096 bytes of name and value
/// (RFC 6265bis; Safari counts the attributes too). Encryption adds 28 bytes of nonce and tag, base64
/// multiplies the size by 4/3, and percent-encoding adds 2 bytes for each `/`, about one character in
/// 64. So 2,750 bytes become 3,704, then 3,820, which leaves room for the mark of the domain, the name and the attributes.
const MAX_BYTES: usize = 2_750;

/// The signed-in user and session. The cookie encrypts it: neither the browser nor its user can read or
/// change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// The session's id.
    pub session_id: SessionId,
    /// The row in `users`.
    pub user_id: UserId,
    /// The user's id at WorkOS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workos_user_id: Option<String>,
    /// The user's email; may be empty.
    pub email: String,
    /// The username of an account without an email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Whether the user has shown that the address is theirs.
    #[serde(default)]
    pub email_verified: bool,
    /// May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_name: String,
    /// May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_name: String,
    /// The address of the user's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture_url: Option<String>,
    /// How the user signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_method: Option<AuthenticationMethod>,
    /// The impersonator, in an impersonated session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonator: Option<Impersonator>,
    /// When the user signed in.
    #[serde(with = "super::serde_time::seconds")]
    pub signed_in_at: Timestamp,
    /// When the user last entered credentials, if that was not the sign-in.
    #[serde(
        default,
        with = "super::serde_time::optional_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub auth_time: Option<Timestamp>,
    /// When the cookie was last compared with the session's row; `None` in cookies of earlier versions.
    #[serde(
        default,
        with = "super::serde_time::optional_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub checked_at: Option<Timestamp>,
    /// The session's end. It is enforced here, because a browser need not obey `Max-Age`.
    #[serde(with = "super::serde_time::seconds")]
    pub expires_at: Timestamp,
    /// After this time a request reloads the session from its row. Until then WorkOS has confirmed it.
    #[serde(with = "super::serde_time::seconds")]
    pub renew_after: Timestamp,
    /// The database's epoch in which the cookie was last compared with the session's row; see
    /// [`DatabaseEpoch::epoch`](crate::database_epoch::DatabaseEpoch::epoch). 0 in cookies of earlier versions.
    #[serde(default)]
    pub epoch: i64,
    /// The generation of the session in which this cookie was written; see
    /// [`SessionRow::generation`](super::SessionRow::generation). Cookies of earlier versions call it
    /// `marks`.
    #[serde(default, alias = "marks", skip_serializing_if = "is_zero")]
    pub generation: i32,
}

/// A member of the operator's staff who acts as the user, through WorkOS's dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impersonator {
    /// The impersonator's email.
    pub email: String,
    /// The reason that the impersonator gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl SessionState {
    /// When the user last entered credentials, or signed in if that is not known.
    pub fn authenticated_at(&self) -> Timestamp {
        self.auth_time.unwrap_or(self.signed_in_at)
    }

    /// Drops optional fields, the least important first, until the cookie is small enough for a browser;
    /// returns the names of the dropped fields. The required fields always fit: ids have a fixed length
    /// and emails a maximum.
    fn drop_optional_fields(&mut self) -> Result<Vec<&'static str>, serde_json::Error> {
        type OptionalField = (&'static str, fn(&mut SessionState));
        const FIELDS: [OptionalField; 6] = [
            ("picture_url", |state| state.picture_url = None),
            ("impersonator.reason", |state| {
                if let Some(impersonator) = &mut state.impersonator {
                    impersonator.reason = None;
                }
            }),
            ("last_name", |state| state.last_name.clear()),
            ("first_name", |state| state.first_name.clear()),
            ("authentication_method", |state| {
                state.authentication_method = None;
            }),
            ("workos_user_id", |state| state.workos_user_id = None),
        ];
        let mut dropped = Vec::new();
        for (name, drop_field) in FIELDS {
            let size = self.encoded_len()?;
            if size <= MAX_BYTES {
                break;
            }
            drop_field(self);
            if self.encoded_len()? < size {
                dropped.push(name);
            }
        }
        Ok(dropped)
    }

    /// The size in bytes of the map as actix-session writes it: JSON inside JSON, with every quote escaped
    /// again.
    fn encoded_len(&self) -> Result<usize, serde_json::Error> {
        let map = BTreeMap::from([(STATE_KEY, serde_json::to_string(self)?)]);
        Ok(serde_json::to_string(&map)?.len())
    }
}

/// The state without the fields that would make the cookie too large for a browser.
pub(super) fn fit_into_cookie(mut state: SessionState) -> Result<SessionState, serde_json::Error> {
    let dropped = state.drop_optional_fields()?;
    if !dropped.is_empty() {
        log::warn!(
            "the session cookie of account {} would be too large for browsers; left out: {}",
            state.user_id,
            dropped.join(", ")
        );
    }
    Ok(state)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> SessionState {
        let time = |seconds| Timestamp::from_seconds(seconds).unwrap();
        SessionState {
            session_id: "0".repeat(32).into(),
            user_id: 1.into(),
            workos_user_id: Some("user_1".to_owned()),
            email: "ada@example.com".to_owned(),
            username: None,
            email_verified: true,
            first_name: "Ada".to_owned(),
            last_name: "Example".to_owned(),
            picture_url: Some("https://pictures.example.com/ada.png".to_owned()),
            authentication_method: Some(AuthenticationMethod::Password),
            impersonator: Some(Impersonator {
                email: "support@example.com".to_owned(),
                reason: Some("a ticket".to_owned()),
            }),
            signed_in_at: time(100),
            auth_time: Some(time(90)),
            checked_at: Some(time(120)),
            expires_at: time(200),
            renew_after: time(150),
            epoch: 281_474_976_710_655,
            generation: 1,
        }
    }

    #[test]
    fn a_state_of_usual_size_keeps_every_field() {
        let mut small = state();
        assert!(small.drop_optional_fields().unwrap().is_empty());
        assert_eq!(small, state());
    }

    #[test]
    fn an_oversized_picture_is_dropped_and_nothing_else() {
        let mut large = state();
        large.picture_url = Some("x".repeat(5_000));
        assert_eq!(large.drop_optional_fields().unwrap(), ["picture_url"]);
        assert_eq!(large.first_name, "Ada");
    }

    #[test]
    fn the_largest_profile_fits() {
        let mut worst = state();
        // A quote costs four bytes in JSON inside JSON, more than any other allowed character.
        let long = "\"".repeat(5_000);
        worst.email = "\"".repeat(254);
        worst.first_name = long.clone();
        worst.last_name = long.clone();
        worst.workos_user_id = Some(long.clone());
        worst.picture_url = Some(long.clone());
        worst.authentication_method = Some(long.clone().into());
        worst.impersonator = Some(Impersonator {
            email: "\"".repeat(254),
            reason: Some(long),
        });
        worst.drop_optional_fields().unwrap();
        assert!(worst.encoded_len().unwrap() <= MAX_BYTES);
        assert_eq!(worst.user_id, 1.into());
    }

    #[test]
    fn a_serialised_state_is_read_back() {
        let text = serde_json::to_string(&state()).unwrap();
        assert_eq!(
            serde_json::from_str::<SessionState>(&text).unwrap(),
            state()
        );
    }

    #[test]
    fn a_state_of_an_earlier_version_is_read() {
        let text = serde_json::to_string(&state()).unwrap();
        let earlier = text.replace("\"generation\":1", "\"marks\":1");
        // Organisation and role were in the cookie.
        let earlier = earlier.replacen('{', r#"{"organization_id":"org_1","role":"admin","#, 1);
        let earlier = earlier.replace("\"epoch\":281474976710655,", "");
        let expected = SessionState {
            epoch: 0,
            ..state()
        };
        assert_eq!(
            serde_json::from_str::<SessionState>(&earlier).unwrap(),
            expected
        );
    }
}
