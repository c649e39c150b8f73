//! `/user_management/authorize`: shows the sign-in page and handles its forms.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use crate::authorization::{Authorization, AuthorizationError, IdentityProvider};
use crate::clock::Millis;
use crate::directory::Directory;
use crate::hosted_step;
use crate::ids;
use crate::model::User;
use crate::pages;
use crate::sign_in_page;
use crate::state::SharedState;
use crate::store::{RememberedBrowser, SignIn, Store};

/// `GET`: redirects a remembered browser at once, and shows the sign-in page to any other.
pub(crate) async fn show(shared: Data<SharedState>, request: HttpRequest) -> HttpResponse {
    let authorization = match Authorization::read(&shared, request.query_string()) {
        Ok(authorization) => authorization,
        Err(error) => return error_response(error),
    };
    if let Some(due) = hosted_step::due(&shared, &request, &authorization) {
        return hosted_step::page(&request, &authorization, &due, None);
    }
    match sign_in_remembered(&shared, &request, &authorization) {
        Some(location) => pages::redirect(&location),
        None => sign_in_page::show(&shared, &request, &authorization, None),
    }
}

/// The fields of the page's forms. A form sends either `user`, or `email` and `password`, or
/// `cancel`, or `enroll`. A sign-up form also sends `sign_up` and the names.
#[derive(Debug, Deserialize)]
pub(crate) struct SignInForm {
    /// The id of a user.
    user: Option<String>,
    email: Option<String>,
    password: Option<String>,
    sign_up: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    cancel: Option<String>,
    /// The code of the authenticator that the user enrols, or that passes a challenge.
    enroll: Option<String>,
}

/// `POST`, with the same query as the `GET`.
pub(crate) async fn submit(
    shared: Data<SharedState>,
    request: HttpRequest,
    form: Form<SignInForm>,
) -> HttpResponse {
    if is_cross_site(&request) {
        let message = "This form was sent from another site.";
        return pages::error(StatusCode::FORBIDDEN, message);
    }
    let mut authorization = match Authorization::read(&shared, request.query_string()) {
        Ok(authorization) => authorization,
        Err(error) => return error_response(error),
    };
    if form.cancel.is_some() {
        let parameters = [
            ("error", "access_denied"),
            ("error_description", "The user cancelled."),
        ];
        return pages::redirect(&authorization.redirect.with(&parameters));
    }
    if let Some(code) = &form.enroll {
        return match hosted_step::complete(&shared, &request, &authorization, code) {
            None => show(shared, request).await,
            Some(response) => response,
        };
    }
    match sign_in(&shared, &authorization, &form) {
        Ok((location, cookie)) => {
            let cookie = Cookie::build(shared.cookie_name.clone(), cookie)
                .path("/user_management")
                .http_only(true)
                .same_site(SameSite::Lax)
                .finish();
            let mut response = pages::redirect(&location);
            if let Err(error) = response.add_cookie(&cookie) {
                log::warn!("emulator: failed to set the browser's cookie: {error}");
            }
            response
        }
        Err(problem) => {
            // The form is shown again with the email address that was entered.
            authorization.login_hint = form.email.clone().or(authorization.login_hint);
            sign_in_page::show(&shared, &request, &authorization, Some(&problem))
        }
    }
}

/// Signs a remembered browser in without a page, and returns where to redirect it. `None` means that
/// the browser is not remembered or that the request needs a new sign-in.
fn sign_in_remembered(
    shared: &SharedState,
    request: &HttpRequest,
    authorization: &Authorization,
) -> Option<String> {
    let cookie = request.cookie(&shared.cookie_name)?;
    let (now, mut store) = (shared.now(), shared.store());
    let browser = store.browsers.get(cookie.value())?.clone();
    let user = store.directory.user(&browser.user_id)?;
    let email = user.email.clone();
    if !authorization.accepts(&browser, &email, now)
        || !authorization.is_member(&store.directory, user)
        || !authorization.accept_invitation(&mut store, &email)
    {
        return None;
    }
    let sign_in = SignIn {
        user_id: browser.user_id,
        method: browser.method,
        organization_id: authorization.session_organization(),
        impersonator: browser.impersonator,
        browser: Some(cookie.value().to_owned()),
        authenticated_at: browser.signed_in_at,
        second_factor_done: browser.has_enrolled,
        challenge_done: browser.has_passed_challenge,
    };
    Some(redirect_with_code(&mut store, authorization, sign_in, now))
}

