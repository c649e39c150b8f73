//! `GET /api/auth/workos/token`: WorkOS's own access token, for a service that accepts it.

use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use chrono::SecondsFormat;
use secrecy::ExposeSecret;

use super::token_or_session::{TokenOrSession, no_workos_session};
use super::wire::WorkosTokenJson;
use super::{ApiError, json_ok};
use crate::error::Error;
use crate::middleware::device;
use crate::renewal::AccessTokenStatus;
use crate::sessions::BrowserSession;
use crate::state::AppState;

/// Answers WorkOS's access token of the request's session; 404 without `WORKOS_TOKEN_ROUTE`.
pub async fn get(
    request: HttpRequest,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    if !app.settings.workos.token_route {
        return Err(Error::NotFound.into());
    }
    let current = TokenOrSession::extract(&request).await?;
    let device = device(&request, &app.settings.trusted_proxies);
    let found = app.renewal.access_token(&current.session_id, &device).await;
    match found? {
        AccessTokenStatus::Valid(access) => json_ok(&WorkosTokenJson {
            access_token: access.token.expose_secret(),
            expires_at: access
                .expires_at
                .utc()
                .to_rfc3339_opts(SecondsFormat::Secs, true),
        }),
        AccessTokenStatus::SessionEnded => Err(current.ended(&request, &session, &app)),
        AccessTokenStatus::LocalSession => Err(no_workos_session()),
    }
}
