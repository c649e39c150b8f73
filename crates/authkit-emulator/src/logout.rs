//! `GET /user_management/sessions/logout`, where browsers end, and
//! `POST /user_management/sessions/revoke`, which applications call.

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;

use crate::api_key::ApiKey;
use crate::authenticate::Fields;
use crate::authorization::allowed;
use crate::authorize::found;
use crate::clock::iso;
use crate::pages;
use crate::replies::Refusal;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
pub(crate) struct Logout {
    session_id: Option<String>,
    return_to: Option<String>,
}

/// Ends the session and AuthKit's memory of the browser, then sends the browser on.
pub(crate) async fn logout(
    shared: Data<Shared>,
    query: Query<Logout>,
) -> Result<HttpResponse, Refusal> {
    let session_id = query.session_id.as_deref().ok_or_else(|| {
        Refusal::plain(StatusCode::UNPROCESSABLE_ENTITY, "session_id is required")
    })?;
    let destination = match query.return_to.as_deref() {
        Some(uri) if allowed(&shared.logout_uris, uri).is_none() => {
            let message = "This is not a valid sign-out redirect.";
            return Ok(pages::error(StatusCode::BAD_REQUEST, message));
        }
        Some(uri) => Some(uri),
        None => shared.logout_default.as_deref(),
    };
    if shared.state().end_session(session_id).is_none() {
        return Ok(pages::error(
            StatusCode::NOT_FOUND,
            "This session does not exist.",
        ));
    }
    let mut response = destination.map_or_else(pages::signed_out, found);
    let mut cookie = Cookie::build(shared.cookie_name.clone(), "")
        .path("/user_management")
        .finish();
    cookie.make_removal();
    if let Err(error) = response.add_cookie(&cookie) {
        log::warn!("emulator: the cookie could not be removed: {error}");
    }
    Ok(response)
}

/// Ends a session without a browser at hand.
pub(crate) async fn revoke(
    _key: ApiKey,
    shared: Data<Shared>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let fields = Fields::read(&request, &body)?;
    let [session_id] = fields.require(["session_id"])?;
    let session = shared.state().end_session(session_id);
    let session = session.ok_or_else(|| {
        Refusal::plain(
            StatusCode::BAD_REQUEST,
            &format!("Session not found: '{session_id}'."),
        )
    })?;
    Ok(HttpResponse::Ok().json(json!({
        "object": "session",
        "id": session.id,
        "user_id": session.user_id,
        "organization_id": session.organization_id,
        "status": "revoked",
        "created_at": iso(session.created_at),
        "ended_at": iso(shared.now()),
    })))
}
