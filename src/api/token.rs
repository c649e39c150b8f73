//! `/api/token` and the routes below it, compatible with simplejwt.

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::SecretString;
use serde_json::json;

use super::access_token::count_forged;
use super::exchange::next_step;
use super::wire::{RefreshedJson, TokenPairJson};
use super::{ApiError, RequestBody, auth_cookie, cookie_tokens, json_ok, token_code};
use crate::accounts::passwords::PasswordSource;
use crate::accounts::{CredentialError, LoginName};
use crate::http::site::Site;
use crate::http::throttled::{RefreshThrottle, SignInThrottle, VerifyThrottle};
use crate::middleware::device;
use crate::renewal::{TokenRefreshError, TokenRefreshRequest};
use crate::sessions::BrowserSession;
use crate::sign_in::{PasswordOutcome, PasswordTokenError};
use crate::state::AppState;
use crate::tokens::{RefreshError, RefreshedTokens, TokenError};

/// `POST /api/token`: a token pair for an email, or a username with `LOGIN_FIELD=username`, and a password. If
/// the account has a second factor, the response asks for its code, and the same route accepts the code.
pub async fn obtain(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: RequestBody,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let now = app.clock.now();
    let device = device(&request, &app.settings.trusted_proxies);
    let replaced = auth_cookie::replaced_session(&app.settings.api, &session, now);
    let pair = if fields.lacks(next_step::TOKEN) {
        let field = app.settings.login_field;
        let (name, password) = (fields.text(field.name()), fields.text("password"));
        fields.finish()?;
        let password = SecretString::from(password);
        let source = PasswordSource::Address(client);
        let mut name = LoginName::of_request(field, &name);
        let mut attempt = app.throttle.begin_password(&source, &name.key())?;
        let account = name.read_account_of_names(&app.database).await?;
        if account.is_some_and(|account| !attempt.admits_account(account.id)) {
            name = name.refused();
        }
        let issued = app
            .sign_in
            .tokens_for_password(&name, (&password, source), replaced, &device, now)
            .await;
        attempt.finish(matches!(
            issued,
            Err(PasswordTokenError::Credentials(CredentialError::Refused(_)))
        ));
        match issued? {
            PasswordOutcome::SignedIn(pair) => pair,
            PasswordOutcome::CodeRequired(pending) => {
                return Err(token_code::code_required(&app.sign_in, &pending));
            }
        }
    } else {
        token_code::answer(&app, fields, client, replaced, device).await?
    };
    auth_cookie::replace_session(&app.settings.api, &session);
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
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let field = auth_cookie::refresh_field(&mut fields, &request, &app.settings.api);
    fields.finish()?;
    let now = app.clock.now();
    let browser_session = match field.is_cookie {
        true => cookie_tokens::open_session(&request, &session, &app)?,
        false => None,
    };
    let refreshing = TokenRefreshRequest {
        token: &field.token,
        browser_session,
        device: device(&request, &app.settings.trusted_proxies),
        throttle: &app.throttle,
        failures: &app.failures,
        now,
    };
    let refreshed = app.token_refresh.refresh(refreshing).await;
    if refreshed.is_err() {
        count_forged(&app, &request, &field.token);
    }
    if let Err(TokenRefreshError::SessionEnded | TokenRefreshError::OtherSession) = &refreshed
        && field.is_cookie
    {
        session.remove_foreign_tokens();
    }
    let RefreshedTokens { access, refresh } = refreshed
        .map_err(|error| ApiError::refresh(error, Site::of(&request, &app.settings).origin))?;
    auth_cookie::ok_with_tokens(&app.settings, &access, refresh.as_deref(), |refresh| {
        RefreshedJson {
            access: &access,
            refresh,
        }
    })
}

/// `POST /api/token/verify`: whether an access or refresh token is valid. simplejwt reports a blacklisted
/// one as an invalid field.
pub async fn verify(
    _: VerifyThrottle,
    request: HttpRequest,
    body: RequestBody,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let token = fields.text("token");
    fields.finish()?;
    match app
        .tokens
        .verify(&app.database, &token, app.clock.now())
        .await
    {
        Err(RefreshError::Token(TokenError::Blacklisted)) => Err(ApiError::Blacklisted),
        Err(error) => {
            count_forged(&app, &request, &token);
            Err(error.into())
        }
        Ok(_) => json_ok(&json!({})),
    }
}

/// `POST /api/token/blacklist`: revokes a refresh token and its family.
pub async fn blacklist(
    request: HttpRequest,
    body: RequestBody,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let field = auth_cookie::refresh_field(&mut fields, &request, &app.settings.api);
    fields.finish()?;
    let device = device(&request, &app.settings.trusted_proxies);
    let blacklisted = app
        .tokens
        .blacklist(&app.database, &field.token, device, app.clock.now());
    if let Err(error) = blacklisted.await {
        count_forged(&app, &request, &field.token);
        return Err(error.into());
    }
    json_ok(&json!({}))
}
