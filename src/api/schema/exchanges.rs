//! The exchanges of a provider's code; each refusal is asked of the failure itself.

use super::answers::{
    bad_request, complaint, conflict, forbidden, not_found, ok_with_cookie, refused, throttled,
    unavailable,
};
use super::builder::{optional, post, signed_in, text};
use super::unfinished::{refused_by_workos, with_steps};
use super::{Answer, Example, Field, Group, Operation};
use crate::accounts::{LinkError, ProvisionError};
use crate::api::exchange::REDIRECT_NOT_ALLOWED;
use crate::error::SignInFailure;
use crate::oidc::OidcError;
use crate::sign_in::ExchangeFailure;
use crate::workos::WorkosError;

const CODE: Field = text("code", "As the provider gave it.", "made-up-code");
const VERIFIER: Field = optional(
    "code_verifier",
    "PKCE's, where a challenge was sent.",
    "made-up-verifier",
);
const NONCE: Field = optional(
    "nonce",
    "Verified against the ID token, where it is sent.",
    "made-up-nonce",
);
const REDIRECT_URI: Field = text(
    "redirect_uri",
    "The one that the code was asked for with; it must be in the provider's list of the settings.",
    "https://app.example.com/callback",
);

/// WorkOS's code.
pub(super) fn workos() -> Operation {
    let provision = |name, summary, error: ProvisionError| {
        refused(name, summary, SignInFailure::Provision(error))
    };
    let nobody = String::new;
    let invalid = [
        refused_by_workos("invalid_grant", "WorkOS refused the code"),
        provision(
            "invalid_profile",
            "WorkOS tells no e-mail",
            ProvisionError::UnusableProfile {
                workos_user_id: nobody(),
            },
        ),
    ];
    let forbidden = forbidden(&[
        inactive(),
        provision(
            "email_not_verified",
            "WorkOS has not verified the e-mail",
            ProvisionError::EmailNotVerified {
                workos_user_id: nobody(),
                user_id: 0,
            },
        ),
    ]);
    let taken = ProvisionError::Conflict {
        workos_user_id: nobody(),
        user_id: 0,
        linked: nobody(),
    };
    let away = WorkosError::unavailable("");
    const FIELDS: &[Field] = &[CODE, VERIFIER];
    with_steps(operation(
        "/api/auth/workos/callback",
        "exchangeWorkosCode",
        "Sign in with WorkOS's code",
        "Somebody who is known to WorkOS and not yet here gets an account at once. `invalid_grant` and WorkOS's other codes are passed on. Where WorkOS wants one more step, the answer is 403 with its code and a `pending_authentication_token`; the same route takes that token together with `organization_id` or `code`. Without a token the sign-in goes on at WorkOS, through one of the `connection_ids` where there are any.",
        FIELDS,
        vec![
            bad_request(FIELDS, &invalid),
            forbidden,
            conflict(provision("account_conflict", LINKED, taken)),
            unavailable(Some(refused(
                AWAY.0,
                "WorkOS does not answer, or refuses our own key",
                SignInFailure::from(away),
            ))),
        ],
    ))
}

/// Google's code.
pub(super) fn google() -> Operation {
    of_provider(
        "/api/auth/google",
        "exchangeGoogleCode",
        "Sign in with Google's code",
        "For people who already have an account. Answers 404 where Google is not set up.",
    )
}

/// Okta's code.
pub(super) fn okta() -> Operation {
    of_provider(
        "/api/auth/okta",
        "exchangeOktaCode",
        "Sign in with Okta's code",
        "For people who already have an account. Answers 404 where Okta is not set up.",
    )
}

const LINKED: &str = "The account is linked to somebody else";
const AWAY: (&str, &str) = ("provider_unavailable", "The provider does not answer");

fn of_provider(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
) -> Operation {
    const FIELDS: &[Field] = &[CODE, REDIRECT_URI, NONCE, VERIFIER];
    let refused_with = |summary, code: &'static str| {
        let failure = OidcError::Refused {
            status: 400,
            code: code.to_owned(),
            description: String::new(),
        };
        refused(code, summary, failure)
    };
    let issuer = String::new;
    let invalid = [
        refused_with("The provider refused the code", "invalid_grant"),
        refused_with("The provider refused us", "invalid_client"),
        refused(
            "invalid_id_token",
            "What it signed is not for this sign-in",
            OidcError::IdToken(String::new()),
        ),
        complaint(
            "redirect_uri",
            "The settings do not list it",
            REDIRECT_URI.name,
            REDIRECT_NOT_ALLOWED,
        ),
    ];
    let unproven = LinkError::EmailNotVerified { issuer: issuer() };
    let taken = LinkError::Conflict {
        issuer: issuer(),
        user_id: 0,
    };
    let away = OidcError::Unavailable {
        reason: String::new(),
        retry_after: None,
    };
    operation(
        path,
        id,
        summary,
        description,
        FIELDS,
        vec![
            bad_request(FIELDS, &invalid),
            forbidden(&[
                inactive(),
                refused(
                    "email_not_verified",
                    "The provider does not vouch for the e-mail",
                    unproven,
                ),
            ]),
            not_found(refused(
                "account_not_found",
                "Nobody here has this e-mail",
                LinkError::NotFound { issuer: issuer() },
            )),
            conflict(refused("account_conflict", LINKED, taken)),
            unavailable(Some(refused(AWAY.0, AWAY.1, away))),
        ],
    )
}

fn inactive() -> Example {
    let closed = ExchangeFailure::from(LinkError::Inactive { user_id: 0 });
    refused("account_inactive", "The account is closed", closed)
}

fn operation(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    fields: &'static [Field],
    own: Vec<Answer>,
) -> Operation {
    let mut answers = own;
    answers.push(ok_with_cookie("Signed in", "SignedIn", signed_in()));
    answers.push(throttled());
    answers.sort_by_key(|answer| answer.status);
    post(
        Group::SignIn,
        path,
        id,
        summary,
        description,
        fields,
        answers,
    )
}
