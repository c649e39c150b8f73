//! Continues a sign-in at WorkOS: with a redirect the first time, then with a page that asks the user.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use crate::error::Error;
use crate::ids::OrganizationId;
use crate::links::{login_as_another_url, login_with_url};
use crate::web::login::AuthorizeRedirect;
use crate::web::login_attempt::LoginAttempt;
use crate::web::pages::{ActionLink, ContinueAtWorkosPage, PageFrame};
use crate::web::render;
use crate::workos::{HostedStep, HostedStepReason};

/// Redirects the browser to WorkOS.
pub(super) fn redirect(
    request: &HttpRequest,
    redirect: AuthorizeRedirect<'_>,
    step: &HostedStep,
    interrupted: &LoginAttempt,
) -> Result<HttpResponse, Error> {
    let organization = interrupted.organization_id();
    let attempt = LoginAttempt::start(interrupted.next(), redirect.now)?
        .into_organization(organization.cloned())
        .requiring(interrupted.requirement().clone())
        .wanted(!interrupted.is_foreign())
        .into_continuation();
    redirect.response(request, attempt, &step.request(organization))
}

/// A page that says what is missing, with a link to WorkOS. `again`: a redirect has not helped.
pub(in crate::web) fn page(
    frame: PageFrame<'_>,
    step: &HostedStep,
    organization: Option<&OrganizationId>,
    next: &str,
    again: bool,
) -> Result<HttpResponse, Error> {
    let (heading, message, label) = texts(step.why);
    let mut parameters = step.request(organization).parameters;
    let mut message = message.to_owned();
    if again {
        // WorkOS keeps the user signed in; `max_age` makes it ask for everything again.
        parameters.retain(|(name, _)| *name != "max_age");
        parameters.push(("max_age", "0".to_owned()));
        message.push_str(
            " If you keep coming back to this page, please ask the administrator of your organisation for help.",
        );
    }
    let page = ContinueAtWorkosPage {
        page: frame,
        heading,
        message: &message,
        action: ActionLink {
            label,
            url: &login_with_url(next, &parameters),
        },
        another_url: &login_as_another_url(next),
    };
    render::page(StatusCode::OK, &page)
}

/// Heading, message and label of the button.
fn texts(why: HostedStepReason) -> (&'static str, &'static str, &'static str) {
    match why {
        HostedStepReason::SingleSignOn => (
            "Single sign-on",
            "Your organisation requires single sign-on. You will return here afterwards.",
            "Continue with single sign-on",
        ),
        HostedStepReason::OtherMethod => (
            "Choose another way to sign in",
            "The way you signed in is not allowed here. The sign-in service shows you the ways that are.",
            "Choose another way",
        ),
        HostedStepReason::Enrollment => (
            "Set up a second factor",
            "Your account requires a second factor, such as an authenticator app. The sign-in service helps you to set it up. You will return here afterwards.",
            "Set it up",
        ),
        HostedStepReason::Challenge => (
            "One more step",
            "The sign-in service has one more question. You will return here afterwards.",
            "Continue",
        ),
        HostedStepReason::Email => (
            "Verify your email address",
            "Your email address has not been verified yet. The sign-in service sends you a code and asks you for it. You will return here afterwards.",
            "Verify email address",
        ),
        HostedStepReason::SecondFactor => (
            "One more code",
            "The sign-in service asks you for a code from your authenticator app. You will return here afterwards.",
            "Continue",
        ),
    }
}
