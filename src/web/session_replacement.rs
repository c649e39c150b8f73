//! Asks before a link on another site replaces the browser's session with another one. Without the
//! question, a link to `/auth/login` with a chosen `connection_id` could sign the browser in as somebody
//! else. Tokens in the cookies of the API count as a session.
//!
//! A session that was not used for `SESSION_IDLE_TIMEOUT` ends instead, and the sign-in must ask for
//! credentials.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use url::form_urlencoded;

use super::pages::ReplaceSessionPage;
use super::{query_pairs, query_value, render};
use crate::clock::Timestamp;
use crate::error::{Error, InternalError};
use crate::keys::Keys;
use crate::links::REAUTHENTICATE;
use crate::middleware::{cookie_claims, device, is_trusted_link, is_typed_address};
use crate::sessions::{BrowserSession, RevocationStatus, SessionState};
use crate::state::AppState;
use crate::tokens::{TokenClaims, TokenKind};

/// The query parameter of the question's link. Its value is bound to the identity that is replaced and to the
/// rest of the link, and is valid for ten minutes.
const CONFIRMATION: &str = "confirmed";
/// How long the answer may take, as for a log-in.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// Whether a sign-in may replace the browser's identity without a question. An extractor.
pub struct SessionReplacement {
    /// The live session, if the identity is not in tokens alone, and the link that replaces it.
    live: Option<(Option<SessionState>, String)>,
    is_wanted: bool,
    idle_since: Option<Timestamp>,
}

/// When the browser's session was last used, if it has ended because it was not used since. A sign-in must
/// then ask for credentials.
pub(super) async fn idle_since(
    request: &HttpRequest,
    session: &BrowserSession,
    app: &AppState,
) -> Result<Option<Timestamp>, Error> {
    let Some(state) = session.peek(app.clock.now()) else {
        return Ok(None);
    };
    let device = device(request, &app.settings.trusted_proxies);
    let idle = app.renewal.end_idle_session(&state, device).await?;
    Ok(idle.map(|row| row.last_used_at()))
}

impl FromRequest for SessionReplacement {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let app = AppState::of(&request)?;
            let Ok(session) = BrowserSession::extract(&request).await;
            let idle_since = idle_since(&request, &session, &app).await?;
            let open = |state: &SessionState| {
                let status = app.revocations.status(&state.session_id);
                idle_since.is_none() && status != RevocationStatus::Revoked
            };
            let state = session.peek(app.clock.now()).filter(open);
            let is_own = is_trusted_link(&request, &app.settings)
                || (is_typed_address(&request) && !chooses_user(&request));
            let identity = match &state {
                Some(state) => Some(format!("session {}", state.session_id)),
                None => identity_in(&cookie_claims(&app, &request, TokenKind::Access)),
            };
            let Some(identity) = identity else {
                return Ok(Self {
                    live: None,
                    is_wanted: is_own,
                    idle_since,
                });
            };
            let question = Question {
                request: &request,
                keys: &app.keys,
                identity,
                now: app.clock.now(),
            };
            let is_wanted = is_own || question.is_answered();
            let url = question.confirmed_url()?;
            Ok(Self {
                live: Some((state, url)),
                is_wanted,
                idle_since,
            })
        }
        .boxed_local()
    }
}

impl SessionReplacement {
    /// Whether the request came from this site, or the user has answered the question.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// See [`idle_since`].
    pub(super) fn idle_since(&self) -> Option<Timestamp> {
        self.idle_since
    }

    /// The page that asks, if the request would replace a session and the user may not want that.
    pub(super) fn question(&self) -> Result<Option<HttpResponse>, Error> {
        match &self.live {
            Some((state, continue_url)) if !self.is_wanted => {
                let page = ReplaceSessionPage {
                    page: render::frame(state.as_ref(), None),
                    continue_url,
                };
                render::page(StatusCode::OK, &page).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Whether the link says who is to be signed in, or where. Such a link in an email is not known to be
/// what the user wants.
fn chooses_user(request: &HttpRequest) -> bool {
    let harmless = ["next", "screen_hint", "max_age", REAUTHENTICATE];
    let mut pairs = query_pairs(request).into_iter();
    pairs.any(|(name, _)| !harmless.contains(&name.as_str()))
}

/// The identity of a browser without a session: the users of the access tokens in its cookies. A refresh
/// changes everything else in them.
fn identity_in(tokens: &[TokenClaims]) -> Option<String> {
    let users: Vec<&str> = tokens
        .iter()
        .filter_map(|claims| claims.user_id.as_deref())
        .collect();
    (!users.is_empty()).then(|| format!("tokens of {}", users.join(", ")))
}

/// The question whether this link may replace this identity.
struct Question<'a> {
    request: &'a HttpRequest,
    keys: &'a Keys,
    identity: String,
    now: Timestamp,
}

impl Question<'_> {
    /// Whether the link is that of the question's page, and not too old.
    fn is_answered(&self) -> bool {
        let sealed = query_value(self.request, CONFIRMATION);
        let sealed = sealed.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let opened = sealed.and_then(|sealed| self.keys.open_row(&self.place(), &sealed));
        let asked_at = opened.and_then(|opened| opened.plain.try_into().ok());
        let asked_at = asked_at.map(i64::from_be_bytes);
        let asked_at = asked_at.and_then(Timestamp::from_seconds);
        asked_at.is_some_and(|asked_at| self.now < asked_at.plus(LIFETIME))
    }

    /// The address of this request with a confirmation, which other sites cannot make.
    fn confirmed_url(&self) -> Result<String, InternalError> {
        let now = self.now.seconds().to_be_bytes();
        let sealed = self.keys.seal_row(&self.place(), &now);
        let sealed = sealed.map_err(|error| InternalError::new("encrypt a confirmation", error))?;
        let query = self
            .query()
            .append_pair(CONFIRMATION, &URL_SAFE_NO_PAD.encode(sealed))
            .finish();
        Ok(format!("{}?{query}", self.request.path()))
    }

    /// What the confirmation is bound to, as [`Keys::seal_row`] names it.
    fn place(&self) -> String {
        let (identity, path) = (&self.identity, self.request.path());
        format!(
            "replacement of {identity} by {path}?{}",
            self.query().finish()
        )
    }

    /// The query of the request without a confirmation.
    fn query(&self) -> form_urlencoded::Serializer<'static, String> {
        let pairs = query_pairs(self.request).into_iter();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.filter(|(name, _)| name != CONFIRMATION));
        query
    }
}
