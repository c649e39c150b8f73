//! The code exchanges.

use super::builder::{optional, post, signed_in, text};
use super::responses::{
    bad_request, conflict, field_error, forbidden, not_found, ok_with_cookie, refused, throttled,
    unavailable,
};
use super::sign_in_steps::{refused_by_workos, with_steps};
use super::{BodyField, Operation, OperationGroup, ResponseDoc, ResponseExample};
use crate::accounts::{LinkError, ProvisionError};
use crate::api::exchange::REDIRECT_NOT_ALLOWED;
use crate::error::SignInFailure;
use crate::oidc::OidcError;
use crate::sign_in::ExchangeFailure;
use crate::workos::WorkosError;

const CODE: BodyField = text(
    "code",
    "The authorization code of the provider.",
    "made-up-code",
);
const VERIFIER: BodyField = optional(
    "code_verifier",
    "The PKCE verifier, if the authorization request had a challenge.",
    "made-up-verifier",
);
const INVITATION: BodyField = optional(
    "invitation_token",
    "The token of an invitation of WorkOS, which is accepted for the user with the code.",
    "made-up-invitation",
);
const NONCE: BodyField = optional(
    "nonce",
    "Compared with the ID token if it is sent.",
    "made-up-nonce",
);
const REDIRECT_URI: BodyField = text(
    "redirect_uri",
    "The redirect URI of the authorization request. It must be listed in `GOOGLE_REDIRECT_URIS` or `OKTA_REDIRECT_URIS`.",
    "https://app.example.com/callback",
);

/// `/api/auth/workos/callback`.
pub(super) fn workos() -> Operation {
    let provision = |name, summary, error: ProvisionError| {
        refused(name, summary, SignInFailure::Provision(error))
    };
    let unknown = String::new;
    let invalid = [
        refused_by_workos("invalid_grant", "WorkOS does not accept the code"),
        provision(
            "invalid_profile",
            "WorkOS sent no usable email address",
            ProvisionError::UnusableProfile {
                workos_user_id: unknown(),
            },
        ),
    ];
    let forbidden = forbidden(&[
        inactive(),
        provision(
            "email_not_verified",
            "WorkOS has not verified the email address",
            ProvisionError::EmailNotVerified {
                workos_user_id: unknown(),
                user_id: 0.into(),
            },
        ),
    ]);
    let linked = ProvisionError::Conflict {
        workos_user_id: unknown(),
        user_id: 0.into(),
        linked: unknown(),
    };
    let outage = WorkosError::unavailable("");
    const FIELDS: &[BodyField] = &[CODE, VERIFIER, INVITATION];
    with_steps(operation(
        "/api/auth/workos/callback",
        "exchangeWorkosCode",
        "Sign in with an authorization code of WorkOS",
        "The first sign-in of a WorkOS user creates the account. `invalid_grant` and the other error codes of WorkOS are passed on. If WorkOS requires another step, the response is 403 with WorkOS's code for the step and a `pending_authentication_token`; send that token to this route, together with `organization_id` or `code`. Without a token, start a new sign-in at WorkOS, with one of the `connection_ids` if there are any.",
        FIELDS,
        vec![
            bad_request(FIELDS, &invalid),
            forbidden,
            conflict(provision("account_conflict", LINKED, linked)),
            unavailable(Some(refused(
                UNAVAILABLE.0,
                "WorkOS is unavailable, or rejects this server's API key",
                SignInFailure::from(outage),
            ))),
        ],
    ))
}

/// The path of Google's exchange.
pub const GOOGLE: &str = "/api/auth/google";
/// The path of Okta's exchange.
pub const OKTA: &str = "/api/auth/okta";

/// `/api/auth/google`.
pub(super) fn google() -> Operation {
    of_provider(
        GOOGLE,
        "exchangeGoogleCode",
        "Sign in with an authorization code of Google",
        "For users who already have an account. Answers 404 if Google is not configured.",
    )
}

/// `/api/auth/okta`.
pub(super) fn okta() -> Operation {
    of_provider(
        OKTA,
        "exchangeOktaCode",
        "Sign in with an authorization code of Okta",
        "For users who already have an account. Answers 404 if Okta is not configured.",
    )
}

const LINKED: &str = "The account is linked to another user of the provider";
const UNAVAILABLE: (&str, &str) = ("provider_unavailable", "The provider is unavailable");

fn of_provider(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
) -> Operation {
    const FIELDS: &[BodyField] = &[CODE, REDIRECT_URI, NONCE, VERIFIER];
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
        refused_with("The provider does not accept the code", "invalid_grant"),
        refused_with(
            "The provider rejects this server's client id or secret",
            "invalid_client",
        ),
        refused(
            "invalid_id_token",
            "The ID token is not valid for this sign-in",
            OidcError::IdToken(String::new()),
        ),
        field_error(
            "redirect_uri",
            "The redirect URI is not listed in the settings",
            REDIRECT_URI.name,
            REDIRECT_NOT_ALLOWED,
        ),
    ];
    let unverified = LinkError::EmailNotVerified { issuer: issuer() };
    let linked = LinkError::Conflict {
        issuer: issuer(),
        user_id: 0.into(),
    };
    let outage = OidcError::Unavailable {
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
                    "The provider has not verified the email address",
                    unverified,
                ),
                refused(
                    "account_not_connected",
                    "Only a signed-in user may connect the account",
                    LinkError::NotConnected { issuer: issuer() },
                ),
            ]),
            not_found(refused(
                "account_not_found",
                "No account has this email address",
                LinkError::NotFound { issuer: issuer() },
            )),
            conflict(refused("account_conflict", LINKED, linked)),
            unavailable(Some(refused(UNAVAILABLE.0, UNAVAILABLE.1, outage))),
        ],
    )
}

fn inactive() -> ResponseExample {
    let closed = ExchangeFailure::from(LinkError::Inactive { user_id: 0.into() });
    refused("account_inactive", "The account is inactive", closed)
}

fn operation(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    fields: &'static [BodyField],
    own: Vec<ResponseDoc>,
) -> Operation {
    let mut responses = own;
    responses.push(ok_with_cookie("Signed in", "SignedIn", signed_in()));
    responses.push(throttled());
    responses.sort_by_key(|response| response.status);
    post(
        OperationGroup::SignIn,
        path,
        id,
        summary,
        description,
        fields,
        responses,
    )
}
