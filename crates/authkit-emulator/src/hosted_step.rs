//! The pages of the steps that only AuthKit's own pages complete: to enrol an authenticator, and to pass
//! a challenge. AuthKit shows them at the sign-in after the one that stopped.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use crate::authorization::Authorization;
use crate::model::User;
use crate::pages;
use crate::seed::{Mfa, ONE_TIME_CODE};
use crate::state::SharedState;
use crate::store::HostedStep;

/// The step that this browser has to complete now, and its user.
pub(crate) fn due(
    shared: &SharedState,
    request: &HttpRequest,
    authorization: &Authorization,
) -> Option<(HostedStep, User)> {
    let cookie = request.cookie(&shared.cookie_name)?;
    let (now, store) = (shared.now(), shared.store());
    let browser = store.browsers.get(cookie.value())?;
    let user = store.directory.user(&browser.user_id)?;
    let step = browser.hosted_step.filter(|step| match step {
        HostedStep::Enrollment => user.mfa == Some(Mfa::EnrollmentRequired),
        HostedStep::Challenge => user.challenge.is_some(),
    })?;
    let may_sign_in = authorization.accepts(browser, &user.email, now)
        && authorization.is_member(&store.directory, user);
    may_sign_in.then(|| (step, user.clone()))
}

/// The page of a step. `problem` says what was wrong with the previous attempt.
pub(crate) fn page(
    request: &HttpRequest,
    authorization: &Authorization,
    (step, user): &(HostedStep, User),
    problem: Option<&str>,
) -> HttpResponse {
    pages::hosted_step(request, authorization, *step, &user.email, problem)
}

/// Completes the step if the code is right. Otherwise returns the response to send.
pub(crate) fn complete(
    shared: &SharedState,
    request: &HttpRequest,
    authorization: &Authorization,
    code: &str,
) -> Option<HttpResponse> {
    let Some(due) = due(shared, request, authorization) else {
        let message = "There is no second factor to set up, and no challenge to pass.";
        return Some(pages::error(StatusCode::BAD_REQUEST, message));
    };
    if code.trim() != ONE_TIME_CODE {
        let problem = Some("The code is wrong.");
        return Some(page(request, authorization, &due, problem));
    }
    let (step, user) = due;
    let mut store = shared.store();
    if let Some(user) = store.directory.user_mut(&user.id)
        && step == HostedStep::Enrollment
    {
        user.mfa = Some(Mfa::Totp);
    }
    let cookie = request.cookie(&shared.cookie_name);
    let browser = cookie.and_then(|cookie| store.browsers.get_mut(cookie.value()));
    if let Some(browser) = browser {
        browser.hosted_step = None;
        match step {
            HostedStep::Enrollment => browser.has_enrolled = true,
            HostedStep::Challenge => browser.has_passed_challenge = true,
        }
    }
    None
}
