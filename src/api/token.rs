//! `/api/token` and the routes below it, compatible with simplejwt.

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::SecretString;
use serde_json::json;

use super::wire::{RefreshedJson, TokenPairJson};
use super::{ApiError, RequestBody, auth_cookie, json_ok};
use crate::accounts::CredentialError;
use crate::accounts::passwords::PasswordSource;
use crate::http::throttled::{RefreshThrottle, SignInThrottle};
use crate::middleware::device;
use crate::sign_in::PasswordTokenError;
use crate::state::AppState;
use crate::tokens::RefreshedTokens;

/// `POST /api/token`: a token pair for an email address and a password.
pub async fn obtain(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: RequestBody,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let (email, password) = (fields.text("email"), fields.untrimmed("password"));
    fields.finish()?;
    let password = SecretString::from(password);
    let source = PasswordSource::Address(client);
    let attempt = app.throttle.begin_password(&source, &email)?;
    let device = device(&request, &app.settings.trusted_proxies);
    let issued = app
        .sign_in
        .tokens_for_password(&email, (&password, source), &device, app.clock.now())
        .await;
    attempt.finish(matches!(
        issued,
        Err(PasswordTokenError::Credentials(CredentialError::Refused(_)))
    ));
    let pair = issued?;
    let access = pair.access.as_str();
    auth_cookie::ok_with_tokens(&app.settings, access, Some(&pair.refresh), |refresh| {
        TokenPairJson { refresh, access }
    })
}

/// `POST /api/token/refresh`: a new access token for a refresh token.
pub async fn refresh(
    _: RefreshThrottle,
    request: HttpRequest,
    body: RequestBody,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let token = auth_cookie::refresh_field(&mut fields, &request, &app.settings.api);
    fields.finish()?;
    let now = app.clock.now();
    let RefreshedTokens { access, refresh } =
        app.tokens.refresh(&app.database, &token, now).await?;
    auth_cookie::ok_with_tokens(&app.settings, &access, refresh.as_deref(), |refresh| {
        RefreshedJson {
            access: &access,
            refresh,
        }
    })
}

/// `POST /api/token/verify`: whether an access or refresh token is valid.
pub async fn verify(body: RequestBody, app: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let token = fields.text("token");
    fields.finish()?;
    app.tokens
        .verify(&app.database, &token, app.clock.now())
        .await?;
    json_ok(&json!({}))
}

/// `POST /api/token/blacklist`: revokes a refresh token and its family.
pub async fn blacklist(
    request: HttpRequest,
    body: RequestBody,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let token = auth_cookie::refresh_field(&mut fields, &request, &app.settings.api);
    fields.finish()?;
    app.tokens
        .blacklist(&app.database, &token, app.clock.now())
        .await?;
    json_ok(&json!({}))
}
