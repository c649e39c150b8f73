//! `/api/auth/workos/callback`, `/api/auth/google` and `/api/auth/okta`: exchange a provider's
//! authorization code for tokens.

pub(super) mod failure;
pub(super) mod next_step;

use std::net::IpAddr;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;

use super::{ApiError, RequestBody, auth_cookie};
use crate::clock::Timestamp;
use crate::error::{Error, SignInFailure};
use crate::http::throttled::SignInThrottle;
use crate::middleware::device;
use crate::oidc::{OidcCode, OidcProvider};
use crate::sessions::BrowserSession;
use crate::sign_in::{ExchangeFailure, SignedInTokens, oidc_outcome, workos_outcome};
use crate::state::AppState;
use crate::workos::{Authentication, ClientDevice};

/// The error message for a `redirect_uri` that the settings do not list.
pub(super) const REDIRECT_NOT_ALLOWED: &str = "This redirect URI is not allowed.";

/// How far WorkOS's clock may be ahead of ours.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::seconds(60);

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
    let (outcome, waiting_since) = if fields.lacks(next_step::TOKEN) {
        let code = fields.text("code");
        let code_verifier = fields.optional("code_verifier");
        let invitation_token = fields.optional("invitation_token");
        next_step::check_unused(&mut fields);
        fields.finish()?;
        let permit = app.sign_in.reserve_exchange(client, None);
        let permit = permit.map_err(ExchangeFailure::from)?;
        let answer = app
            .workos
            .authenticate_with_code(
                &code,
                code_verifier.as_deref(),
                invitation_token.as_deref(),
                &device,
            )
            .await;
        permit.settle(workos_outcome(&answer));
        (answer, None)
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
            let since = (waiting_since, app.clock.now());
            return Err(next_step::refusal(&app.keys, &app.workos, error, since).await);
        }
    };
    if continues_idle_session(&app, &session, &authentication, &device).await? {
        return Err(next_step::expired());
    }
    let now = app.clock.now();
    let replaced = auth_cookie::replaced_session(&app.settings.api, &session, now);
    let issued = app
        .sign_in
        .tokens_for_workos(authentication, waiting_since, replaced, device.clone(), now)
        .await;
    let issued = issued.inspect_err(|failure| {
        app.failures
            .count_any(failure.audit_event("workos"), &device, now);
    });
    match issued {
        Ok(issued) => respond(&app, &session, issued),
        // All sessions of the account have ended since WorkOS asked for this step.
        Err(ExchangeFailure::Workos(SignInFailure::AttemptAlreadyUsed)) => {
            Err(next_step::expired())
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Whether the browser's session has ended because it was not used, and WorkOS has signed the user in from its
/// own session all the same, without asking for credentials since. That session ends in the background, so the
/// next sign-in asks for them.
async fn continues_idle_session(
    app: &AppState,
    session: &BrowserSession,
    authentication: &Authentication,
    device: &ClientDevice,
) -> Result<bool, ApiError> {
    let state = session.peek(app.clock.now());
    let Some(state) = state.filter(|_| app.settings.api.auth_cookie_name.is_some()) else {
        return Ok(false);
    };
    let idle = app.renewal.end_idle_session(&state, device.clone()).await?;
    Ok(idle.is_some_and(|row| {
        let asked_at = authentication.auth_time.map(Timestamp::from);
        let last_use = row.last_used_at().plus(CLOCK_LEEWAY);
        let is_same = row.workos_sid.is_some() && row.workos_sid == authentication.sid;
        is_same || asked_at.is_some_and(|asked_at| asked_at <= last_use)
    }))
}

/// `POST /api/auth/google`: signs in a user who already has an account.
pub async fn google(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: RequestBody,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let provider = app.oidc.google.as_ref();
    let signed_in = exchange_with(&request, &body, &app, &session, provider, client).await?;
    respond(&app, &session, signed_in)
}

/// `POST /api/auth/okta`: signs in a user who already has an account.
pub async fn okta(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: RequestBody,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let provider = app.oidc.okta.as_ref();
    let signed_in = exchange_with(&request, &body, &app, &session, provider, client).await?;
    respond(&app, &session, signed_in)
}

async fn exchange_with(
    request: &HttpRequest,
    body: &RequestBody,
    app: &AppState,
    session: &BrowserSession,
    provider: Option<&OidcProvider>,
    client: IpAddr,
) -> Result<SignedInTokens, ApiError> {
    let provider = provider.ok_or(Error::NotFound)?;
    let require_nonce = app.settings.oidc.require_nonce;
    let mut fields = body.fields();
    let code = OidcCode {
        code: fields.text("code"),
        redirect_uri: fields.text("redirect_uri"),
        nonce: fields.optional_unless("nonce", require_nonce),
        code_verifier: fields.optional_unless("code_verifier", require_nonce),
    };
    if !code.redirect_uri.is_empty() && !provider.allows(&code.redirect_uri) {
        fields.add_error("redirect_uri", REDIRECT_NOT_ALLOWED);
    }
    fields.finish()?;
    let now = app.clock.now();
    let permit = app.sign_in.reserve_exchange(client, None);
    let permit = permit.map_err(ExchangeFailure::from)?;
    let person = provider.identify(&code, now).await;
    permit.settle(oidc_outcome(&person));
    let person = person.map_err(ExchangeFailure::from)?;
    let device = device(request, &app.settings.trusted_proxies);
    let replaced = auth_cookie::replaced_session(&app.settings.api, session, now);
    let signed_in = app
        .sign_in
        .tokens_for_identity(person, replaced, &device, now)
        .await;
    Ok(signed_in.inspect_err(|failure| {
        let event = failure.audit_event(provider.issuer());
        app.failures.count_any(event, &device, now);
    })?)
}

fn respond(
    app: &AppState,
    session: &BrowserSession,
    issued: SignedInTokens,
) -> Result<HttpResponse, ApiError> {
    auth_cookie::replace_session(&app.settings.api, session);
    auth_cookie::ok_signed_in(&app.settings, &issued.pair, issued.user)
}
