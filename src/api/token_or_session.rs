//! The open WorkOS session of a request: that of its bearer token, else that of the browser.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::ApiError;
use super::bearer::{bearer_token, not_signed_in, user_of_token};
use super::exchange::failure::exchange_error;
use crate::error::Error;
use crate::http::session_user::{MaybeUser, SessionOver};
use crate::http::site::Site;
use crate::ids::{OrganizationId, SessionId, UserId};
use crate::middleware::device;
use crate::renewal::{RenewalRequest, SessionStatus};
use crate::sessions::{BrowserSession, Impersonator, SessionState};
use crate::state::AppState;

/// The open WorkOS session of a request: that of the access token in the `Authorization` header, else the browser's,
/// else that of the access token in the policy cookie. As on a page, the policy cookie of a browser that has a session
/// does not matter: it may have expired. The session has been renewed if it was due. Without any of them the response is
/// 401; it is 409 for a token of a sign-in without WorkOS.
pub struct TokenOrSession {
    /// The session.
    pub session_id: SessionId,
    /// Its account.
    pub user_id: UserId,
    /// Its organisation.
    pub organization_id: Option<OrganizationId>,
    /// The impersonator, in an impersonated session.
    pub impersonator: Option<Impersonator>,
    /// The state in the browser's cookie, if the cookie names the session.
    pub cookie: Option<SessionState>,
}

impl FromRequest for TokenOrSession {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let app = AppState::of(&request).map_err(Error::from)?;
            if bearer_token(&request, &app.settings.api)?.is_none()
                && let Some(session) = Self::of_browser(&request, &app).await?
            {
                return Ok(session);
            }
            let session = Self::of_token(&request, &app).await?;
            session.ok_or_else(|| not_signed_in(&request, &app.settings))
        }
        .boxed_local()
    }
}

impl TokenOrSession {
    /// The session of the request's access token; `None` without a token.
    async fn of_token(request: &HttpRequest, app: &AppState) -> Result<Option<Self>, ApiError> {
        let Some(user) = user_of_token(request, app).await? else {
            return Ok(None);
        };
        let session_id = user.session_id.ok_or_else(no_workos_session)?;
        let renewal = RenewalRequest {
            session_id: session_id.clone(),
            switch_to: None,
            device: device(request, &app.settings.trusted_proxies),
        };
        match app.renewal.check(renewal).await? {
            SessionStatus::Valid(_) | SessionStatus::RenewalInProgress(_) => Ok(Some(Self {
                session_id,
                user_id: user.user.id,
                organization_id: user.facts.organization_id,
                impersonator: user.impersonator,
                cookie: None,
            })),
            SessionStatus::Refused | SessionStatus::Ended => Err(ApiError::session_over(
                Site::of(request, &app.settings).origin,
            )),
        }
    }

    /// The browser's session; `None` without one that is open.
    async fn of_browser(request: &HttpRequest, app: &AppState) -> Result<Option<Self>, ApiError> {
        let MaybeUser(state) = MaybeUser::extract(request).await?;
        let Some(state) = state else {
            return Ok(None);
        };
        let known = app.known_sessions.of(&state).await.map_err(Error::from)?;
        // Without a row the session was deleted a moment ago.
        let known = known.ok_or_else(|| not_signed_in(request, &app.settings))?;
        Ok(Some(Self {
            session_id: state.session_id.clone(),
            user_id: state.user_id,
            organization_id: known.facts.organization_id.clone(),
            impersonator: state.impersonator.clone(),
            cookie: Some(state),
        }))
    }

    /// The 401 of a session that has ended meanwhile, and whose cookie is removed.
    pub fn ended(
        &self,
        request: &HttpRequest,
        session: &BrowserSession,
        app: &AppState,
    ) -> ApiError {
        if self.cookie.is_some() {
            session.remove();
            request.extensions_mut().insert(SessionOver::JustEnded);
        }
        ApiError::session_over(Site::of(request, &app.settings).origin)
    }
}

/// The response to a user who has signed in with a password of this site, or directly with Google or Okta.
pub(super) fn no_workos_session() -> ApiError {
    exchange_error(
        StatusCode::CONFLICT,
        "You did not sign in with WorkOS.",
        "no_workos_session",
    )
}
