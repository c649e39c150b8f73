//! The page that enrols an authenticator. AuthKit shows it at the sign-in after `mfa_enrollment`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use crate::authorization::Authorization;
use crate::model::User;
use crate::pages;
use crate::seed::{Mfa, ONE_TIME_CODE};
use crate::state::SharedState;

/// The user who must enrol an authenticator now, in this browser.
pub(crate) fn user_to_enroll(
    shared: &SharedState,
    request: &HttpRequest,
    authorization: &Authorization,
) -> Option<User> {
    let cookie = request.cookie(&shared.cookie_name)?;
    let (now, store) = (shared.now(), shared.store());
    let browser = store.browsers.get(cookie.value())?;
    let user = store.directory.user(&browser.user_id)?;
    let must_enroll = browser.must_enroll && user.mfa == Some(Mfa::EnrollmentRequired);
    let may_sign_in = authorization.accepts(browser, &user.email, now)
        && authorization.is_member(&store.directory, user);
    (must_enroll && may_sign_in).then(|| user.clone())
}

/// The enrolment page. `problem` says what was wrong with the previous attempt.
pub(crate) fn page(
    request: &HttpRequest,
    authorization: &Authorization,
    user: &User,
    problem: Option<&str>,
) -> HttpResponse {
    pages::enroll(request, authorization, &user.email, problem)
}

/// Enrols an authenticator if the code is right. Otherwise returns the response to send.
pub(crate) fn enroll(
    shared: &SharedState,
    request: &HttpRequest,
    authorization: &Authorization,
    code: &str,
) -> Option<HttpResponse> {
    let Some(user) = user_to_enroll(shared, request, authorization) else {
        let message = "There is no second factor to set up.";
        return Some(pages::error(StatusCode::BAD_REQUEST, message));
    };
    if code.trim() != ONE_TIME_CODE {
        let problem = Some("The code is wrong.");
        return Some(page(request, authorization, &user, problem));
    }
    let mut store = shared.store();
    if let Some(user) = store.directory.user_mut(&user.id) {
        user.mfa = Some(Mfa::Totp);
    }
    let cookie = request.cookie(&shared.cookie_name);
    let browser = cookie.and_then(|cookie| store.browsers.get_mut(cookie.value()));
    if let Some(browser) = browser {
        browser.must_enroll = false;
        browser.has_enrolled = true;
    }
    None
}
