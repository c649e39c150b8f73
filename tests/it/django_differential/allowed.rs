//! The differences that are allowed, each with its reason. A rule covers only the fields that it names, of
//! exchanges in which both answers and the request have the form that it describes.

mod account;
mod answers;
mod bodies;
mod near_misses;
mod tokens;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::{Answer, Exchange};
use super::history::History;
use super::translation::TRANSLATIONS;
use crate::support::real_django::RealUser;

/// A difference that is allowed.
struct Rule {
    name: &'static str,
    /// Why vestibule differs.
    reason: &'static str,
    /// The fields that may differ.
    fields: &'static [&'static str],
    applies: fn(&Facts<'_>) -> bool,
}

/// What the rules are asked about.
pub(super) struct Facts<'a> {
    pub(super) exchange: &'a Exchange,
    /// What came before in the same case.
    pub(super) history: &'a History,
    /// The users of both servers.
    pub(super) users: &'a [RealUser],
}

/// What the rules say of one exchange.
pub(super) struct Verdict {
    /// The fields whose difference no rule allows.
    pub(super) refused: Vec<String>,
    /// The names of the rules and translations that were needed.
    pub(super) used: Vec<&'static str>,
}

/// Rules that the usual number of cases does not need.
const RARE: [&str; 2] = ["large body", "many fields"];
/// The fields of answers with different statuses. The other headers have rules of their own.
const ANOTHER_STATUS: &[&str] = &["body", "content-type", "status", "www-authenticate"];

fn rules() -> impl Iterator<Item = &'static Rule> {
    answers::RULES
        .iter()
        .chain(bodies::RULES)
        .chain(tokens::RULES)
}

pub(super) fn judge(facts: &Facts<'_>) -> Verdict {
    let mut verdict = Verdict {
        refused: Vec::new(),
        used: facts.exchange.translations.clone(),
    };
    let differences = facts.exchange.differences();
    if differences.is_empty() {
        return verdict;
    }
    let rules: Vec<&Rule> = rules().filter(|rule| (rule.applies)(facts)).collect();
    for field in differences {
        let covers = |rule: &&&Rule| rule.fields.contains(&field.as_str());
        match rules.iter().find(covers) {
            Some(rule) => verdict.used.push(rule.name),
            None => verdict.refused.push(field),
        }
    }
    verdict
}

/// The rules and translations that are not among these, each with its reason.
pub(super) fn unused(used: &BTreeSet<&str>) -> Vec<String> {
    let rules = rules().map(|rule| (rule.name, rule.reason));
    let translations = TRANSLATIONS.iter().map(|one| (one.name, one.reason));
    rules
        .chain(translations)
        .filter(|(name, _)| !used.contains(name) && !RARE.contains(name))
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect()
}

impl Facts<'_> {
    fn theirs(&self) -> &Answer {
        &self.exchange.theirs
    }

    fn ours(&self) -> &Answer {
        &self.exchange.ours
    }

    fn statuses(&self) -> (u16, u16) {
        (self.theirs().status, self.ours().status)
    }

    fn path(&self) -> &str {
        self.exchange.request.path()
    }
}

/// The body of most errors.
fn detail(text: &str) -> Value {
    json!({ "detail": text })
}

/// simplejwt's refusal of a token in a body.
fn not_valid(message: &str) -> Value {
    json!({ "detail": message, "code": "token_not_valid" })
}

/// simplejwt's refusal of an access token in the header.
fn not_valid_in_header(message: &str) -> Value {
    json!({
        "detail": "Given token not valid for any token type",
        "code": "token_not_valid",
        "messages": [{ "token_class": "AccessToken", "token_type": "access", "message": message }],
    })
}

/// Whether vestibule refuses a token with this message; the answer to a HEAD request has none.
fn refuses_token(facts: &Facts<'_>, message: &str) -> bool {
    let ours = facts.ours();
    let is_head = facts.exchange.request.method == "HEAD" && ours.status == 401;
    is_head || ours.is(401, &not_valid(message)) || ours.is(401, &not_valid_in_header(message))
}

/// Whether this is the answer of a parser that the body breaks.
fn is_parse_error(answer: &Answer) -> bool {
    answer.status == 400 && answer.get("body") == "(JSON parse error)"
}
