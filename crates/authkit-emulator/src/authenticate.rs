//! `POST /user_management/authenticate`, with one function for each grant.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::api_error::ApiError;
use crate::json_fields::JsonFields;
use crate::seed::ONE_TIME_CODE;
use crate::state::SharedState;
use crate::store::{AuthorizationCode, CODE_LIFETIME, PendingStep, SignIn, Store};

/// After this many wrong one-time codes a pending sign-in accepts no further code.
const MAX_FAILED_ATTEMPTS: u32 = 5;

/// Exchanges a grant for tokens.
pub(crate) async fn authenticate(
    shared: Data<SharedState>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let fields = JsonFields::read(&request, &body)?;
    let [client_id, client_secret, grant_type] =
        fields.require(["client_id", "client_secret", "grant_type"])?;
    if client_id != shared.client_id || client_secret != shared.api_key {
        return Err(ApiError::oauth(
            "invalid_client",
            "Invalid client ID or secret.",
        ));
    }
    let grant = match grant_type {
        "authorization_code" => authorization_code,
        "refresh_token" => refresh_token,
        "password" => password,
        "urn:workos:oauth:grant-type:organization-selection" => organization_selection,
        "urn:workos:oauth:grant-type:email-verification:code" => email_verification,
        "urn:workos:oauth:grant-type:mfa-totp" => mfa_totp,
        _ => return Err(ApiError::invalid_fields(&["grant_type"])),
    };
    let response = grant(&shared, &fields).inspect_err(|error| {
        log::info!("emulator: {grant_type} refused: {error}");
    })?;
    Ok(HttpResponse::Ok().json(response))
}

fn authorization_code(shared: &SharedState, fields: &JsonFields) -> Result<Value, ApiError> {
    let [code] = fields.require(["code"])?;
    let (now, mut store) = (shared.now(), shared.store());
    // A code can be used only once, so it is removed even if a check below fails.
    let code = store
        .codes
        .remove(code)
        .filter(|code| code.expires_at > now)
        .ok_or_else(|| invalid_grant("The code has expired or is invalid."))?;
    check_code_verifier(&code, fields.text("code_verifier"))?;
    let redirect_uri = fields.text("redirect_uri");
    if redirect_uri.is_some_and(|uri| uri != code.redirect_uri) {
        return Err(invalid_grant(
            "The redirect URI is not the one of the authorization request.",
        ));
    }
    let mut sign_in = code.sign_in;
    accept_invitation(&mut store, fields, &mut sign_in)?;
    store.continue_sign_in(sign_in, &shared.base_url, now)
}

/// Accepts the invitation of the field `invitation_token`, if there is one: the session is opened for
/// its organisation.
fn accept_invitation(
    store: &mut Store,
    fields: &JsonFields,
    sign_in: &mut SignIn,
) -> Result<(), ApiError> {
    let Some(token) = fields.text("invitation_token") else {
        return Ok(());
    };
    let invitation = store.directory.open_invitation(token);
    let organization_id = invitation.map(|invitation| invitation.organization_id.clone());
    let user = store.directory.user(&sign_in.user_id);
    let email = user.map(|user| user.email.clone()).unwrap_or_default();
    if organization_id.is_none() || !store.accept_invitation(token, &email) {
        return Err(bad_request(
            "invitation_invalid",
            "The invitation is not valid for this user.",
        ));
    }
    sign_in.organization_id = organization_id;
    Ok(())
}

/// Checks the PKCE code verifier (RFC 7636).
fn check_code_verifier(code: &AuthorizationCode, verifier: Option<&str>) -> Result<(), ApiError> {
    match (&code.code_challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if *challenge == s256(verifier) => Ok(()),
        (Some(_), Some(_)) => Err(invalid_grant("The code verifier does not match.")),
        (Some(_), None) => Err(invalid_grant("The code verifier is missing.")),
        (None, Some(_)) => Err(bad_request(
            "code_challenge_not_found",
            "The authorization request carried no code challenge.",
        )),
    }
}

fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn refresh_token(shared: &SharedState, fields: &JsonFields) -> Result<Value, ApiError> {
    let [token] = fields.require(["refresh_token"])?;
    let organization_id = fields.text("organization_id");
    shared
        .store()
        .refresh(token, organization_id, &shared.base_url, shared.now())
}

fn password(shared: &SharedState, fields: &JsonFields) -> Result<Value, ApiError> {
    let [email, password] = fields.require(["email", "password"])?;
    let now = shared.now();
    let mut store = shared.store();
    let user = store.directory.user_by_email(email);
    let user = user.filter(|user| user.password.as_deref() == Some(password));
    let Some(user_id) = user.map(|user| user.id.clone()) else {
        let error = ("invalid_credentials", "The email or password is incorrect.");
        store.add_authentication_event("password", None, Some(email), Some(error));
        return Err(bad_request(error.0, error.1));
    };
    store.add_authentication_event("password", Some(&user_id), Some(email), None);
    let mut sign_in = SignIn {
        user_id,
        method: "Password".to_owned(),
        organization_id: None,
        impersonator: None,
        browser: None,
        authenticated_at: now,
        second_factor_done: false,
        challenge_done: false,
    };
    accept_invitation(&mut store, fields, &mut sign_in)?;
    store.continue_sign_in(sign_in, &shared.base_url, now)
}

