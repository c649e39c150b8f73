//! `POST /api/auth/session`: tokens for a single-page application on the same origin, whose user is
//! signed in with a browser session.

use actix_web::{HttpRequest, HttpResponse, web};

use super::bearer::not_signed_in;
use super::{ApiError, auth_cookie};
use crate::clock::Timestamp;
use crate::http::session_user::MaybeUser;
use crate::http::site::Site;
use crate::ids::SessionId;
use crate::sessions::{BrowserSession, Impersonator};
use crate::state::AppState;
use crate::tokens::{TokenKind, TokenPair};

/// Issues tokens for the browser session. The cross-site middleware has already checked the request.
pub async fn session(
    request: HttpRequest,
    user: MaybeUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let state = user
        .0
        .ok_or_else(|| not_signed_in(&request, &app.settings))?;
    app.throttle.count_session_tokens(&state.session_id)?;
    issue_tokens(
        &request,
        &session,
        &app,
        state.session_id,
        state.impersonator,
    )
    .await
}

/// The response with new tokens for an open session, which this person impersonates.
pub(super) async fn issue_tokens(
    request: &HttpRequest,
    session: &BrowserSession,
    app: &AppState,
    session_id: SessionId,
    impersonator: Option<Impersonator>,
) -> Result<HttpResponse, ApiError> {
    let now = app.clock.now();
    let issued = app
        .sign_in
        .tokens_for_session(session_id, impersonator, now)
        .await?;
    // The session may have ended a moment ago, on another replica.
    let (user, pair) =
        issued.ok_or_else(|| ApiError::session_over(Site::of(request, &app.settings).origin))?;
    if !is_same_sign_in(request, app, &pair, now) {
        session.remove_tokens();
    }
    auth_cookie::ok_signed_in(&app.settings, &pair, user)
}

/// Whether the access token in the request's cookie, if there is one, has the user and the WorkOS session
/// of the pair that replaces it.
fn is_same_sign_in(
    request: &HttpRequest,
    app: &AppState,
    pair: &TokenPair,
    now: Timestamp,
) -> bool {
    let read = |token: &str| {
        let claims = app
            .tokens
            .read_expired(token, TokenKind::Access, now)
            .ok()?;
        Some((claims.user_id, claims.sid))
    };
    let previous = auth_cookie::access_token(request, &app.settings.api);
    previous.is_none_or(|previous| read(&previous) == read(&pair.access))
}
