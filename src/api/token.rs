//! `/api/token` and what belongs to it, as simplejwt has them.

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;

use super::{ApiError, Body, auth_cookie, ok};
use crate::accounts::CredentialError;
use crate::http::throttle::{RefreshThrottle, SignInThrottle};
use crate::sign_in::{self, TokensRefused};
use crate::state::AppState;
use crate::tokens::Refreshed;

/// In simplejwt's order.
#[derive(Serialize)]
struct Obtained<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<&'a str>,
    access: &'a str,
}

/// In simplejwt's order.
#[derive(Serialize)]
struct Renewed<'a> {
    access: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<&'a str>,
}

/// `POST /api/token`: a pair for an e-mail and a password.
pub async fn obtain(
    SignInThrottle(client): SignInThrottle,
    body: Body,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let (email, password) = (fields.text("email"), fields.untrimmed("password"));
    fields.finish()?;
    let password = SecretString::from(password);
    app.throttle.password(client, &email)?;
    let given = sign_in::tokens_for_password(&app, &email, &password, app.clock.now()).await;
    if let Err(TokensRefused::Credentials(CredentialError::Refused)) = &given {
        app.throttle.wrong_password(client, &email);
    }
    let pair = given?;
    let access = pair.access.as_str();
    auth_cookie::ok_with_tokens(&app, access, Some(&pair.refresh), |refresh| Obtained {
        refresh,
        access,
    })
}

/// `POST /api/token/refresh`: the next access token.
pub async fn refresh(
    _: RefreshThrottle,
    request: HttpRequest,
    body: Body,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let token = auth_cookie::refresh_field(&mut fields, &request, &app);
    fields.finish()?;
    let now = app.clock.now();
    let Refreshed { access, refresh } = app.tokens.refresh(&app.database, &token, now).await?;
    auth_cookie::ok_with_tokens(&app, &access, refresh.as_deref(), |refresh| Renewed {
        access: &access,
        refresh,
    })
}

/// `POST /api/token/verify`: whether a token of either kind is good.
pub async fn verify(body: Body, app: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let token = fields.text("token");
    fields.finish()?;
    app.tokens
        .verify(&app.database, &token, app.clock.now())
        .await?;
    ok(&json!({}))
}

/// `POST /api/token/blacklist`: ends a refresh token and its family.
pub async fn blacklist(
    request: HttpRequest,
    body: Body,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let token = auth_cookie::refresh_field(&mut fields, &request, &app);
    fields.finish()?;
    app.tokens
        .blacklist(&app.database, &token, app.clock.now())
        .await?;
    ok(&json!({}))
}
