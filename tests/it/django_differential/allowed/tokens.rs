//! Differences in how tokens are read.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::{ANOTHER_STATUS, Facts, Rule, detail, not_valid, not_valid_in_header, refuses_token};
use crate::django_differential::request::GeneratedRequest;
use crate::support::app::SECRET_KEY;
use crate::support::real_django::RealUser;
use crate::support::tokens::forge_token;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "tokens of a revoked family",
        reason: "a blacklisted sign-in ends all its tokens; Django's access tokens live on, and those of both servers are strangers",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let token = used_token(facts);
            let refused = refuses_token(facts, "Token is blacklisted")
                || facts.ours().is(
                    400,
                    &json!({ "non_field_errors": ["Token is blacklisted"] }),
                );
            facts.theirs().status == 200
                && refused
                && token.is_some_and(|token| facts.history.is_revoked(&token))
        },
    },
    Rule {
        name: "replay",
        reason: "a replay within half a minute gets the same pair: several tabs refresh at once",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let token = facts.exchange.sent.field("refresh");
            let earlier = token
                .as_deref()
                .and_then(|token| facts.history.answer_to(token));
            facts.path() == "/api/token/refresh"
                && facts.theirs().is(401, &not_valid("Token is blacklisted"))
                && facts.ours().status == 200
                && earlier == Some(&facts.ours().json())
        },
    },
    Rule {
        name: "tokens without a type",
        reason: "`verify` asks for a type, as all other routes do",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let claims = facts.exchange.request.claims();
            facts.path() == "/api/token/verify"
                && claims.is_object()
                && claims.get("token_type").is_none()
                && facts.theirs().is(200, &json!({}))
                && facts.ours().is(401, &not_valid("Token has no type"))
        },
    },
    Rule {
        name: "no internal error",
        reason: "a malformed request is never a 500",
        fields: &[
            "allow",
            "body",
            "content-type",
            "cross-origin-opener-policy",
            "referrer-policy",
            "set-cookie",
            "status",
            "www-authenticate",
            "x-content-type-options",
            "x-frame-options",
        ],
        applies: |facts| {
            // A log-out with a token that Django cannot write down ends it.
            let is_end = facts.path() == "/api/token/blacklist" && facts.ours().is(200, &json!({}));
            let is_refusal = matches!(facts.ours().status, 400 | 401);
            facts.theirs().status == 500
                && ((is_refusal || is_end) && is_malformed(facts) || names_no_account(facts))
        },
    },
    Rule {
        name: "issuer of another type",
        reason: "the same: Django verifies such a token and cannot sign the next one",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let claims = facts.exchange.request.claims();
            let ours = facts.ours();
            let is_exchanged = facts.path() == "/api/token/refresh"
                && ours.claims("access")["user_id"] == claims["user_id"];
            let is_ended = facts.path() == "/api/token/blacklist" && ours.is(200, &json!({}));
            facts.statuses() == (500, 200)
                && claims["iss"].is_number()
                && is_good_refresh_token(facts, &claims)
                && (is_exchanged || is_ended)
        },
    },
    Rule {
        name: "user ids",
        reason: "an id is a positive whole number or its digits; Python reads true, 1.5 and \" 1\" as 1 too",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let claims = used_claims(facts);
            let user = claims.get("user_id");
            let is_number = user.is_some_and(Value::is_number);
            user.is_some_and(|user| !is_id(user)) && opens_nothing(facts)
                || is_number && issues_the_digits(facts)
        },
    },
    Rule {
        name: "claims of other programs",
        reason: "`ver`, `sid` and `act` of Django's tokens mean nothing, and no token that vestibule signs has them",
        fields: &["body"],
        applies: |facts| {
            let claims = facts.exchange.request.claims();
            let mut theirs = facts.theirs().get("body").to_owned();
            for name in ["act", "sid", "ver"] {
                if let Some(value) = claims.get(name) {
                    theirs = theirs.replace(&format!(",\"{name}\":{value}"), "");
                    theirs = theirs.replace(&format!("{{\"{name}\":{value},"), "{");
                }
            }
            facts.path() == "/api/token/refresh"
                && facts.statuses() == (200, 200)
                && theirs == facts.ours().get("body")
        },
    },
    Rule {
        name: "type of a token",
        reason: "the header `typ` is a text (RFC 7519, section 5.1); Django ignores a value of another type",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let token = facts.exchange.request.token.as_deref();
            facts.exchange.request.token_header()["typ"].is_number()
                && token.is_some_and(is_signed)
                && has_read_token(facts)
                && refuses_token(facts, "Token is invalid")
        },
    },
    Rule {
        name: "padding",
        reason: "the parts of a token have no padding (RFC 7515, section 2); Python's decoder ignores it",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let token = facts.exchange.request.token.as_deref();
            let bare = token.and_then(|token| token.strip_suffix('='));
            bare.is_some_and(is_signed)
                && has_read_token(facts)
                && refuses_token(facts, "Token is invalid")
        },
    },
    Rule {
        name: "mark before the claims",
        reason: "Python's JSON parser skips a byte order mark, which no library writes into a token",
        fields: &["body"],
        applies: |facts| has_mark(facts) && refuses_token(facts, "Token is invalid"),
    },
];

