//! What the encrypted cookie says: who is signed in, how, and until when.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_session::{Session, SessionExt};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The only key of actix-session's map.
const WHO: &str = "who";

/// The most bytes of state that make a cookie every browser keeps. Browsers count 4,096 bytes of
/// name and value (RFC 6265bis; Safari the attributes too). The state grows by 28 bytes of nonce
/// and tag, by 4/3 in base64, and by 2 bytes for each `/` that is percent-encoded, about one
/// character in 64: 2,750 bytes give 3,704, then 3,820, which leaves room for name and attributes.
const MOST_BYTES: usize = 2_750;

/// Who is signed in. Sealed into the cookie: neither the browser nor its user can read or alter it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// The session's row.
    pub session_id: String,
    /// The row in `users`.
    pub user_id: i64,
    /// The user at WorkOS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workos_user_id: Option<String>,
    /// The user's e-mail.
    pub email: String,
    /// Whether the address is known to be theirs.
    #[serde(default)]
    pub email_verified: bool,
    /// May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_name: String,
    /// May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_name: String,
    /// The user's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture_url: Option<String>,
    /// The organisation of this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The user's role in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// WorkOS's `authentication_method`, an open set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_method: Option<String>,
    /// Who is acting as the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonator: Option<Impersonator>,
    /// When the person signed in.
    #[serde(with = "seconds")]
    pub signed_in_at: Timestamp,
    /// The session's end; enforced here, since a browser need not obey `Max-Age`.
    #[serde(with = "seconds")]
    pub expires_at: Timestamp,
    /// From when on a request looks at the row: until then WorkOS has vouched for the session.
    #[serde(with = "seconds")]
    pub renew_after: Timestamp,
    /// The latest mark that it has followed; see [`SessionRow::marks`](super::SessionRow::marks).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub marks: i32,
}

/// Somebody of the operator's who acts as the user, through WorkOS's dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impersonator {
    /// Whose action it is.
    pub email: String,
    /// What they gave as their reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl SessionState {
    /// Drops what is optional, least needed first, until a browser keeps the cookie; names what
    /// was dropped. What is left then always fits: ids of ours, and e-mails of bounded length.
    fn shed(&mut self) -> Result<Vec<&'static str>, serde_json::Error> {
        type Step = (&'static str, fn(&mut SessionState));
        const STEPS: [Step; 8] = [
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
            ("role", |state| state.role = None),
            ("organization_id", |state| state.organization_id = None),
            ("workos_user_id", |state| state.workos_user_id = None),
        ];
        let mut dropped = Vec::new();
        for (name, drop_it) in STEPS {
            let size = self.encoded_len()?;
            if size <= MOST_BYTES {
                break;
            }
            drop_it(self);
            if self.encoded_len()? < size {
                dropped.push(name);
            }
        }
        Ok(dropped)
    }

    /// Bytes of the map as actix-session writes it: JSON inside JSON, every quote escaped again.
    fn encoded_len(&self) -> Result<usize, serde_json::Error> {
        let map = BTreeMap::from([(WHO, serde_json::to_string(self)?)]);
        Ok(serde_json::to_string(&map)?.len())
    }
}

/// The session of this request's browser.
pub struct BrowserSession(Session);

/// Marks a request whose answer brings this session's cookie up to date. Another session may take its
/// place in the browser meanwhile, whose cookie a late answer must not overwrite.
pub struct CarriedOn(pub String);

impl BrowserSession {
    /// Signs in: whatever was there before is gone, and the cookie is a new one.
    pub fn begin(&self, state: SessionState) -> Result<(), serde_json::Error> {
        let state = fitting(state)?;
        self.0.clear();
        self.0.renew();
        // The state has just been serialised to measure it, so this cannot fail for its content.
        self.0.insert(WHO, state).map_err(serde::ser::Error::custom)
    }

    /// Has the answer bring the cookie up to date.
    pub fn update(&self, state: SessionState) -> Result<(), serde_json::Error> {
        let state = fitting(state)?;
        self.0.insert(WHO, state).map_err(serde::ser::Error::custom)
    }

