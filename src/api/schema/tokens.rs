//! `/api/token` and what is below it.

use serde_json::json;

use super::answers::{Reason, TOKEN, example, ok, ok_with_cookie, throttled, unauthorized};
use super::builder::{post, text};
use super::{Field, Group, Operation};
use crate::api::error::Unauthorized;
use crate::tokens::TokenError;

const EMAIL: Field = text("email", "Compared without case.", "ada@example.com");
const PASSWORD: Field = text(
    "password",
    "Taken as sent, spaces included.",
    "Correct-horse-9",
);
const REFRESH: Field = text(
    "refresh",
    "The refresh token. With `AUTH_COOKIE_REFRESH` its cookie will do.",
    TOKEN,
);
const EITHER: Field = text("token", "An access token or a refresh token.", TOKEN);

/// A pair for a password.
pub(super) fn obtain() -> Operation {
    post(
        Group::Tokens,
        "/api/token",
        "obtainToken",
        "A pair for an e-mail and a password",
        "`PASSWORD_LOGIN` says whose password counts. Throttled per client address, and wrong passwords per account and address.",
        &[EMAIL, PASSWORD],
        vec![
            ok_with_cookie(
                "The pair",
                "TokenPair",
                json!({ "refresh": TOKEN, "access": TOKEN }),
            ),
            unauthorized(&[(
                "refused",
                "Wrong password, unknown e-mail, closed account",
                Unauthorized::NoActiveAccount,
            )]),
            throttled(),
        ],
    )
}

/// The next.
pub(super) fn refresh() -> Operation {
    let mut refreshed = ok_with_cookie("The next", "Refreshed", json!({ "access": TOKEN }));
    let rotated = json!({ "access": TOKEN, "refresh": TOKEN });
    let summary = "With `ROTATE_REFRESH_TOKENS`";
    refreshed
        .examples
        .push(example("rotated", summary, rotated));
    post(
        Group::Tokens,
        "/api/token/refresh",
        "refreshToken",
        "The next access token",
        "With `ROTATE_REFRESH_TOKENS` also the next refresh token, and the one that was sent retires. Sent again within 30 seconds it gives the same pair; later it ends all tokens of its sign-in.",
        &[REFRESH],
        vec![refreshed, unauthorized(&of_a_refresh_token()), throttled()],
    )
}

/// Whether it is good.
pub(super) fn verify() -> Operation {
    let mut reasons = of_a_refresh_token();
    reasons.retain(|(name, ..)| *name != "wrong_type");
    post(
        Group::Tokens,
        "/api/token/verify",
        "verifyToken",
        "Whether a token is good",
        "Takes tokens of either kind.",
        &[EITHER],
        vec![ok("It is", "Nothing", json!({})), unauthorized(&reasons)],
    )
}

/// The end of one.
pub(super) fn blacklist() -> Operation {
    post(
        Group::Tokens,
        "/api/token/blacklist",
        "blacklistToken",
        "End a refresh token",
        "All tokens of its sign-in end with it.",
        &[REFRESH],
        vec![
            ok("It has ended", "Nothing", json!({})),
            unauthorized(&of_a_refresh_token()),
        ],
    )
}

fn of_a_refresh_token() -> Vec<Reason> {
    vec![
        (
            "invalid",
            "No token of ours",
            Unauthorized::Token(TokenError::Invalid),
        ),
        (
            "expired",
            "Its time is over",
            Unauthorized::Token(TokenError::Expired),
        ),
        (
            "blacklisted",
            "Retired or ended",
            Unauthorized::Token(TokenError::Blacklisted),
        ),
        (
            "no_expiry",
            "It has no `exp`",
            Unauthorized::Token(TokenError::NoExpiry),
        ),
        (
            "no_type",
            "It has no `token_type`",
            Unauthorized::Token(TokenError::NoType),
        ),
        (
            "no_id",
            "It has no `jti`",
            Unauthorized::Token(TokenError::NoId),
        ),
        (
            "wrong_type",
            "An access token",
            Unauthorized::Token(TokenError::WrongType),
        ),
        (
            "inactive",
            "The account is closed or gone",
            Unauthorized::NoActiveAccountForToken,
        ),
        (
            "password_changed",
            "The password was changed since",
            Unauthorized::PasswordChanged,
        ),
    ]
}
