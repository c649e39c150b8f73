//! `/api/token` and the routes below it.

use serde_json::json;

use super::builder::{post, text};
use super::responses::{
    TOKEN, UnauthorizedReason, bad_request, example, ok, ok_with_cookie, or_session_ended,
    session_unconfirmed, throttled, unauthorized, unavailable,
};
use super::second_factor::with_code;
use super::{BodyField, Operation, OperationGroup};
use crate::api::ApiError;
use crate::api::error::Unauthorized;
use crate::settings::LoginField;
use crate::tokens::TokenError;

const EMAIL: BodyField = text("email", "Compared case-insensitively.", "ada@example.com");
const USERNAME: BodyField = text("username", "Compared exactly.", "ada");
const PASSWORD: BodyField = text(
    "password",
    "Without white space at its ends, as Django REST framework reads it.",
    "Correct-horse-9",
);
const REFRESH: BodyField = text(
    "refresh",
    "The refresh token. With `AUTH_COOKIE_REFRESH` the cookie is used instead if the field is missing.",
    TOKEN,
);
const EITHER: BodyField = text("token", "An access token or a refresh token.", TOKEN);

/// `/api/token`.
pub(super) fn obtain(login_field: LoginField) -> Operation {
    let (summary, fields, refused): (_, &'static [BodyField], _) = match login_field {
        LoginField::Email => (
            "Tokens for an email address and a password",
            &[EMAIL, PASSWORD],
            "Wrong password, unknown email address or inactive account",
        ),
        LoginField::Username => (
            "Tokens for a username and a password",
            &[USERNAME, PASSWORD],
            "Wrong password, unknown username or inactive account",
        ),
    };
    with_code(post(
        OperationGroup::Tokens,
        "/api/token",
        "obtainToken",
        summary,
        "`PASSWORD_LOGIN` determines which accounts may use a password. Requests are limited per client address, and wrong passwords and codes per account and client address. If the account has an authenticator app, the response is 403 with the code `mfa_challenge` and a `pending_authentication_token`; send that token to this route, together with `code`.",
        fields,
        vec![
            ok_with_cookie(
                "A new token pair",
                "TokenPair",
                json!({ "refresh": TOKEN, "access": TOKEN }),
            ),
            unauthorized(&[("refused", refused, Unauthorized::NoActiveAccount)]),
            throttled(),
        ],
    ))
}

/// `/api/token/refresh`.
pub(super) fn refresh() -> Operation {
    let mut refreshed = ok_with_cookie(
        "A new access token",
        "Refreshed",
        json!({ "access": TOKEN }),
    );
    let rotated = json!({ "access": TOKEN, "refresh": TOKEN });
    let summary = "With `ROTATE_REFRESH_TOKENS`";
    refreshed
        .examples
        .push(example("rotated", summary, rotated));
    post(
        OperationGroup::Tokens,
        "/api/token/refresh",
        "refreshToken",
        "A new access token for a refresh token",
        "With `ROTATE_REFRESH_TOKENS` the response also has a new refresh token, and the one that was sent is consumed. If the same client sends a consumed token again within 30 seconds, and the new one has not been used yet, the response has the same pair; otherwise all tokens of the sign-in are revoked. A token that depends on a session is exchanged only if WorkOS confirms the session, as for a page.",
        &[REFRESH],
        vec![
            refreshed,
            or_session_ended(unauthorized(&refresh_token_reasons())),
            throttled(),
            unavailable(Some(session_unconfirmed())),
        ],
    )
}

/// `/api/token/verify`.
pub(super) fn verify() -> Operation {
    let mut reasons = refresh_token_reasons();
    reasons.retain(|(name, ..)| {
        !matches!(
            *name,
            "blacklisted" | "wrong_type" | "inactive" | "password_changed"
        )
    });
    let blacklisted = example(
        "blacklisted",
        "The token was consumed or revoked",
        ApiError::Blacklisted.example(),
    );
    post(
        OperationGroup::Tokens,
        "/api/token/verify",
        "verifyToken",
        "Check whether a token is valid",
        "Accepts tokens of every type, whatever the state of their account, as simplejwt does: call `/api/users/me` to learn whether a token opens it. Requests are limited per client address, as refreshes are, and counted separately.",
        &[EITHER],
        vec![
            ok("The token is valid", "Nothing", json!({})),
            bad_request(&[EITHER], &[blacklisted]),
            unauthorized(&reasons),
            throttled(),
        ],
    )
}

/// `/api/token/blacklist`.
pub(super) fn blacklist() -> Operation {
    post(
        OperationGroup::Tokens,
        "/api/token/blacklist",
        "blacklistToken",
        "Revoke a refresh token",
        "All tokens of the same sign-in are revoked with it.",
        &[REFRESH],
        vec![
            ok("The token is revoked", "Nothing", json!({})),
            unauthorized(&refresh_token_reasons()),
        ],
    )
}

fn refresh_token_reasons() -> Vec<UnauthorizedReason> {
    vec![
        (
            "invalid",
            "The token is invalid",
            Unauthorized::Token(TokenError::Invalid),
        ),
        (
            "expired",
            "The token has expired",
            Unauthorized::Token(TokenError::Expired),
        ),
        (
            "blacklisted",
            "The token was consumed or revoked",
            Unauthorized::Token(TokenError::Blacklisted),
        ),
        (
            "no_expiry",
            "The token has no `exp` claim",
            Unauthorized::Token(TokenError::NoExpiry),
        ),
        (
            "no_type",
            "The token has no `token_type` claim",
            Unauthorized::Token(TokenError::NoType),
        ),
        (
            "no_id",
            "The token has no `jti` claim",
            Unauthorized::Token(TokenError::NoId),
        ),
        (
            "wrong_type",
            "The token is an access token",
            Unauthorized::Token(TokenError::WrongType),
        ),
        (
            "inactive",
            "The account is inactive or does not exist",
            Unauthorized::NoActiveAccountForToken,
        ),
        (
            "password_changed",
            "The password was changed after the token was issued",
            Unauthorized::PasswordChanged,
        ),
    ]
}
