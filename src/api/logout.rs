//! `POST /api/auth/logout`: ends every session and token that the request names.

use actix_web::{HttpRequest, HttpResponse, web};

use super::bearer::bearer_token;
use super::wire::LoggedOutJson;
use super::{ApiError, RequestBody, json_ok};
use crate::error::Error;
use crate::http::session_user::UnrenewedUser;
use crate::http::site::Site;
use crate::middleware::{cookie_claims, device, other_sessions};
use crate::sessions::BrowserSession;
use crate::settings::Settings;
use crate::sign_out::{SignOutRequest, SignedOut};
use crate::state::AppState;
use crate::tokens::TokenKind;
use crate::workos::WorkosClient;

/// dj-rest-auth's message, which single-page applications written for Django may compare.
const MESSAGE: &str = "Successfully logged out";
/// The error message for a `return_to` on another origin.
pub(super) const FOREIGN_RETURN_TO: &str = "Enter a URL on this site or on an allowed origin.";

/// Logs out. A missing, expired or invalid access token does not fail the request.
pub async fn logout(
    request: HttpRequest,
    body: RequestBody,
    user: UnrenewedUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let refresh = fields.optional("refresh");
    let return_to = fields.optional("return_to");
    let site = Site::of(&request, &app.settings);
    if return_to
        .as_deref()
        .is_some_and(|url| !site.may_return_to(url))
    {
        fields.add_error("return_to", FOREIGN_RETURN_TO);
    }
    fields.finish()?;
    let now = app.clock.now();
    let header = bearer_token(&request, &app.settings.api).ok().flatten();
    let read = |token: String, kind| app.tokens.read_expired(&token, kind, now).ok();
    let header = header.and_then(|token| read(token, TokenKind::Access));
    let in_cookies = cookie_claims(&app, &request, TokenKind::Access);
    let refresh_tokens = match refresh {
        Some(refresh) => read(refresh, TokenKind::Refresh).into_iter().collect(),
        None => cookie_claims(&app, &request, TokenKind::Refresh),
    };
    let sign_out = SignOutRequest {
        session_id: user.0.map(|state| state.session_id),
        access_tokens: header.into_iter().chain(in_cookies).collect(),
        refresh_tokens,
        other_sessions: other_sessions(&request),
        device: device(&request, &app.settings.trusted_proxies),
        ..SignOutRequest::default()
    };
    let ended = app.sign_out.sign_out(sign_out, now).await?;
    session.log_out();
    let return_to = return_to.or_else(|| site.logout_return_to());
    respond(&app.settings, &app.workos, ended, return_to.as_deref())
}

fn respond(
    settings: &Settings,
    workos: &WorkosClient,
    ended: SignedOut,
    return_to: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let url = ended
        .workos_sid
        .map(|sid| workos.logout_url(&sid, return_to));
    let url = url.transpose().map_err(Error::from)?;
    json_ok(&LoggedOutJson {
        message: MESSAGE,
        workos_logout_url: url.map(String::from),
        redirect_to: match ended.by_workos {
            true => &settings.api.logout_to_signin,
            false => &settings.api.logout_to_login,
        },
    })
}
