//! `POST /api/auth/session`: tokens for a single-page application on the same origin, whose user has
//! signed in in the browser.

use actix_web::{HttpRequest, HttpResponse, web};

use super::bearer::nobody;
use super::{ApiError, auth_cookie};
use crate::http::session_user::MaybeUser;
use crate::sign_in;
use crate::state::AppState;

/// Gives tokens to a signed-in browser; the cross-site check has been passed.
pub async fn session(
    request: HttpRequest,
    user: MaybeUser,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let state = user.0.ok_or_else(|| nobody(&request, &app))?;
    let given = sign_in::tokens_for_session(&app, state, app.clock.now()).await?;
    // Ended a moment ago, on another replica or in the database.
    let (user, pair) = given.ok_or_else(|| ApiError::session_over(&app))?;
    auth_cookie::ok_signed_in(&app, &pair, user)
}
