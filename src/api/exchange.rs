//! `/api/auth/workos/callback`, `/api/auth/google` and `/api/auth/okta`: exchange a provider's
//! authorization code for tokens.

pub(super) mod failure;
pub(super) mod next_step;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{ApiError, RequestBody, auth_cookie};
use crate::error::Error;
use crate::http::throttle::SignInThrottle;
use crate::middleware::device;
use crate::oidc::{OidcCode, OidcProvider};
use crate::sign_in::{ExchangeFailure, SignedInTokens};
use crate::state::AppState;

/// The error message for a `redirect_uri` that the settings do not list.
pub(super) const REDIRECT_NOT_ALLOWED: &str = "This redirect URI is not allowed.";

/// `POST /api/auth/workos/callback`: signs in a user of WorkOS, and creates the account at the first
/// sign-in. If WorkOS requires one more step, the response names it, and the same route accepts the
/// answer to the step.
pub async fn workos(
    _: SignInThrottle,
    request: HttpRequest,
    body: RequestBody,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let device = device(&request, &app.settings.trusted_proxies);
    let outcome = if fields.lacks(next_step::TOKEN) {
        let code = fields.text("code");
        let code_verifier = fields.optional("code_verifier");
        next_step::check_unused(&mut fields);
        fields.finish()?;
        app.workos
            .authenticate_with_code(&code, code_verifier.as_deref(), &device)
            .await
    } else {
        next_step::answer(&app, fields, &device).await?
    };
    let authentication = match outcome {
        Ok(authentication) => authentication,
        Err(error) => {
            return Err(next_step::refusal(&app.keys, &app.workos, error, app.clock.now()).await);
        }
    };
    let now = app.clock.now();
    let SignedInTokens { user, pair } = app
        .sign_in
        .tokens_for_workos(authentication, device, now)
        .await?;
    auth_cookie::ok_signed_in(&app.settings, &pair, user)
}

/// `POST /api/auth/google`: signs in a user who already has an account.
pub async fn google(
    _: SignInThrottle,
    body: RequestBody,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    exchange_with(&body, &app, app.oidc.google.as_ref()).await
}

/// `POST /api/auth/okta`: signs in a user who already has an account.
pub async fn okta(
    _: SignInThrottle,
    body: RequestBody,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    exchange_with(&body, &app, app.oidc.okta.as_ref()).await
}

async fn exchange_with(
    body: &RequestBody,
    app: &AppState,
    provider: Option<&OidcProvider>,
) -> Result<HttpResponse, ApiError> {
    let provider = provider.ok_or(Error::NotFound)?;
    let mut fields = body.fields();
    let code = OidcCode {
        code: fields.text("code"),
        redirect_uri: fields.text("redirect_uri"),
        nonce: fields.optional("nonce"),
        code_verifier: fields.optional("code_verifier"),
    };
    if !code.redirect_uri.is_empty() && !provider.allows(&code.redirect_uri) {
        fields.add_error("redirect_uri", REDIRECT_NOT_ALLOWED);
    }
    fields.finish()?;
    let person = provider
        .identify(&code, app.clock.now())
        .await
        .map_err(ExchangeFailure::from)?;
    let SignedInTokens { user, pair } = app
        .sign_in
        .tokens_for_identity(person, app.clock.now())
        .await?;
    auth_cookie::ok_signed_in(&app.settings, &pair, user)
}
