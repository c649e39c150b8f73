//! Differences in the form of answers.

use super::{Rule, detail};
use crate::django_differential::answer::Answer;

/// The fields of the current user that the view of the Django project does not have, for an account without WorkOS.
pub(super) const MORE_FIELDS: &str = r#""email_verified":false,"picture_url":null,"organization_id":null,"organization_name":null,"roles":[],"permissions":[],"entitlements":[],"feature_flags":[],"claims":{},"impersonator":null,"is_staff":false,"is_superuser":false,"groups":[]"#;

const NO_CACHE: &str = "max-age=0, no-cache, no-store, must-revalidate, private";

/// The fields that differ if one program serves the path or the method and the other does not.
const OTHER_METHODS: &[&str] = &[
    "allow",
    "body",
    "content-type",
    "status",
    "www-authenticate",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "headers of vestibule only",
        reason: "a content security policy, no caching, and an id for the log; Django leaves them to the project",
        fields: &["cache-control", "content-security-policy", "x-request-id"],
        applies: |facts| {
            let (theirs, ours) = (facts.theirs(), facts.ours());
            let fields = ["cache-control", "content-security-policy", "x-request-id"];
            fields.iter().all(|name| theirs.get(name).is_empty())
                && matches!(ours.get("cache-control"), "" | NO_CACHE)
                && ours
                    .get("content-security-policy")
                    .starts_with("default-src 'none'")
                && !ours.get("x-request-id").is_empty()
        },
    },
    Rule {
        name: "vary",
        reason: "vestibule's answers depend on the session cookie and not on Accept",
        fields: &["vary"],
        applies: |facts| {
            matches!(facts.theirs().get("vary"), "" | "Accept")
                && facts.ours().get("vary") == "Cookie"
        },
    },
    Rule {
        name: "allow outside 405",
        reason: "Django REST framework sends Allow in every answer; HTTP asks for it in a 405",
        fields: &["allow"],
        applies: |facts| {
            let (theirs, ours) = facts.statuses();
            theirs != 405 && ours != 405 && facts.ours().get("allow").is_empty()
        },
    },
    Rule {
        name: "cookies of a log-out",
        reason: "a log-out also ends a log-in that waits for a code; Django's view has no cookies",
        fields: &["set-cookie"],
        applies: |facts| {
            let removed = removed_cookies(facts.ours());
            facts.path() == "/api/auth/logout"
                && facts.theirs().get("set-cookie").is_empty()
                && removed == ["vestibule_login_code"]
        },
    },
    Rule {
        name: "page of an unknown route",
        reason: "every error under /api/ is JSON; Django's is a page",
        fields: &["body", "content-type"],
        applies: |facts| {
            facts.statuses() == (404, 404)
                && facts.theirs().get("content-type") == "text/html; charset=utf-8"
                && facts.ours().is(404, &detail("Not found."))
        },
    },
    Rule {
        name: "options",
        reason: "Django describes its Python classes; browsers' preflights reach neither description",
        fields: OTHER_METHODS,
        applies: |facts| {
            let (theirs, ours) = (facts.theirs(), facts.ours());
            let describes = theirs.status == 200 && theirs.json()["renders"].is_array();
            facts.exchange.request.method == "OPTIONS"
                && (describes || theirs.status == 401)
                && ours.status == 204
                && ours.get("body").is_empty()
        },
    },
    Rule {
        name: "more fields of the current user",
        reason: "vestibule's current user has more fields than the view of the Django project",
        fields: &["body"],
        applies: |facts| {
            let ours = facts.ours().get("body");
            let flags = r#""is_staff":false,"is_superuser":false"#;
            let of_superuser = MORE_FIELDS.replace(flags, &flags.replace("false", "true"));
            let plain = ours.replace(&format!(",{MORE_FIELDS}"), "");
            let plain = plain.replace(&format!(",{of_superuser}"), "");
            facts.path() == "/api/users/me"
                && facts.statuses() == (200, 200)
                && plain == facts.theirs().get("body")
        },
    },
    Rule {
        name: "slashes in the path",
        reason: "an encoded slash separates nothing (RFC 3986, section 2.2), and two slashes are not one",
        fields: OTHER_METHODS,
        applies: |facts| {
            let is_other_path = ["/api/token%2Frefresh", "//api/token"].contains(&facts.path());
            // Django answers as it answers on the path with single slashes.
            let (theirs, ours) = (facts.theirs(), facts.ours());
            // A path outside /api/ gets a page unless the client prefers JSON.
            let is_page = facts.path() == "//api/token"
                && ours.status == 404
                && ours.get("content-type") == "text/html; charset=utf-8";
            is_other_path
                && matches!(theirs.status, 200 | 400 | 401 | 405 | 415)
                && theirs.get("content-type") == "application/json"
                && (is_page || ours.is(404, &detail("Not found.")))
        },
    },
];

/// The names of the cookies that an answer removes; empty if it sets one to a value.
fn removed_cookies(answer: &Answer) -> Vec<&str> {
    let joined = answer.get("set-cookie").split(", ");
    // The date of `Expires` has a comma too.
    let cookies = joined.filter(|part| !part.starts_with(|first: char| first.is_ascii_digit()));
    let removed = cookies.map(|cookie| {
        let (name, rest) = cookie.split_once("=; ")?;
        (rest.contains("Max-Age=0; ") && !name.contains('=')).then_some(name)
    });
    removed.collect::<Option<_>>().unwrap_or_default()
}
