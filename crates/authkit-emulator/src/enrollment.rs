//! Setting up a second factor, which AuthKit asks for on its own page at the sign-in after
//! `mfa_enrollment`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use crate::authorization::Authorization;
use crate::authorize::is_member;
use crate::model::User;
use crate::pages;
use crate::seed::{Mfa, ONE_TIME_CODE};
use crate::state::Shared;

/// Whoever is to set one up now, in this browser.
pub(crate) fn wanted(
    shared: &Shared,
    request: &HttpRequest,
    authorization: &Authorization,
) -> Option<User> {
    let cookie = request.cookie(&shared.cookie_name)?;
    let (now, state) = (shared.now(), shared.state());
    let browser = state.browsers.get(cookie.value())?;
    let user = state.directory.user(&browser.user_id)?;
    let owed = browser.enrolls && user.mfa == Some(Mfa::EnrollmentRequired);
    let welcome =
        authorization.accepts(browser, &user.email, now) && is_member(&state, authorization, user);
    (owed && welcome).then(|| user.clone())
}

/// The page, again with what was wrong where `problem` says so.
pub(crate) fn page(
    request: &HttpRequest,
    authorization: &Authorization,
    user: &User,
    problem: Option<&str>,
) -> HttpResponse {
    pages::enroll(request, authorization, &user.email, problem)
}

/// Sets one up, if the code is right; else what is answered instead.
pub(crate) fn enroll(
    shared: &Shared,
    request: &HttpRequest,
    authorization: &Authorization,
    code: &str,
) -> Option<HttpResponse> {
    let Some(user) = wanted(shared, request, authorization) else {
        let message = "There is no second factor to set up.";
        return Some(pages::error(StatusCode::BAD_REQUEST, message));
    };
    if code.trim() != ONE_TIME_CODE {
        let problem = Some("That code is not right.");
        return Some(page(request, authorization, &user, problem));
    }
    let mut state = shared.state();
    if let Some(user) = state.directory.user_mut(&user.id) {
        user.mfa = Some(Mfa::Totp);
    }
    let cookie = request.cookie(&shared.cookie_name);
    let browser = cookie.and_then(|cookie| state.browsers.get_mut(cookie.value()));
    if let Some(browser) = browser {
        browser.enrolls = false;
        browser.has_enrolled = true;
    }
    None
}
