//! `POST /api/auth/session`: tokens for a single-page application on the same origin, whose user is
//! signed in with a browser session.

use actix_web::{HttpRequest, HttpResponse, web};

use super::bearer::not_signed_in;
use super::{ApiError, auth_cookie};
use crate::http::session_user::MaybeUser;
use crate::state::AppState;

/// Issues tokens for the browser session. The cross-site middleware has already checked the request.
pub async fn session(
    request: HttpRequest,
    user: MaybeUser,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let state = user
        .0
        .ok_or_else(|| not_signed_in(&request, &app.settings.public_url))?;
    app.throttle.count_session_tokens(&state.session_id)?;
    let issued = app
        .sign_in
        .tokens_for_session(state, app.clock.now())
        .await?;
    // The session may have ended a moment ago, on another replica.
    let (user, pair) = issued.ok_or_else(|| ApiError::session_over(&app.settings.public_url))?;
    auth_cookie::ok_signed_in(&app.settings, &pair, user)
}
