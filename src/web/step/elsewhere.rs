//! A sign-in that goes on at WorkOS: by itself once, then only if the person asks for it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use crate::error::Error;
use crate::links::{login_as_another_url, login_with_url};
use crate::state::AppState;
use crate::web::attempt::Attempt;
use crate::web::login;
use crate::web::pages::{self, Action};
use crate::web::render;
use crate::workos::{HostedStep, HostedStepReason};

/// Sends the browser back to WorkOS at once.
pub(super) fn begin(
    request: &HttpRequest,
    app: &AppState,
    elsewhere: &HostedStep,
    organization: Option<&str>,
    next: &str,
) -> Result<HttpResponse, Error> {
    let attempt = Attempt::start(next, app.clock.now())?
        .into_organization(organization)
        .continuing();
    login::begin(request, app, attempt, &elsewhere.request(organization))
}

/// Says what is missing, with a link that leads there; `again`, when that has been tried.
pub(in crate::web) fn page(
    elsewhere: &HostedStep,
    organization: Option<&str>,
    next: &str,
    again: bool,
) -> Result<HttpResponse, Error> {
    let (heading, message, label) = words(elsewhere.why);
    let mut wishes = elsewhere.request(organization).parameters;
    let mut message = message.to_owned();
    if again {
        // WorkOS remembers whom it let in: it is to ask for everything anew.
        wishes.retain(|(name, _)| *name != "max_age");
        wishes.push(("max_age", "0".to_owned()));
        message.push_str(" If you end here once more, whoever runs your organisation has to help.");
    }
    let page = pages::Elsewhere {
        page: render::bare(),
        heading,
        message: &message,
        action: Action {
            label,
            url: &login_with_url(next, &wishes),
        },
        another_url: &login_as_another_url(next),
    };
    render::page(StatusCode::OK, &page)
}

fn words(why: HostedStepReason) -> (&'static str, &'static str, &'static str) {
    match why {
        HostedStepReason::SingleSignOn => (
            "Single sign-on",
            "Your organisation wants you to come in through its single sign-on. You come back here afterwards.",
            "Continue with single sign-on",
        ),
        HostedStepReason::OtherMethod => (
            "Another way to sign in",
            "The way that you signed in by is not taken here. The sign-in service shows you the ways that are.",
            "Choose another way",
        ),
        HostedStepReason::Enrollment => (
            "Set up a second factor",
            "Your account wants a second factor, and has none yet. The sign-in service helps you to set one up. You come back here afterwards.",
            "Set it up",
        ),
        HostedStepReason::Challenge => (
            "One more check",
            "The sign-in service wants to make sure that it is you. You come back here afterwards.",
            "Continue",
        ),
        HostedStepReason::Email => (
            "Verify your e-mail address",
            "Your e-mail address has to be verified first. The sign-in service sends you a code and asks you for it. You come back here afterwards.",
            "Verify it",
        ),
        HostedStepReason::SecondFactor => (
            "One more code",
            "Your account wants a code from your authenticator. The sign-in service asks you for it. You come back here afterwards.",
            "Continue",
        ),
    }
}
