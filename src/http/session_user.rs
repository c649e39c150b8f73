//! The signed-in user of a browser session, as extractors. A session that is due is renewed by the
//! extractor, so that no handler can forget it.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::error::{Error, InternalError};
use crate::ids::OrganizationId;
use crate::known_sessions::KnownSession;
use crate::middleware::device;
use crate::renewal::SessionStatus;
use crate::sessions::{
    BrowserSession, Impersonator, RevocationCache, RevocationStatus, SessionState, UpdatedSession,
};
use crate::state::AppState;

/// The signed-in user, if there is one.
pub struct MaybeUser(pub Option<SessionState>);

/// The signed-in user, and what the session knows besides. Without a user, the response redirects to the log-in,
/// which returns to this page; it is 503 if the facts are not cached and the database cannot be read.
pub struct SessionUser {
    /// The user and the session.
    pub state: SessionState,
    /// The organisation, the role, and what else WorkOS says.
    pub known: Arc<KnownSession>,
}

/// The signed-in user according to the cookie and the local list of ended sessions, without asking
/// WorkOS: for routes that must work while WorkOS is unavailable, such as signing out.
pub struct UnrenewedUser(pub Option<SessionState>);

/// Marks a request whose session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOver {
    /// The session was already known to have ended, for example because the user signed out.
    Known,
    /// The session turned out to have ended during this request, so the user is told.
    JustEnded,
}

impl SessionOver {
    /// The mark of this request, if its session has ended.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().copied()
    }
}

impl SessionUser {
    /// The organisation of the session.
    pub fn organization_id(&self) -> Option<&OrganizationId> {
        self.known.facts.organization_id.as_ref()
    }

    /// The user's role in the organisation.
    pub fn role(&self) -> Option<&str> {
        self.known.facts.role.as_deref()
    }

    /// All roles of the user in the organisation.
    pub fn roles(&self) -> &[String] {
        &self.known.facts.workos.roles
    }

    /// The permissions of the roles.
    pub fn permissions(&self) -> &[String] {
        &self.known.facts.workos.permissions
    }

    /// The entitlements of the organisation.
    pub fn entitlements(&self) -> &[String] {
        &self.known.facts.workos.entitlements
    }

    /// The feature flags that are on for the user or the organisation.
    pub fn feature_flags(&self) -> &[String] {
        &self.known.facts.workos.feature_flags
    }

    /// The claims of WorkOS's access token that `WORKOS_CLAIMS` names.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.known.facts.workos.claims
    }

    /// The user's id in the application, as the application told WorkOS.
    pub fn external_id(&self) -> Option<&str> {
        self.known.facts.workos.external_id.as_deref()
    }

    /// The user's metadata, as the application told WorkOS.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.known.facts.workos.metadata
    }

    /// The user's language, such as `en-GB`.
    pub fn locale(&self) -> Option<&str> {
        self.known.facts.workos.locale.as_deref()
    }

    /// The impersonator, in an impersonated session.
    pub fn impersonator(&self) -> Option<&Impersonator> {
        self.state.impersonator.as_ref()
    }

    /// When the user last entered credentials; `None` if nothing says when.
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.state.auth_time
    }
}

impl FromRequest for MaybeUser {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { current(&request).await.map(Self) }.boxed_local()
    }
}

impl FromRequest for SessionUser {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let state = current(&request).await?;
            let state = state.ok_or_else(|| login_required_here(&request))?;
            let app = AppState::of(&request)?;
            let known = app.known_sessions.of(&state).await?;
            // Without a row the session was deleted a moment ago.
            let known = known.ok_or_else(|| login_required_here(&request))?;
            Ok(Self { state, known })
        }
        .boxed_local()
    }
}

impl FromRequest for UnrenewedUser {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let (app, session) = parts(&request).await?;
            let now = app.clock.now();
            unrenewed(&request, &app.revocations, &session, now).map(Self)
        }
        .boxed_local()
    }
}

