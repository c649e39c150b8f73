//! The differences that are allowed, each with its reason. A rule covers only the fields that it names, of
//! the exchanges that it describes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::Exchange;

/// A difference that is allowed.
struct Rule {
    name: &'static str,
    /// Why vestibule differs.
    reason: &'static str,
    /// The fields that may differ; `*` is any.
    fields: &'static [&'static str],
    applies: fn(&Exchange) -> bool,
}

/// What the rules say of one exchange.
pub(super) struct Verdict {
    /// The fields whose difference no rule allows.
    pub(super) refused: Vec<String>,
    /// The names of the rules that were needed.
    pub(super) used: Vec<&'static str>,
}

/// Every field: the two servers answer with different statuses.
const WHOLE_ANSWER: &[&str] = &["*"];

const RULES: &[Rule] = &[
    Rule {
        name: "headers of vestibule only",
        reason: "a content security policy, no caching, and an id for the log; Django leaves them to the project",
        fields: &["cache-control", "content-security-policy", "x-request-id"],
        applies: |exchange| exchange.theirs.get("cache-control").is_empty(),
    },
    Rule {
        name: "vary",
        reason: "vestibule's answers depend on the session cookie and not on Accept",
        fields: &["vary"],
        applies: |exchange| {
            matches!(exchange.theirs.get("vary"), "" | "Accept")
                && exchange.ours.get("vary") == "Cookie"
        },
    },
    Rule {
        name: "allow outside 405",
        reason: "Django REST framework sends Allow in every answer; HTTP asks for it in a 405",
        fields: &["allow"],
        applies: |exchange| exchange.ours.status != 405 && exchange.ours.get("allow").is_empty(),
    },
    Rule {
        name: "removal of a cookie",
        reason: "vestibule removes its own cookie if it cannot be read; Django's views have no session",
        fields: &["set-cookie"],
        applies: |exchange| {
            exchange.theirs.get("set-cookie").is_empty()
                && exchange.ours.get("set-cookie").contains("Max-Age=0")
        },
    },
    Rule {
        name: "one representation",
        reason: "vestibule sends JSON whatever Accept and `format` ask for; Django sends pages",
        fields: &["body", "content-type"],
        applies: |exchange| exchange.theirs.get("content-type") == "text/html; charset=utf-8",
    },
    Rule {
        name: "no 406",
        reason: "the same; Django refuses a request whose Accept allows neither JSON nor pages",
        fields: WHOLE_ANSWER,
        applies: |exchange| exchange.theirs.status == 406,
    },
    Rule {
        name: "options",
        reason: "Django describes its Python classes; browsers' preflights reach neither description",
        fields: WHOLE_ANSWER,
        applies: |exchange| exchange.request.method == "OPTIONS" && exchange.ours.status == 204,
    },
    Rule {
        name: "no internal error",
        reason: "a malformed request is never a 500",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            exchange.theirs.status == 500 && (400..500).contains(&exchange.ours.status)
        },
    },
    Rule {
        name: "issuer of another type",
        reason: "the same: Django verifies such a token and cannot sign the next one",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            exchange.theirs.status == 500 && exchange.request.claims()["iss"].is_number()
        },
    },
    Rule {
        name: "email_verified and groups",
        reason: "vestibule's current user has two fields more than the view of the Django project",
        fields: &["body"],
        applies: |exchange| {
            let plain = exchange
                .ours
                .get("body")
                .replace(",\"email_verified\":false,\"groups\":[]", "");
            exchange.request.path() == "/api/users/me" && plain == exchange.theirs.get("body")
        },
    },
    Rule {
        name: "scheme in any case",
        reason: "HTTP's authentication schemes have no case (RFC 9110, section 11.1)",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let scheme = exchange.request.value("Authorization").trim_ascii();
            let scheme = &scheme[..scheme.len().min(6)];
            scheme.eq_ignore_ascii_case(b"bearer") && scheme != b"Bearer"
        },
    },
    Rule {
        name: "email in any case",
        reason: "addresses are compared without case, which users of Django complain about",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let statuses = (exchange.theirs.status, exchange.ours.status);
            statuses == (401, 200) && exchange.request.path() == "/api/token"
        },
    },
    Rule {
        name: "tokens of a revoked family",
        reason: "a blacklisted sign-in ends all its tokens; Django's access tokens live on, and those of both servers are strangers",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let own_or_other = exchange.request.contains("-TOKEN");
            (exchange.request.path() == "/api/users/me" || own_or_other)
                && exchange.theirs.status == 200
                && exchange.ours.get("body").contains("Token is blacklisted")
        },
    },
    Rule {
        name: "replay",
        reason: "a replay within half a minute gets the same pair: several tabs refresh at once",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let statuses = (exchange.theirs.status, exchange.ours.status);
            exchange.request.path() == "/api/token/refresh"
                && statuses == (401, 200)
                && exchange.ours.get("body").contains("\"refresh\":")
        },
    },
    Rule {
        name: "kinds of tokens",
        reason: "`verify` knows access and refresh tokens, and refuses those that nothing accepts",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let kind = &exchange.request.claims()["token_type"];
            exchange.request.path() == "/api/token/verify"
                && !["access", "refresh"].iter().any(|known| kind == known)
                && exchange.ours.status == 401
        },
    },
    Rule {
        name: "user ids",
        reason: "an id is a positive whole number or its digits; Python reads true, 1.5 and \" 1\" as 1 too",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let claims = exchange.request.claims();
            let is_id = match &claims["user_id"] {
                Value::Number(number) => number.as_i64().is_some_and(|id| id > 0),
                Value::String(text) => {
                    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                    digits && !text.is_empty() && !text.starts_with('0')
                }
                _ => false,
            };
            let (theirs, ours) = (exchange.theirs.status, exchange.ours.status);
            let in_step = theirs == ours || theirs == 500 || (theirs, ours) == (200, 401);
            claims.get("user_id").is_some() && !is_id && in_step
        },
    },
    Rule {
        name: "claims of other programs",
        reason: "`ver`, `sid` and `act` of Django's tokens mean nothing, and no token that vestibule signs has them",
        fields: &["body"],
        applies: |exchange| {
            let claims = exchange.request.claims();
            let mut theirs = exchange.theirs.get("body").to_owned();
            for name in ["act", "sid", "ver"] {
                if let Some(value) = claims.get(name) {
                    theirs = theirs.replace(&format!(",\"{name}\":{value}"), "");
                    theirs = theirs.replace(&format!("{{\"{name}\":{value},"), "{");
                }
            }
            theirs == exchange.ours.get("body")
        },
    },
    Rule {
        name: "type of a token",
        reason: "the header `typ` is a text (RFC 7519, section 5.1); Django ignores a value of another type",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            exchange.request.token_header()["typ"].is_number() && exchange.ours.status == 401
        },
    },
    Rule {
        name: "padding",
        reason: "the parts of a token have no padding (RFC 7515, section 2); Python's decoder ignores it",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let token = exchange.request.token.as_deref().unwrap_or_default();
            token.ends_with('=') && exchange.ours.get("body").contains("Token is invalid")
        },
    },
    Rule {
        name: "mark before the claims",
        reason: "Python's JSON parser skips a byte order mark, which no library writes into a token",
        fields: &["body"],
        applies: |exchange| {
            let token = exchange.request.token.as_deref().unwrap_or_default();
            token
                .split('.')
                .nth(1)
                .is_some_and(|payload| payload.starts_with("77u_"))
        },
    },
    Rule {
        name: "surrogates",
        reason: "half a surrogate pair is no text in Rust: the error of the parser instead of the field",
        fields: &["body"],
        applies: |exchange| {
            let half = exchange.request.contains("\\ud800") || exchange.request.contains("\\udc00");
            half && exchange.ours.get("body") == "(JSON parse error)"
        },
    },
    Rule {
        name: "huge numbers",
        reason: "a number beyond the range of a double is an error of the parser; Python reads infinity",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let huge = exchange.request.contains("1E400") || exchange.request.contains("1e999");
            huge && exchange.ours.get("body") == "(JSON parse error)"
        },
    },
    Rule {
        name: "wildcards as a media type",
        reason: "`*/*` is no type of a body (RFC 9110, section 8.3); Django takes it for JSON",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let kind = exchange.request.value("Content-Type");
            (kind == b"*/*" || kind == b"application/*") && exchange.ours.status == 415
        },
    },
    Rule {
        name: "media type in any case",
        reason: "media types have no case (RFC 9110, section 8.3.1); Django's parser of multipart forms disagrees",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let kind = exchange.request.value("Content-Type");
            kind.starts_with(b"Multipart/Form-Data") && exchange.theirs.status == 400
        },
    },
    Rule {
        name: "no media type",
        reason: "Django's development server invents text/plain; others leave the type empty, as vestibule does",
        fields: &["body"],
        applies: |exchange| {
            exchange.request.value("Content-Type").is_empty()
                && exchange.theirs.get("body")
                    == r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#
                && exchange.ours.get("body")
                    == r#"{"detail":"Unsupported media type \"\" in request."}"#
        },
    },
    Rule {
        name: "form without its boundary",
        reason: "what precedes the boundary of a multipart form is no part (RFC 2046, section 5.1.1); Django takes it for one",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let kind = String::from_utf8_lossy(exchange.request.value("Content-Type")).into_owned();
            let boundary = kind.split("boundary=").nth(1).map(|rest| {
                let rest = rest.split(';').next().unwrap_or_default();
                format!("--{}", rest.trim_matches('"'))
            });
            let body = exchange.request.body.as_deref().unwrap_or_default();
            boundary.is_some_and(|boundary| !body.starts_with(boundary.as_bytes()))
                && exchange
                    .ours
                    .get("body")
                    .contains("This field is required.")
        },
    },
    Rule {
        name: "file that breaks off",
        reason: "Django forgets a file without an end; vestibule says that the field is no text",
        fields: &["body"],
        applies: |exchange| {
            exchange.request.contains("filename=")
                && exchange.ours.get("body").contains("Not a valid string.")
        },
    },
    Rule {
        name: "slashes in the path",
        reason: "an encoded slash separates nothing (RFC 3986, section 2.2), and two slashes are not one",
        fields: WHOLE_ANSWER,
        applies: |exchange| {
            let target = &exchange.request.target;
            (target.contains("%2F") || target.starts_with("//")) && exchange.ours.status == 404
        },
    },
];

pub(super) fn judge(exchange: &Exchange) -> Verdict {
    let mut verdict = Verdict {
        refused: Vec::new(),
        used: Vec::new(),
    };
    let rules: Vec<&Rule> = RULES
        .iter()
        .filter(|rule| (rule.applies)(exchange))
        .collect();
    for field in exchange.differences() {
        let covers =
            |rule: &&&Rule| rule.fields == WHOLE_ANSWER || rule.fields.contains(&field.as_str());
        match rules.iter().find(covers) {
            Some(rule) => verdict.used.push(rule.name),
            None => verdict.refused.push(field),
        }
    }
    verdict
}

/// The rules that are not among these, each with its reason.
pub(super) fn unused(used: &BTreeSet<&str>) -> Vec<String> {
    let unused = RULES.iter().filter(|rule| !used.contains(rule.name));
    unused
        .map(|rule| format!("{}: {}", rule.name, rule.reason))
        .collect()
}
