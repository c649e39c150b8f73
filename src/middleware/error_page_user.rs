//! The signed-in user of an error page, which therefore offers to log out.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, web};

use super::session_encryption::STATIC;
use crate::sessions::{BrowserSession, RevocationStatus, SessionState};
use crate::state::AppState;

/// The user of the browser's session, as a request extension of an error response. The session is one that
/// this process knows to be open; neither the database nor WorkOS was asked.
pub struct ErrorPageUser(pub SessionState);

/// Keeps the user of an error response for its page. The page is written outside of actix-session, which
/// has taken the session from the request by then.
pub async fn keep_error_page_user(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let request = response.request();
    if response.response().error().is_some() && !request.path().starts_with(STATIC) {
        let Ok(session) = BrowserSession::extract(request).into_inner();
        let state = session.peek(app.clock.now());
        let is_open = |state: &SessionState| {
            app.revocations.status(&state.session_id) == RevocationStatus::NotRevoked
        };
        if let Some(state) = state.filter(is_open) {
            request.extensions_mut().insert(ErrorPageUser(state));
        }
    }
    Ok(response)
}