fn organization_selection(shared: &SharedState, fields: &JsonFields) -> Result<Value, ApiError> {
    let [token, organization_id] =
        fields.require(["pending_authentication_token", "organization_id"])?;
    let (now, mut store) = (shared.now(), shared.store());
    let user_id = match store.pending.get(token) {
        Some(pending)
            if pending.step == PendingStep::OrganizationSelection && pending.is_valid(now) =>
        {
            pending.sign_in.user_id.clone()
        }
        _ => return Err(invalid_pending_token()),
    };
    store.check_member(organization_id, &user_id)?;
    let mut sign_in = store
        .pending
        .remove(token)
        .ok_or_else(invalid_pending_token)?
        .sign_in;
    sign_in.organization_id = Some(organization_id.to_owned());
    store.continue_sign_in(sign_in, &shared.base_url, now)
}

fn email_verification(shared: &SharedState, fields: &JsonFields) -> Result<Value, ApiError> {
    let [token, code] = fields.require(["pending_authentication_token", "code"])?;
    let sign_in = check_one_time_code(shared, token, code, PendingStep::EmailVerification)?;
    let (now, mut store) = (shared.now(), shared.store());
    if let Some(user) = store.directory.user_mut(&sign_in.user_id) {
        user.email_verified = true;
        user.updated_at = now;
        let user = user.to_json(&shared.base_url);
        store.events.add("user.updated", &user);
    }
    store.continue_sign_in(sign_in, &shared.base_url, now)
}

fn mfa_totp(shared: &SharedState, fields: &JsonFields) -> Result<Value, ApiError> {
    let [token, code, challenge_id] = fields.require([
        "pending_authentication_token",
        "code",
        "authentication_challenge_id",
    ])?;
    check_challenge(shared, token, challenge_id)?;
    let mut sign_in = check_one_time_code(shared, token, code, PendingStep::SecondFactor)?;
    let (now, mut store) = (shared.now(), shared.store());
    store.challenges.remove(challenge_id);
    sign_in.second_factor_done = true;
    store.continue_sign_in(sign_in, &shared.base_url, now)
}

/// Checks that the challenge is valid and belongs to the user of the pending sign-in. An unknown
/// pending sign-in is reported later, by [`check_one_time_code`].
fn check_challenge(shared: &SharedState, token: &str, challenge_id: &str) -> Result<(), ApiError> {
    let store = shared.store();
    let Some(pending) = store.pending.get(token) else {
        return Ok(());
    };
    let challenge = store
        .challenges
        .get(challenge_id)
        .filter(|challenge| challenge.expires_at > shared.now());
    if challenge.is_some_and(|challenge| challenge.user_id == pending.sign_in.user_id) {
        Ok(())
    } else {
        let object = "Authentication challenge";
        Err(ApiError::not_found(object, challenge_id))
    }
}

/// Removes and returns the pending sign-in that waits for a one-time code, if the code is right.
fn check_one_time_code(
    shared: &SharedState,
    token: &str,
    code: &str,
    step: PendingStep,
) -> Result<SignIn, ApiError> {
    let (now, mut store) = (shared.now(), shared.store());
    let pending = store
        .pending
        .get_mut(token)
        .filter(|pending| pending.step == step && pending.is_valid(now))
        .ok_or_else(invalid_pending_token)?;
    let user_id = pending.sign_in.user_id.clone();
    if pending.failed_attempts >= MAX_FAILED_ATTEMPTS {
        return Err(bad_request(
            "one_time_code_too_many_attempts",
            "Too many attempts, start again.",
        ));
    }
    let is_mailed = step == PendingStep::EmailVerification;
    let event_type = if is_mailed {
        "email_verification"
    } else {
        "mfa"
    };
    if is_mailed && now - pending.created_at > CODE_LIFETIME {
        return Err(bad_request(
            "one_time_code_expired",
            "The one-time code has expired.",
        ));
    }
    if code != ONE_TIME_CODE {
        pending.failed_attempts += 1;
        let error = ("invalid_one_time_code", "The one-time code is incorrect.");
        add_event(&mut store, event_type, &user_id, Some(error));
        return Err(bad_request(error.0, error.1));
    }
    add_event(&mut store, event_type, &user_id, None);
    store
        .pending
        .remove(token)
        .map(|pending| pending.sign_in)
        .ok_or_else(invalid_pending_token)
}

/// Adds an `authentication.…` event of a user.
fn add_event(store: &mut Store, event_type: &str, user_id: &str, error: Option<(&str, &str)>) {
    let user = store.directory.user(user_id);
    let email = user.map(|user| user.email.clone());
    store.add_authentication_event(event_type, Some(user_id), email.as_deref(), error);
}

fn invalid_grant(description: &str) -> ApiError {
    ApiError::oauth("invalid_grant", description)
}

fn bad_request(code: &str, message: &str) -> ApiError {
    ApiError::coded(StatusCode::BAD_REQUEST, code, message)
}

fn invalid_pending_token() -> ApiError {
    bad_request(
        "invalid_pending_authentication_token",
        "The pending authentication token is invalid or has expired.",
    )
}