/// The token of the request as vestibule has got it.
fn used_token(facts: &Facts<'_>) -> Option<String> {
    let sent = &facts.exchange.sent;
    let field = ["refresh", "token"]
        .iter()
        .find_map(|name| sent.field(name));
    field.or_else(|| {
        let header = String::from_utf8_lossy(sent.value("Authorization"));
        Some(header.strip_prefix("Bearer ")?.to_owned())
    })
}

/// Whether the request has something that makes Django fail: a charset that is no charset, a token without the
/// claims that it needs, or with values of another type, or a password that its bcrypt does not take.
fn is_malformed(facts: &Facts<'_>) -> bool {
    /// In bytes.
    const LONGEST_FOR_BCRYPT: usize = 72;
    let request = &facts.exchange.request;
    let kind = String::from_utf8_lossy(request.value("Content-Type")).to_ascii_lowercase();
    let mut no_charsets = ["zlib", "hex"].iter();
    let is_no_charset = no_charsets.any(|name| kind.ends_with(&format!("charset={name}")));
    let claims = used_claims(facts);
    let is_time = |claim: &Value| claim.as_i64().is_some_and(|time| time > 0);
    let has_odd_claim = claims.is_object()
        && (!claims["jti"].is_string() || !is_time(&claims["exp"]) || !is_id(&claims["user_id"]));
    let is_of_bcrypt = request
        .field("email")
        .is_some_and(|email| email.trim() == "bcrypt@example.com");
    let password = request.field("password").unwrap_or_default();
    let is_too_long = is_of_bcrypt && password.trim().len() > LONGEST_FOR_BCRYPT;
    is_no_charset || has_odd_claim || has_mark(facts) || is_too_long
}

/// Whether vestibule refuses to exchange a token because neither server has its account.
fn names_no_account(facts: &Facts<'_>) -> bool {
    let user = &used_claims(facts)["user_id"];
    let is_of = |one: &RealUser| *user == one.id || user.as_str() == Some(&one.id.to_string());
    let refusal = detail("No active account found for the given token.");
    facts.path() == "/api/token/refresh"
        && is_id(user)
        && !facts.users.iter().any(is_of)
        && facts.ours().is(401, &refusal)
}

/// Whether the claims of the request's token begin with a byte order mark.
fn has_mark(facts: &Facts<'_>) -> bool {
    let token = facts.exchange.request.token.as_deref().unwrap_or_default();
    let payload = token.split('.').nth(1).unwrap_or_default();
    payload.starts_with("77u_")
}

/// The claims of the token of the request, also of one that a server has issued.
fn used_claims(facts: &Facts<'_>) -> Value {
    let request = facts.exchange.request.clone();
    let token = request.token.clone().or_else(|| used_token(facts));
    GeneratedRequest { token, ..request }.claims()
}

