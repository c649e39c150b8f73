//! Who is signed in, tokens for a browser session, and the way out.

use serde_json::json;

use super::answers::{
    Reason, TOKEN, bad_request, complaint, ok, ok_with_cookie, session_over, unauthorized,
    unavailable, unconfirmed,
};
use super::builder::{get, optional, post, signed_in, user};
use super::{Answer, Credential, Field, Group, Operation};
use crate::api::error::Unauthorized;
use crate::api::logout::FOREIGN_RETURN_TO;
use crate::tokens::TokenError;

const FORGET: Field = optional(
    "refresh",
    "A refresh token that ends with its family.",
    TOKEN,
);
const RETURN_TO: Field = optional(
    "return_to",
    "Where WorkOS's logout leads; on `PUBLIC_URL` or an origin of `CORS_ALLOWED_ORIGINS`.",
    "https://app.example.com/",
);
const ANY: &[Credential] = &[
    Credential::Bearer,
    Credential::PolicyCookie,
    Credential::SessionCookie,
];

const NOBODY: Reason = ("not_provided", "No credentials", Unauthorized::NotProvided);

/// Who am I.
pub(super) fn me() -> Operation {
    let mut operation = get(
        Group::Session,
        "/api/users/me",
        "me",
        "Who am I",
        "By access token, policy cookie or browser session. Any method asks first who you are, so without credentials even POST answers 401.",
        vec![
            ok("The user", "User", user()),
            or_session_over(unauthorized(&of_an_access_token())),
        ],
    );
    operation.credentials = ANY;
    operation.anonymous = false;
    operation.answers.push(unavailable(Some(unconfirmed())));
    operation
}

/// Tokens for a browser session.
pub(super) fn tokens() -> Operation {
    let mut operation = post(
        Group::Session,
        "/api/auth/session",
        "sessionTokens",
        "Tokens for the browser session",
        "For a single-page application on the same origin: whoever is signed in here gets a pair. It ends with the session.",
        &[],
        vec![
            ok_with_cookie("Signed in", "SignedIn", signed_in()),
            or_session_over(unauthorized(&[NOBODY])),
            unavailable(Some(unconfirmed())),
        ],
    );
    operation.credentials = &[Credential::SessionCookie];
    operation.anonymous = false;
    operation
}

/// A 401 that a browser session that has ended gets too.
fn or_session_over(mut answer: Answer) -> Answer {
    answer.examples.push(session_over());
    answer
}

/// The way out.
pub(super) fn logout() -> Operation {
    let body = json!({
        "message": "Successfully logged out",
        "workos_logout_url": "https://api.workos.com/user_management/sessions/logout?session_id=session_made_up",
        "redirect_to": "/signin",
    });
    let mut operation = post(
        Group::Session,
        "/api/auth/logout",
        "logout",
        "Sign out",
        "Ends the browser session, the token families that stand on it, and the refresh token that is sent, with its family. It never answers 401: an expired access token will do, and so will none.",
        &[FORGET, RETURN_TO],
        vec![
            ok_with_cookie("Signed out", "LoggedOut", body),
            bad_request(
                &[FORGET, RETURN_TO],
                &[complaint(
                    "return_to",
                    "It leads elsewhere",
                    "return_to",
                    FOREIGN_RETURN_TO,
                )],
            ),
        ],
    );
    operation.credentials = ANY;
    operation
}

fn of_an_access_token() -> Vec<Reason> {
    vec![
        NOBODY,
        (
            "expired",
            "Its time is over",
            Unauthorized::AccessToken(TokenError::Expired),
        ),
        (
            "invalid",
            "No token of ours",
            Unauthorized::AccessToken(TokenError::Invalid),
        ),
        (
            "ended",
            "The session behind it has ended",
            Unauthorized::AccessToken(TokenError::Blacklisted),
        ),
        (
            "wrong_type",
            "A refresh token",
            Unauthorized::AccessToken(TokenError::WrongType),
        ),
        (
            "bad_header",
            "`Bearer` alone, or three words",
            Unauthorized::BadHeader,
        ),
        ("no_user", "It names nobody", Unauthorized::NoUser),
        (
            "password_changed",
            "The password was changed since",
            Unauthorized::PasswordChanged,
        ),
        (
            "user_not_found",
            "The account is gone",
            Unauthorized::UserNotFound,
        ),
        (
            "user_inactive",
            "The account is closed",
            Unauthorized::UserInactive,
        ),
    ]
}
