//! `/user_management/authorize`: the sign-in page, and what its forms do.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Form};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use crate::authorization::{Authorization, Redirect, Refused, Through};
use crate::enrollment;
use crate::ids;
use crate::model::User;
use crate::pages;
use crate::state::{Browser, Shared, SignIn, State};

/// `GET`: passes a remembered browser on, shows everybody else the page.
pub(crate) async fn show(shared: Data<Shared>, request: HttpRequest) -> HttpResponse {
    let authorization = match Authorization::read(&shared, request.query_string()) {
        Ok(authorization) => authorization,
        Err(refused) => return refuse(refused),
    };
    if let Some(user) = enrollment::wanted(&shared, &request, &authorization) {
        return enrollment::page(&request, &authorization, &user, None);
    }
    match remembered(&shared, &request, &authorization) {
        Some(location) => found(&location),
        None => pages::sign_in(&shared, &request, &authorization, None),
    }
}

/// What the page's forms send: a user's button, an address and password, the same with a name to
/// sign up, or Cancel.
#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    /// A user's id.
    user: Option<String>,
    email: Option<String>,
    password: Option<String>,
    sign_up: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    cancel: Option<String>,
    /// The code of an authenticator that is being set up.
    enroll: Option<String>,
}

/// `POST`, with the query of the `GET`.
pub(crate) async fn choose(
    shared: Data<Shared>,
    request: HttpRequest,
    choice: Form<Choice>,
) -> HttpResponse {
    if is_cross_site(&request) {
        return pages::error(StatusCode::FORBIDDEN, "This form belongs to another site.");
    }
    let mut authorization = match Authorization::read(&shared, request.query_string()) {
        Ok(authorization) => authorization,
        Err(refused) => return refuse(refused),
    };
    if choice.cancel.is_some() {
        let answer = [
            ("error", "access_denied"),
            ("error_description", "The user cancelled."),
        ];
        return found(&authorization.redirect.with(&answer));
    }
    if let Some(code) = &choice.enroll {
        return match enrollment::enroll(&shared, &request, &authorization, code) {
            None => show(shared, request).await,
            Some(answer) => answer,
        };
    }
    match signed_in(&shared, &authorization, &choice) {
        Ok((location, browser)) => {
            let cookie = Cookie::build(shared.cookie_name.clone(), browser)
                .path("/user_management")
                .http_only(true)
                .same_site(SameSite::Lax)
                .finish();
            HttpResponse::Found()
                .insert_header((header::LOCATION, location))
                .cookie(cookie)
                .finish()
        }
        Err(problem) => {
            // The form comes back with the address that was typed.
            authorization.login_hint = choice.email.clone().or(authorization.login_hint);
            pages::sign_in(&shared, &request, &authorization, Some(&problem))
        }
    }
}

/// Where a browser that AuthKit knows goes at once.
fn remembered(
    shared: &Shared,
    request: &HttpRequest,
    authorization: &Authorization,
) -> Option<String> {
    let cookie = request.cookie(&shared.cookie_name)?;
    let (now, mut state) = (shared.now(), shared.state());
    let browser = state.browsers.get(cookie.value())?.clone();
    let user = state.directory.user(&browser.user_id)?;
    let welcome =
        authorization.accepts(&browser, &user.email, now) && is_member(&state, authorization, user);
    let email = user.email.clone();
    if !welcome || !accept(&mut state, authorization, &email) {
        return None;
    }
    let sign_in = SignIn {
        user_id: browser.user_id,
        method: browser.method,
        organization_id: organization_of(&state, authorization),
        impersonator: browser.impersonator,
        browser: Some(cookie.value().to_owned()),
        second_factor_done: browser.has_enrolled,
    };
    Some(answer(&mut state, authorization, sign_in, now))
}

