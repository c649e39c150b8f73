//! The signed-in user, tokens for a browser session, and log-out.

use std::time::Duration;

use serde_json::json;

use super::builder::{current_user, get, optional, post, signed_in, text};
use super::responses::{
    TOKEN, UnauthorizedReason, bad_request, example, field_error, no_workos_session, ok,
    ok_with_cookie, or_session_ended, public_body, session_unconfirmed, switched_off, throttled,
    unauthorized, unavailable,
};
use super::sign_in_steps::add_switch_steps;
use super::{BodyField, CredentialKind, Operation, OperationGroup};
use crate::api::error::Unauthorized;
use crate::api::exchange::next_step;
use crate::api::logout::FOREIGN_RETURN_TO;
use crate::api::organization;
use crate::error::Error;
use crate::tokens::TokenError;

const REFRESH: BodyField = optional(
    "refresh",
    "A refresh token to revoke, together with its family.",
    TOKEN,
);
const RETURN_TO: BodyField = optional(
    "return_to",
    "The URL to return to after WorkOS's log-out, on `PUBLIC_URL`, a host of `LOGIN_REDIRECT_HOSTS` or an origin of `CORS_ALLOWED_ORIGINS`.",
    "https://app.example.com/",
);
const ANY: &[CredentialKind] = &[
    CredentialKind::Bearer,
    CredentialKind::PolicyCookie,
    CredentialKind::SessionCookie,
];

const NOT_PROVIDED: UnauthorizedReason =
    ("not_provided", "No credentials", Unauthorized::NotProvided);

/// `/api/users/me`.
pub(super) fn me() -> Operation {
    let mut operation = get(
        OperationGroup::Session,
        "/api/users/me",
        "me",
        "The signed-in user",
        "Authentication comes before the method check: without credentials, even POST answers 401.",
        vec![
            ok("The user", "CurrentUser", current_user()),
            or_session_ended(unauthorized(&access_token_reasons())),
        ],
    );
    operation.credentials = ANY;
    operation.anonymous = false;
    operation
        .responses
        .push(unavailable(Some(session_unconfirmed())));
    operation
}

/// `/api/auth/session`.
pub(super) fn tokens() -> Operation {
    let mut operation = post(
        OperationGroup::Session,
        "/api/auth/session",
        "sessionTokens",
        "Tokens for the browser session",
        "For a single-page application on the same origin. The tokens are revoked when the session ends.",
        &[],
        vec![
            ok_with_cookie("Signed in", "SignedIn", signed_in()),
            or_session_ended(unauthorized(&[NOT_PROVIDED])),
            throttled(),
            unavailable(Some(session_unconfirmed())),
        ],
    );
    operation.credentials = &[CredentialKind::SessionCookie];
    operation.anonymous = false;
    operation
}

/// `/api/auth/organization`.
pub(super) fn organization() -> Operation {
    const FIELDS: &[BodyField] = &[text(
        "organization_id",
        "WorkOS's id of one of the user's organisations.",
        "org_01EXAMPLE",
    )];
    let refused = example(
        next_step::NO_ORGANIZATION,
        "WorkOS does not let the user switch to the organisation",
        organization::refused(next_step::NO_ORGANIZATION).example(),
    );
    let not_switched = Error::NotSwitched {
        retry_after: Duration::ZERO,
    };
    let mut operation = post(
        OperationGroup::Session,
        "/api/auth/organization",
        "switchOrganization",
        "Switch the organisation",
        "Moves the session to another of the user's organisations, and answers new tokens with its role and permissions. If WorkOS requires another step, the response is that of `/api/auth/workos/callback`, and the session stays in its organisation. Earlier refresh tokens of the session get access tokens for the new organisation from then on.",
        FIELDS,
        vec![
            ok_with_cookie("Switched", "SignedIn", signed_in()),
            bad_request(FIELDS, &[refused]),
            or_session_ended(unauthorized(&access_token_reasons())),
            no_workos_session(),
            throttled(),
            unavailable(Some(example(
                "not_switched",
                "WorkOS is unavailable, or the session is being renewed",
                public_body(&not_switched),
            ))),
        ],
    );
    if let Some(forbidden) = operation.responses.iter_mut().find(|one| one.status == 403) {
        add_switch_steps(forbidden);
    }
    operation.credentials = ANY;
    operation.anonymous = false;
    operation
}

/// The path of WorkOS's access token.
pub const WORKOS_TOKEN: &str = "/api/auth/workos/token";

/// `/api/auth/workos/token`.
pub(super) fn workos_token() -> Operation {
    let body = json!({ "access_token": TOKEN, "expires_at": "2026-11-30T12:00:00Z" });
    let mut operation = get(
        OperationGroup::Session,
        WORKOS_TOKEN,
        "workosToken",
        "WorkOS's access token",
        "WorkOS's own access token of the session, for a service that accepts it. It is renewed first when it is about to expire. Answers 404 unless `WORKOS_TOKEN_ROUTE` is true.",
        vec![
            ok("The token", "WorkosToken", body),
            or_session_ended(unauthorized(&access_token_reasons())),
            switched_off(),
            no_workos_session(),
            unavailable(Some(session_unconfirmed())),
        ],
    );
    operation.credentials = ANY;
    operation.anonymous = false;
    operation
}

/// `/api/auth/logout`.
pub(super) fn logout() -> Operation {
    let body = json!({
        "message": "Successfully logged out",
        "workos_logout_url": "https://api.workos.com/user_management/sessions/logout?session_id=session_made_up",
        "redirect_to": "/signin",
    });
    let mut operation = post(
        OperationGroup::Session,
        "/api/auth/logout",
        "logout",
        "Sign out",
        "Ends the browser session and revokes its tokens, and revokes the access and refresh tokens that are sent, with their family. It never answers 401: the access token may be expired, invalid or missing.",
        &[REFRESH, RETURN_TO],
        vec![
            ok_with_cookie("Signed out", "LoggedOut", body),
            bad_request(
                &[REFRESH, RETURN_TO],
                &[field_error(
                    "return_to",
                    "The URL is on another origin",
                    "return_to",
                    FOREIGN_RETURN_TO,
                )],
            ),
        ],
    );
    operation.credentials = ANY;
    operation
}

fn access_token_reasons() -> Vec<UnauthorizedReason> {
    vec![
        NOT_PROVIDED,
        (
            "expired",
            "The token has expired",
            Unauthorized::AccessToken(TokenError::Expired),
        ),
        (
            "invalid",
            "The token is invalid",
            Unauthorized::AccessToken(TokenError::Invalid),
        ),
        (
            "ended",
            "The session of the token has ended",
            Unauthorized::AccessToken(TokenError::Blacklisted),
        ),
        (
            "wrong_type",
            "The token is a refresh token",
            Unauthorized::AccessToken(TokenError::WrongType),
        ),
        (
            "bad_header",
            "`Bearer` without a token, or with more than one word after it",
            Unauthorized::BadHeader,
        ),
        ("no_user", "The token has no user id", Unauthorized::NoUser),
        (
            "password_changed",
            "The password was changed after the token was issued",
            Unauthorized::PasswordChanged,
        ),
        (
            "user_not_found",
            "The account does not exist",
            Unauthorized::UserNotFound,
        ),
        (
            "user_inactive",
            "The account is inactive",
            Unauthorized::UserInactive,
        ),
    ]
}
