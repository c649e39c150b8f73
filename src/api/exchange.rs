//! `/api/auth/workos/callback`, `/api/auth/google` and `/api/auth/okta`: exchange a provider's
//! authorization code for tokens.

pub(super) mod failure;
pub(super) mod next_step;

use std::net::IpAddr;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{ApiError, RequestBody, auth_cookie};
use crate::clock::Timestamp;
use crate::error::{Error, SignInFailure};
use crate::http::throttled::SignInThrottle;
use crate::middleware::device;
use crate::oidc::{OidcCode, OidcIdentity, OidcProvider};
use crate::sessions::BrowserSession;
use crate::sign_in::{
    ExchangeFailure, SignInService, SignedInTokens, oidc_outcome, workos_outcome,
};
use crate::state::AppState;
use crate::workos::ClientDevice;

/// The error message for a `redirect_uri` that the settings do not list.
pub(super) const REDIRECT_NOT_ALLOWED: &str = "This redirect URI is not allowed.";

/// `POST /api/auth/workos/callback`: signs in a user of WorkOS, and creates the account at the first
/// sign-in. If WorkOS requires one more step, the response names it, and the same route accepts the
/// answer to the step.
pub async fn workos(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: RequestBody,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let device = device(&request, &app.settings.trusted_proxies);
    let outcome = if fields.lacks(next_step::TOKEN) {
        let code = fields.text("code");
        let code_verifier = fields.optional("code_verifier");
        next_step::check_unused(&mut fields);
        fields.finish()?;
        let permit = app.sign_in.reserve_exchange(client, None);
        let permit = permit.map_err(ExchangeFailure::from)?;
        let answer = app
            .workos
            .authenticate_with_code(&code, code_verifier.as_deref(), &device)
            .await;
        permit.settle(workos_outcome(&answer));
        answer
    } else {
        let now = app.clock.now();
        next_step::answer(&app.keys, &app.sign_in, fields, client, &device, now).await?
    };
    let authentication = match outcome {
        Ok(authentication) => authentication,
        Err(error) => {
            if error.next_step().is_none() {
                let failed = SignInFailure::Workos(error.clone()).audit_event();
                app.failures.count_any(failed, &device, app.clock.now());
            }
            return Err(next_step::refusal(&app.keys, &app.workos, error, app.clock.now()).await);
        }
    };
    let now = app.clock.now();
    let replaced = auth_cookie::replaced_session(&app.settings.api, &session, now);
    let issued = app
        .sign_in
        .tokens_for_workos(authentication, replaced, device.clone(), now)
        .await;
    let issued = issued.inspect_err(|failure| {
        app.failures
            .count_any(failure.audit_event("workos"), &device, now);
    })?;
    respond(&app, &session, issued)
}

/// `POST /api/auth/google`: signs in a user who already has an account.
pub async fn google(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: RequestBody,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let (provider, now) = (app.oidc.google.as_ref(), app.clock.now());
    let person = identify(&body, &app.sign_in, provider, client, now).await?;
    let device = device(&request, &app.settings.trusted_proxies);
    sign_in(&app, &session, person, &device).await
}

/// `POST /api/auth/okta`: signs in a user who already has an account.
pub async fn okta(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: RequestBody,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let (provider, now) = (app.oidc.okta.as_ref(), app.clock.now());
    let person = identify(&body, &app.sign_in, provider, client, now).await?;
    let device = device(&request, &app.settings.trusted_proxies);
    sign_in(&app, &session, person, &device).await
}

async fn identify(
    body: &RequestBody,
    sign_in: &SignInService,
    provider: Option<&OidcProvider>,
    client: IpAddr,
    now: Timestamp,
) -> Result<OidcIdentity, ApiError> {
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
    let permit = sign_in.reserve_exchange(client, None);
    let permit = permit.map_err(ExchangeFailure::from)?;
    let person = provider.identify(&code, now).await;
    permit.settle(oidc_outcome(&person));
    Ok(person.map_err(ExchangeFailure::from)?)
}

async fn sign_in(
    app: &AppState,
    session: &BrowserSession,
    person: OidcIdentity,
    device: &ClientDevice,
) -> Result<HttpResponse, ApiError> {
    let now = app.clock.now();
    let replaced = auth_cookie::replaced_session(&app.settings.api, session, now);
    let issuer = person.issuer.clone();
    let issued = app
        .sign_in
        .tokens_for_identity(person, replaced, device, now)
        .await;
    let issued = issued.inspect_err(|failure| {
        app.failures
            .count_any(failure.audit_event(&issuer), device, now);
    })?;
    respond(app, session, issued)
}

fn respond(
    app: &AppState,
    session: &BrowserSession,
    issued: SignedInTokens,
) -> Result<HttpResponse, ApiError> {
    auth_cookie::replace_session(&app.settings.api, session);
    auth_cookie::ok_signed_in(&app.settings, &issued.pair, issued.user)
}