/// Signs the chosen user in: where to go, and the browser's new cookie.
fn signed_in(
    shared: &Shared,
    authorization: &Authorization,
    choice: &Choice,
) -> Result<(String, String), String> {
    let (now, mut state) = (shared.now(), shared.state());
    if choice.sign_up.is_some() {
        sign_up(&mut state, choice, now)?;
    }
    let email = chosen(&state, choice)?.email.clone();
    if !accept(&mut state, authorization, &email) {
        return Err("The invitation is for another address.".to_owned());
    }
    let user = chosen(&state, choice)?;
    if !is_member(&state, authorization, user) {
        return Err(format!(
            "{} is not a member of that organisation.",
            user.name()
        ));
    }
    let method = match (&user.impersonator, &authorization.through) {
        (Some(_), _) => "Impersonation",
        (None, Some(Through::Connection(_))) => "SSO",
        (None, Some(Through::Provider(name))) => name,
        (None, None) => "Password",
    };
    let browser = Browser {
        user_id: user.id.clone(),
        method: method.to_owned(),
        impersonator: user.impersonator.clone(),
        signed_in_at: now,
        enrolls: false,
        has_enrolled: false,
    };
    let cookie = ids::secret();
    let sign_in = SignIn {
        user_id: browser.user_id.clone(),
        method: browser.method.clone(),
        organization_id: organization_of(&state, authorization),
        impersonator: browser.impersonator.clone(),
        browser: Some(cookie.clone()),
        second_factor_done: false,
    };
    state.browsers.insert(cookie.clone(), browser);
    Ok((answer(&mut state, authorization, sign_in, now), cookie))
}

/// Makes the account that the form describes; its address has still to be verified.
fn sign_up(state: &mut State, choice: &Choice, now: i64) -> Result<(), String> {
    let given = |field: &Option<String>| field.clone().filter(|text| !text.trim().is_empty());
    let email = given(&choice.email).filter(|email| email.contains('@'));
    let (Some(email), Some(password)) = (email, given(&choice.password)) else {
        return Err("An e-mail address and a password are needed.".to_owned());
    };
    let user = state.directory.add(email.trim(), now);
    let user = user.ok_or_else(|| "Somebody has that e-mail address already.".to_owned())?;
    user.password = Some(password);
    user.first_name = given(&choice.first_name);
    user.last_name = given(&choice.last_name);
    Ok(())
}

fn chosen<'a>(state: &'a State, choice: &Choice) -> Result<&'a User, String> {
    if let Some(id) = &choice.user {
        return state
            .directory
            .user(id)
            .ok_or_else(|| "That user is gone.".to_owned());
    }
    let email = choice.email.as_deref().unwrap_or_default();
    let user = state.directory.by_email(email);
    let given = choice
        .password
        .as_deref()
        .filter(|password| !password.is_empty());
    user.filter(|user| given.is_some() && user.password.as_deref() == given)
        .ok_or_else(|| "That e-mail and password do not match.".to_owned())
}

/// Accepts the invitation that the request carries, if it is this person's.
fn accept(state: &mut State, authorization: &Authorization, email: &str) -> bool {
    let token = authorization.invitation.as_ref();
    token.is_none_or(|token| state.directory.accept(token, email))
}

/// The organisation that was asked for, or invited to.
fn organization_of(state: &State, authorization: &Authorization) -> Option<String> {
    let token = authorization.invitation.as_deref();
    let invited_to = token.and_then(|token| state.directory.invited_to(token));
    invited_to.or_else(|| authorization.organization_id.clone())
}

pub(crate) fn is_member(state: &State, authorization: &Authorization, user: &User) -> bool {
    authorization.organization_id.as_ref().is_none_or(|id| {
        let organization = state.directory.organization(id);
        organization.is_some_and(|organization| organization.member(&user.id).is_some())
    })
}

fn answer(state: &mut State, authorization: &Authorization, sign_in: SignIn, now: i64) -> String {
    let Redirect { uri, .. } = &authorization.redirect;
    let code = state.add_code(sign_in, uri, authorization.challenge.clone(), now);
    authorization.redirect.with(&[("code", &code)])
}

fn refuse(refused: Refused) -> HttpResponse {
    match refused {
        Refused::Page(message) => pages::error(StatusCode::BAD_REQUEST, &message),
        Refused::Redirect(location) => found(&location),
    }
}

/// A redirect that no cache keeps.
pub(crate) fn found(location: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

fn is_cross_site(request: &HttpRequest) -> bool {
    let site = request
        .headers()
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}
