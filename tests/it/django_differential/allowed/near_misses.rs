//! For each rule an exchange that it allows, and exchanges that differ from it a little and are not allowed.

mod answers;
mod bodies;
mod tokens;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Facts, judge, rules};
use crate::django_differential::answer::{Answer, Exchange};
use crate::django_differential::history::History;
use crate::django_differential::request::GeneratedRequest;
use crate::support::raw::RawResponse;
use crate::support::real_django::RealUser;
use crate::support::tokens::sign_claims;

/// An answer as a server sends it.
#[derive(Clone)]
struct Sent {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

impl Sent {
    fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json")];
        Self {
            status,
            headers,
            body: body.to_string(),
        }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value));
        self
    }

    fn answer(&self) -> Answer {
        let headers = self.headers.iter();
        Answer::new(&RawResponse {
            status: self.status,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: self.body.clone().into_bytes(),
        })
    }
}

/// A request with both answers, and the one before it.
#[derive(Clone)]
struct Example {
    request: GeneratedRequest,
    theirs: Sent,
    ours: Sent,
    before: Option<Box<Example>>,
}

impl Example {
    fn new(request: GeneratedRequest, theirs: Sent, ours: Sent) -> Self {
        Self {
            request,
            theirs,
            ours,
            before: None,
        }
    }

    /// The same answer of both.
    fn same(request: GeneratedRequest, status: u16, body: &Value) -> Self {
        let answer = Sent::json(status, body);
        Self::new(request, answer.clone(), answer)
    }

    fn after(mut self, before: Self) -> Self {
        self.before = Some(Box::new(before));
        self
    }

    fn exchange(&self) -> Exchange {
        Exchange {
            request: self.request.clone(),
            sent: self.request.clone(),
            translations: Vec::new(),
            theirs: self.theirs.answer(),
            ours: self.ours.answer(),
        }
    }

    /// The names of the rules that allow every difference; `None` if one is not allowed.
    fn rules(&self) -> Option<Vec<&'static str>> {
        let mut history = History::default();
        if let Some(before) = &self.before {
            history.add(&before.exchange());
        }
        let exchange = self.exchange();
        let verdict = judge(&Facts {
            exchange: &exchange,
            history: &history,
            users: &users(),
        });
        verdict.refused.is_empty().then_some(verdict.used)
    }
}

fn users() -> Vec<RealUser> {
    let user = |id: i64, email: &str, is_active: bool| {
        json!({
            "id": id, "email": email, "password": format!("Correct-horse-{id}"), "hash": "", "first_name": "",
            "last_name": "", "is_active": is_active, "is_staff": false, "is_superuser": false,
            "date_joined": "", "last_login": null,
        })
    };
    let users = json!([
        user(1, "ada@example.com", true),
        user(2, "bob@example.com", true),
        user(3, "closed@example.com", false)
    ]);
    serde_json::from_value(users).expect("users")
}

fn claims(kind: &str) -> Value {
    json!({ "token_type": kind, "exp": 4_000_000_000_i64, "iat": 5, "jti": "1", "user_id": "1" })
}

/// The claims of a token with one claim changed; null removes it.
fn with_claim(kind: &str, name: &str, value: Value) -> Value {
    let mut claims = claims(kind);
    match value {
        Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn pair_of(id: &str) -> Value {
    let mut claims = claims("access");
    claims["user_id"] = id.into();
    let access = sign_claims(&claims);
    claims["token_type"] = "refresh".into();
    json!({ "refresh": sign_claims(&claims), "access": access })
}

/// A way to spoil an example.
type Change = fn(&mut Example);
/// The name of a rule, an exchange that it allows, and changes after which no rule allows it.
type NearMisses = (&'static str, Example, Vec<Change>);

#[test]
fn each_rule_allows_its_example_and_nothing_close_to_it() {
    let all = [answers::all(), bodies::all(), tokens::all()].concat();
    for (name, example, changes) in &all {
        let used: BTreeSet<_> = example.rules().into_iter().flatten().collect();
        assert!(
            used.contains(name),
            "{name} does not allow its example: {used:?}"
        );
        assert!(!changes.is_empty(), "{name}");
        for (number, change) in changes.iter().enumerate() {
            let mut near = example.clone();
            change(&mut near);
            assert_eq!(near.rules(), None, "{name}: change {number} is allowed");
        }
    }
    let tried: BTreeSet<_> = all.iter().map(|(name, ..)| *name).collect();
    let names: BTreeSet<_> = rules().map(|rule| rule.name).collect();
    assert_eq!(tried, names);
}

#[test]
fn a_difference_without_a_rule_is_found() {
    let found = |ours: Sent| {
        let request = GeneratedRequest::json("/api/token", "{}");
        let theirs = Sent::json(400, &json!({ "detail": "a" }));
        Example::new(request, theirs, ours).rules().is_none()
    };
    let same = || Sent::json(400, &json!({ "detail": "a" }));
    assert!(!found(same()));
    assert!(found(Sent::json(401, &json!({ "detail": "a" }))));
    assert!(found(Sent::json(400, &json!({ "detail": "a." }))));
    assert!(found(
        same().with("content-type", "application/json; charset=utf-8")
    ));
    assert!(found(same().with("x-new", "1")));
    let spaced = r#"{"detail": "a"}"#.to_owned();
    assert!(found(Sent {
        body: spaced,
        ..same()
    }));
}
