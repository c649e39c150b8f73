//! `GET /user_management/sessions/logout`, which browsers visit, and
//! `POST /user_management/sessions/revoke`, which applications call.

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;

use crate::api_error::ApiError;
use crate::api_key::ApiKey;
use crate::clock::to_iso;
use crate::json_fields::JsonFields;
use crate::pages;
use crate::redirects::parse_allowed;
use crate::state::SharedState;

#[derive(Debug, Deserialize)]
pub(crate) struct LogoutQuery {
    session_id: Option<String>,
    return_to: Option<String>,
}

/// Ends the session, forgets the browser and redirects it.
pub(crate) async fn logout(
    shared: Data<SharedState>,
    query: Query<LogoutQuery>,
) -> Result<HttpResponse, ApiError> {
    let session_id = query.session_id.as_deref().ok_or_else(|| {
        ApiError::plain(StatusCode::UNPROCESSABLE_ENTITY, "session_id is required")
    })?;
    let destination = match query.return_to.as_deref() {
        Some(uri) if parse_allowed(&shared.logout_uris, uri).is_none() => {
            let message = "This is not a valid sign-out redirect.";
            return Ok(pages::error(StatusCode::BAD_REQUEST, message));
        }
        Some(uri) => Some(uri),
        None => shared.logout_default.as_deref(),
    };
    if shared.store().end_session(session_id).is_none() {
        let message = "This session does not exist.";
        return Ok(pages::error(StatusCode::NOT_FOUND, message));
    }
    let mut response = destination.map_or_else(pages::signed_out, pages::redirect);
    let mut cookie = Cookie::build(shared.cookie_name.clone(), "")
        .path("/user_management")
        .finish();
    cookie.make_removal();
    if let Err(error) = response.add_cookie(&cookie) {
        log::warn!("emulator: failed to remove the browser's cookie: {error}");
    }
    Ok(response)
}

/// Ends a session.
pub(crate) async fn revoke(
    _key: ApiKey,
    shared: Data<SharedState>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let fields = JsonFields::read(&request, &body)?;
    let [session_id] = fields.require(["session_id"])?;
    let session = shared.store().end_session(session_id).ok_or_else(|| {
        let message = format!("Session not found: '{session_id}'.");
        ApiError::plain(StatusCode::BAD_REQUEST, &message)
    })?;
    Ok(HttpResponse::Ok().json(json!({
        "object": "session",
        "id": session.id,
        "user_id": session.user_id,
        "organization_id": session.organization_id,
        "status": "revoked",
        "created_at": to_iso(session.created_at),
        "ended_at": to_iso(shared.now()),
    })))
}