/// The error that redirects to the log-in, which returns to `next`.
pub fn login_required(request: &HttpRequest, next: &str) -> Error {
    let next = next.to_owned();
    match SessionOver::of(request) {
        Some(SessionOver::JustEnded) => Error::SessionOver { next },
        Some(SessionOver::Known) | None => Error::LoginRequired { next },
    }
}

/// The error that redirects to the log-in, which returns to this page.
pub fn login_required_here(request: &HttpRequest) -> Error {
    let target = request.uri().path_and_query();
    login_required(request, target.map_or("/", |target| target.as_str()))
}

async fn parts(request: &HttpRequest) -> Result<(web::Data<AppState>, BrowserSession), Error> {
    let app = AppState::of(request)?;
    let Ok(session) = BrowserSession::extract(request).await;
    Ok((app, session))
}

/// The user of the cookie, unless the session is known to have ended.
fn unrenewed(
    request: &HttpRequest,
    revocations: &RevocationCache,
    session: &BrowserSession,
    now: Timestamp,
) -> Result<Option<SessionState>, Error> {
    let Some(state) = session.current(now) else {
        return Ok(None);
    };
    match revocations.status(&state.session_id) {
        RevocationStatus::NotRevoked => Ok(Some(state)),
        RevocationStatus::Revoked => {
            // The cookie is not removed: if this response is late, the browser may have a newer one.
            request.extensions_mut().insert(SessionOver::Known);
            Ok(None)
        }
        RevocationStatus::Unknown => Err(Error::RevocationsUnknown),
    }
}

/// The user of the cookie, after a renewal of the session if it is due.
async fn current(request: &HttpRequest) -> Result<Option<SessionState>, Error> {
    let (app, session) = parts(request).await?;
    let now = app.clock.now();
    let Some(state) = unrenewed(request, &app.revocations, &session, now)? else {
        return Ok(None);
    };
    // A cookie of an older generation is out of date, even before its `renew_after`.
    let generation_changed = app.revocations.generation(&state.session_id) > state.generation;
    // After a restored backup the row may be missing, or have ended. Read before the row.
    let epoch = app.revocations.epoch();
    let idle_timeout = app.settings.session_idle_timeout;
    let use_is_due = idle_timeout.is_some_and(|it| it.is_check_due(state.checked_at, now));
    // A cookie that was written while the clock was ahead.
    let is_from_future = state.checked_at.is_some_and(|at| at.is_from_future(now));
    let is_fresh = now < state.renew_after && !generation_changed && epoch == state.epoch;
    if is_fresh && !use_is_due && !is_from_future {
        return Ok(Some(state));
    }
    let device = device(request, &app.settings.trusted_proxies);
    match app.renewal.check_cookie(&state, epoch, device).await? {
        SessionStatus::Valid(fresh) => {
            let state = SessionState {
                epoch,
                ..fresh.applied_to(state, now)
            };
            update_cookie(request, &session, state.clone())?;
            Ok(Some(state))
        }
        SessionStatus::RenewalInProgress(fresh) => Ok(Some(fresh.applied_to(state, now))),
        SessionStatus::Refused => {
            // The session was open until now, so the browser cannot have the cookie of a newer one.
            session.remove();
            request.extensions_mut().insert(SessionOver::JustEnded);
            Ok(None)
        }
        SessionStatus::Ended => {
            request.extensions_mut().insert(SessionOver::JustEnded);
            Ok(None)
        }
    }
}

/// Writes the new state to the cookie of the response, unless the session ends before it is sent.
pub fn update_cookie(
    request: &HttpRequest,
    session: &BrowserSession,
    state: SessionState,
) -> Result<(), Error> {
    let id = state.session_id.clone();
    let updated = session.update(state);
    updated.map_err(|error| InternalError::new("write the session cookie", error))?;
    request.extensions_mut().insert(UpdatedSession(id));
    Ok(())
}