    /// Who is signed in at `now`. A session past its end, or one that cannot be read, is removed.
    pub fn current(&self, now: Timestamp) -> Option<SessionState> {
        let state = self.peek(now);
        if state.is_none() && self.0.contains_key(WHO) {
            self.end();
        }
        state
    }

    /// As [`current`](Self::current), without removing anything: actix-session lets nothing begin
    /// in a session that was removed earlier in the same request.
    pub fn peek(&self, now: Timestamp) -> Option<SessionState> {
        let state = self.0.get::<SessionState>(WHO).ok().flatten();
        state.filter(|state| now < state.expires_at)
    }

    /// Signs out: the answer removes the cookie.
    pub fn end(&self) {
        self.0.purge();
    }

    /// Has the answer seal the cookie anew, though nothing in it changed.
    /// Gives the session's id.
    pub(crate) fn reseal(&self, now: Timestamp) -> Result<Option<String>, serde_json::Error> {
        let Some(state) = self.peek(now) else {
            return Ok(None);
        };
        let id = state.session_id.clone();
        let sealed = self.0.insert(WHO, state);
        sealed.map_err(serde::ser::Error::custom)?;
        Ok(Some(id))
    }
}

/// The state as far as a browser keeps it.
fn fitting(mut state: SessionState) -> Result<SessionState, serde_json::Error> {
    let dropped = state.shed()?;
    if !dropped.is_empty() {
        log::warn!(
            "the session cookie of account {} would outgrow what browsers keep; left out: {}",
            state.user_id,
            dropped.join(", ")
        );
    }
    Ok(state)
}

impl FromRequest for BrowserSession {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.get_session())))
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// Whole seconds since 1970, as JWTs count: short in a cookie.
mod seconds {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::clock::Timestamp;

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(time.seconds())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_seconds(i64::deserialize(from)?)
            .ok_or_else(|| D::Error::custom("a time outside the calendar"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> SessionState {
        let time = |seconds| Timestamp::from_seconds(seconds).unwrap();
        SessionState {
            session_id: "0".repeat(32),
            user_id: 1,
            workos_user_id: Some("user_1".to_owned()),
            email: "ada@example.com".to_owned(),
            email_verified: true,
            first_name: "Ada".to_owned(),
            last_name: "Example".to_owned(),
            picture_url: Some("https://pictures.example.com/ada.png".to_owned()),
            organization_id: Some("org_1".to_owned()),
            role: Some("admin".to_owned()),
            authentication_method: Some("Password".to_owned()),
            impersonator: Some(Impersonator {
                email: "support@example.com".to_owned(),
                reason: Some("a ticket".to_owned()),
            }),
            signed_in_at: time(100),
            expires_at: time(200),
            renew_after: time(150),
            marks: 1,
        }
    }

    #[test]
    fn a_state_of_usual_size_keeps_everything() {
        let mut kept = state();
        assert!(kept.shed().unwrap().is_empty());
        assert_eq!(kept, state());
    }

    #[test]
    fn an_oversized_picture_goes_first_and_alone() {
        let mut large = state();
        large.picture_url = Some("x".repeat(5_000));
        assert_eq!(large.shed().unwrap(), ["picture_url"]);
        assert_eq!(large.first_name, "Ada");
    }

    #[test]
    fn the_worst_profile_still_fits() {
        let mut worst = state();
        // A quote costs four bytes in JSON inside JSON, more than any other allowed character.
        let long = "\"".repeat(5_000);
        worst.email = "\"".repeat(254);
        worst.first_name = long.clone();
        worst.last_name = long.clone();
        worst.role = Some(long.clone());
        worst.organization_id = Some(long.clone());
        worst.workos_user_id = Some(long.clone());
        worst.picture_url = Some(long.clone());
        worst.authentication_method = Some(long.clone());
        worst.impersonator = Some(Impersonator {
            email: "\"".repeat(254),
            reason: Some(long),
        });
        worst.shed().unwrap();
        assert!(worst.encoded_len().unwrap() <= MOST_BYTES);
        assert_eq!(worst.user_id, 1);
    }

    #[test]
    fn what_is_sealed_is_read_back() {
        let text = serde_json::to_string(&state()).unwrap();
        assert_eq!(
            serde_json::from_str::<SessionState>(&text).unwrap(),
            state()
        );
    }
}
