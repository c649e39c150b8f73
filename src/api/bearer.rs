//! Authentication of API requests, as an extractor.

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::api_user::ApiUser;
use super::error::Unauthorized;
use super::{ApiError, access_token, auth_cookie, cookie_tokens};
use crate::accounts::{User, group_names};
use crate::db::DbError;
use crate::error::Error;
use crate::http::session_user::{MaybeUser, SessionOver};
use crate::http::site::Site;
use crate::sessions::{BrowserSession, SessionFacts};
use crate::settings::{ApiSettings, Settings};
use crate::state::AppState;

impl FromRequest for ApiUser {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let app = AppState::of(&request).map_err(Error::from)?;
            if let Some(user) = user_of_token(&request, &app).await? {
                return Ok(user);
            }
            let MaybeUser(state) = MaybeUser::extract(&request).await?;
            let state = state.ok_or_else(|| not_signed_in(&request, &app.settings))?;
            let impersonator = state.impersonator.clone();
            let session_id = Some(state.session_id.clone());
            let (user, session, groups) = app
                .database
                .read(move |conn| {
                    let user = User::of_session(conn, &state.session_id, state.user_id)?;
                    let session = SessionFacts::of(conn, &state.session_id, state.user_id)?;
                    let groups = group_names(conn, state.user_id)?;
                    Ok::<_, DbError>((user, session, groups))
                })
                .await?;
            let (facts, sid) = session.unwrap_or_default();
            match user.filter(|user| user.is_active) {
                Some(user) => Ok(Self {
                    user,
                    groups,
                    session_id,
                    facts,
                    sid,
                    impersonator,
                }),
                None => Err(Unauthorized::NotProvided.into()),
            }
        }
        .boxed_local()
    }
}

/// The user of the access token in the `Authorization` header, else of that in the policy cookie; `None` without a
/// token.
pub(crate) async fn user_of_token(
    request: &HttpRequest,
    app: &AppState,
) -> Result<Option<ApiUser>, ApiError> {
    if let Some(token) = bearer_token(request, &app.settings.api)? {
        let claims = access_token::read(app, request, &token)?;
        let user = access_token::load_user(&app.database, claims, app.clock.now());
        return user.await.map(Some);
    }
    if let Some(token) = auth_cookie::access_token(request, &app.settings.api) {
        let Ok(session) = BrowserSession::extract(request).await;
        let user = cookie_tokens::authenticate(request, &session, app, &token);
        return user.await.map(Some);
    }
    Ok(None)
}

/// The 401 of a request without a browser session, or whose browser session has ended.
pub(crate) fn not_signed_in(request: &HttpRequest, settings: &Settings) -> ApiError {
    match SessionOver::of(request) {
        Some(_) => ApiError::session_over(Site::of(request, settings).origin),
        None => Unauthorized::NotProvided.into(),
    }
}

/// The token of the `Authorization` header; `None` without the header, and with a scheme that
/// `AUTH_HEADER_TYPES` does not list.
pub(crate) fn bearer_token(
    request: &HttpRequest,
    settings: &ApiSettings,
) -> Result<Option<String>, Unauthorized> {
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(header.as_bytes());
    let mut parts = text.split_ascii_whitespace();
    // simplejwt compares `Bearer` with its case, and its users complain about that.
    let is_ours = |scheme: &str| {
        let mut types = settings.auth_header_types.iter();
        types.any(|one| scheme.eq_ignore_ascii_case(one))
    };
    match (parts.next(), parts.next(), parts.next()) {
        (Some(scheme), token, rest) if is_ours(scheme) => match (token, rest) {
            (Some(token), None) => Ok(Some(token.to_owned())),
            _ => Err(Unauthorized::BadHeader),
        },
        _ => Ok(None),
    }
}