/// Whether both issue the same tokens, except that vestibule writes the id of the user as a text.
fn issues_the_digits(facts: &Facts<'_>) -> bool {
    let id = &used_claims(facts)["user_id"];
    let theirs = facts.theirs().get("body");
    let theirs = theirs.replace(
        &format!("\"user_id\":{id}"),
        &format!("\"user_id\":\"{id}\""),
    );
    facts.statuses() == (200, 200) && theirs == facts.ours().get("body")
}

/// Whether a claim names a user in the form that simplejwt writes.
fn is_id(claim: &Value) -> bool {
    match claim {
        Value::Number(number) => number.as_i64().is_some_and(|id| id > 0),
        Value::String(text) => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits && !text.is_empty() && !text.starts_with('0')
        }
        _ => false,
    }
}

/// Whether the token is signed with the key that both servers have.
fn is_signed(token: &str) -> bool {
    let mut parts = token.split('.').map(|part| BASE64URL.decode(part).ok());
    let (Some(Some(header)), Some(Some(payload))) = (parts.next(), parts.next()) else {
        return false;
    };
    let header = String::from_utf8_lossy(&header);
    forge_token(&header, &payload, SECRET_KEY.as_bytes()) == token
}

/// Whether Django accepts the token of the request, or refuses its type, its use or its account: it has found the
/// signature valid.
fn has_read_token(facts: &Facts<'_>) -> bool {
    let theirs = facts.theirs();
    let is_refusal_of_use =
        ["Token has wrong type", "Token is blacklisted"]
            .iter()
            .any(|message| {
                theirs.is(401, &not_valid(message)) || theirs.is(401, &not_valid_in_header(message))
            });
    let is_refusal_of_account = [
        detail("No active account found for the given token."),
        json!({ "detail": "User not found", "code": "user_not_found" }),
        json!({ "detail": "User is inactive", "code": "user_inactive" }),
    ]
    .iter()
    .any(|body| theirs.is(401, body));
    let is_accepted = match facts.path() {
        "/api/token/refresh" => theirs.claims("access").is_object(),
        "/api/users/me" if facts.exchange.request.method == "HEAD" => true,
        "/api/users/me" => !theirs.json()["id"].is_null(),
        _ => theirs.json() == json!({}),
    };
    let is_blacklisted = json!({ "non_field_errors": ["Token is blacklisted"] });
    is_refusal_of_use
        || is_refusal_of_account
        || theirs.status == 200 && is_accepted
        || theirs.is(400, &is_blacklisted)
}

/// Whether vestibule's answer refuses a token because of its user, or gives out one that opens nothing.
fn opens_nothing(facts: &Facts<'_>) -> bool {
    let ours = facts.ours();
    let refused = [
        detail("No active account found for the given token."),
        not_valid("Token contained no recognizable user identification"),
        json!({ "detail": "User not found", "code": "user_not_found" }),
    ];
    let issued = ours.claims("access");
    let names_nobody =
        matches!(&issued["user_id"], Value::String(text) if text.is_empty() || text == "null");
    let is_refused = refused.contains(&ours.json()) || facts.exchange.request.method == "HEAD";
    (ours.status == 401 && is_refused)
        || (matches!(facts.statuses(), (200 | 500, 200)) && names_nobody)
}

/// Whether a refresh token with these claims is signed with the key that both servers have, and is that of an open
/// account or names none.
fn is_good_refresh_token(facts: &Facts<'_>, claims: &Value) -> bool {
    let signed = facts
        .exchange
        .request
        .token
        .as_deref()
        .is_some_and(|token| {
            let header = r#"{"alg":"HS256","typ":"JWT"}"#;
            forge_token(header, claims.to_string().as_bytes(), SECRET_KEY.as_bytes()) == token
        });
    let user = claims["user_id"].as_str();
    let of = |id: i64| user == Some(id.to_string().as_str());
    let is_open = user.is_none() && claims.get("user_id").is_none()
        || facts.users.iter().any(|one| one.is_active && of(one.id));
    signed && claims["token_type"] == "refresh" && is_open
}