/// Signs in the user that the form names. Returns where to redirect the browser, and its new cookie.
///
/// # Errors
/// The message to show on the page.
fn sign_in(
    shared: &SharedState,
    authorization: &Authorization,
    form: &SignInForm,
) -> Result<(String, String), String> {
    let (now, mut store) = (shared.now(), shared.store());
    if form.sign_up.is_some() {
        let user = sign_up(&mut store.directory, authorization, form, now)?;
        let user = user.to_json(&shared.base_url);
        store.events.add("user.created", &user);
    }
    let user = match selected_user(&store.directory, form) {
        Ok(user) => user.clone(),
        Err(message) => {
            let error = Some(("invalid_credentials", &*message));
            let email = form.email.as_deref();
            store.add_authentication_event("password", None, email, error);
            return Err(message);
        }
    };
    if !authorization.accept_invitation(&mut store, &user.email) {
        return Err(WRONG_INVITATION.to_owned());
    }
    if !authorization.is_member(&store.directory, &user) {
        let name = user.name();
        return Err(format!("{name} is not a member of this organisation."));
    }
    let method = match (&user.impersonator, &authorization.identity_provider) {
        (Some(_), _) => "Impersonation",
        (None, Some(IdentityProvider::Connection(_))) => "SSO",
        (None, Some(IdentityProvider::OAuth(name))) => name,
        (None, None) => "Password",
    };
    let event_type = match method {
        "Password" => Some("password"),
        "SSO" => Some("sso"),
        "Impersonation" => None,
        _ => Some("oauth"),
    };
    if let Some(event_type) = event_type {
        store.add_authentication_event(event_type, Some(&user.id), Some(&user.email), None);
    }
    let browser = RememberedBrowser {
        user_id: user.id,
        method: method.to_owned(),
        impersonator: user.impersonator,
        signed_in_at: now,
        hosted_step: None,
        has_enrolled: false,
        has_passed_challenge: false,
    };
    let cookie = ids::random_secret();
    let sign_in = SignIn {
        user_id: browser.user_id.clone(),
        method: browser.method.clone(),
        organization_id: authorization.session_organization(),
        impersonator: browser.impersonator.clone(),
        browser: Some(cookie.clone()),
        authenticated_at: now,
        second_factor_done: false,
        challenge_done: false,
    };
    store.browsers.insert(cookie.clone(), browser);
    let location = redirect_with_code(&mut store, authorization, sign_in, now);
    Ok((location, cookie))
}

const WRONG_INVITATION: &str = "The invitation is for another email address.";

/// Creates the account that the sign-up form describes. Its email address is not verified.
fn sign_up<'a>(
    directory: &'a mut Directory,
    authorization: &Authorization,
    form: &SignInForm,
    now: Millis,
) -> Result<&'a User, String> {
    let filled_in = |field: &Option<String>| field.clone().filter(|text| !text.trim().is_empty());
    let email = filled_in(&form.email).filter(|email| email.contains('@'));
    let (Some(email), Some(password)) = (email, filled_in(&form.password)) else {
        return Err("Enter an email address and a password.".to_owned());
    };
    let email = email.trim();
    let invitation = authorization.invitation.as_ref();
    if invitation.is_some_and(|invitation| !invitation.email.eq_ignore_ascii_case(email)) {
        return Err(WRONG_INVITATION.to_owned());
    }
    let user = directory
        .add_user(email, now)
        .ok_or("There is already an account with this email address.")?;
    user.password = Some(password);
    user.first_name = filled_in(&form.first_name);
    user.last_name = filled_in(&form.last_name);
    Ok(user)
}

/// The user whose button was pressed, or whose email address and password were entered.
fn selected_user<'a>(directory: &'a Directory, form: &SignInForm) -> Result<&'a User, String> {
    if let Some(id) = &form.user {
        return directory
            .user(id)
            .ok_or_else(|| "This user no longer exists.".to_owned());
    }
    let email = form.email.as_deref().unwrap_or_default();
    let password = form.password.as_deref().filter(|text| !text.is_empty());
    directory
        .user_by_email(email)
        .filter(|user| password.is_some() && user.password.as_deref() == password)
        .ok_or_else(|| "The email address or the password is wrong.".to_owned())
}

fn redirect_with_code(
    store: &mut Store,
    authorization: &Authorization,
    sign_in: SignIn,
    now: Millis,
) -> String {
    let redirect = &authorization.redirect;
    let challenge = authorization.code_challenge.clone();
    let code = store.create_code(sign_in, &redirect.uri, challenge, now);
    redirect.with(&[("code", &code)])
}

fn error_response(error: AuthorizationError) -> HttpResponse {
    match error {
        AuthorizationError::Page(message) => pages::error(StatusCode::BAD_REQUEST, &message),
        AuthorizationError::Redirect(location) => pages::redirect(&location),
    }
}

fn is_cross_site(request: &HttpRequest) -> bool {
    let site = request
        .headers()
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}
