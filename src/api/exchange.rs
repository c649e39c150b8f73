//! `/api/auth/workos/callback`, `/api/auth/google` and `/api/auth/okta`: a provider's code for tokens.

pub(super) mod failure;
pub(super) mod step;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{ApiError, Body, auth_cookie};
use crate::error::Error;
use crate::http::throttle::SignInThrottle;
use crate::middleware::device;
use crate::oidc::{OidcCode, OidcProvider};
use crate::sign_in::{self, ExchangeFailure, SignedIn};
use crate::state::AppState;

/// What is said of a `redirect_uri` that the settings do not list.
pub(super) const REDIRECT_NOT_ALLOWED: &str = "This redirect URI is not allowed.";

/// `POST /api/auth/workos/callback`: known here and there, signs in; known to WorkOS alone, gets an
/// account at once; unknown to WorkOS, fails. Where WorkOS wants one more step, the answer says which,
/// and the same route takes it.
pub async fn workos(
    _: SignInThrottle,
    request: HttpRequest,
    body: Body,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let device = device(&request, &app);
    let answer = if fields.lacks(step::TOKEN) {
        let code = fields.text("code");
        let code_verifier = fields.optional("code_verifier");
        step::check(&mut fields);
        fields.finish()?;
        app.workos
            .authenticate_with_code(&code, code_verifier.as_deref(), &device)
            .await
    } else {
        step::answer(&app, fields, &device).await?
    };
    let authentication = match answer {
        Ok(authentication) => authentication,
        Err(error) => return Err(step::refusal(&app, error).await),
    };
    let now = app.clock.now();
    let SignedIn { user, pair } =
        sign_in::tokens_for_workos(&app, authentication, device, now).await?;
    auth_cookie::ok_signed_in(&app, &pair, user)
}

/// `POST /api/auth/google`: for people who have an account.
pub async fn google(
    _: SignInThrottle,
    body: Body,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    identity(&body, &app, app.oidc.google.as_ref()).await
}

/// `POST /api/auth/okta`: for people who have an account.
pub async fn okta(
    _: SignInThrottle,
    body: Body,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    identity(&body, &app, app.oidc.okta.as_ref()).await
}

async fn identity(
    body: &Body,
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
        fields.complain("redirect_uri", REDIRECT_NOT_ALLOWED);
    }
    fields.finish()?;
    let person = provider
        .identify(&code, app.clock.now())
        .await
        .map_err(ExchangeFailure::from)?;
    let SignedIn { user, pair } =
        sign_in::tokens_for_identity(app, person, app.clock.now()).await?;
    auth_cookie::ok_signed_in(app, &pair, user)
}
