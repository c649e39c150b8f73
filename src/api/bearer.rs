//! Authentication of API requests, as an extractor.

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::error::Unauthorized;
use super::{ApiError, access_token, auth_cookie, cookie_tokens};
use crate::accounts::User;
use crate::db::DbError;
use crate::error::Error;
use crate::http::session_user::{MaybeUser, SessionOver};
use crate::origin::Origin;
use crate::sessions::BrowserSession;
use crate::settings::ApiSettings;
use crate::state::AppState;

/// The user of the access token in the `Authorization` header, else of the access token in the policy
/// cookie, else of the browser session. Without any of them the response is 401.
pub struct ApiUser(pub User);

impl FromRequest for ApiUser {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let app = AppState::of(&request).map_err(Error::from)?;
            if let Some(token) = bearer_token(&request, &app.settings.api)? {
                let claims = access_token::read(&app, &request, &token)?;
                let user = access_token::load_user(&app.database, claims);
                return user.await.map(Self);
            }
            if let Some(token) = auth_cookie::access_token(&request, &app.settings.api) {
                let Ok(session) = BrowserSession::extract(&request).await;
                let user = cookie_tokens::authenticate(&request, &session, &app, &token);
                return user.await.map(Self);
            }
            let MaybeUser(state) = MaybeUser::extract(&request).await?;
            let state = state.ok_or_else(|| not_signed_in(&request, &app.settings.public_url))?;
            let user = app
                .database
                .read(move |conn| {
                    let user = User::of_session(conn, &state.session_id, state.user_id)?;
                    Ok::<_, DbError>(user)
                })
                .await?;
            match user.filter(|user| user.is_active) {
                Some(user) => Ok(Self(user)),
                None => Err(Unauthorized::NotProvided.into()),
            }
        }
        .boxed_local()
    }
}

/// The 401 of a request without a browser session, or whose browser session has ended.
pub(crate) fn not_signed_in(request: &HttpRequest, public_url: &Origin) -> ApiError {
    match SessionOver::of(request) {
        Some(_) => ApiError::session_over(public_url),
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
