//! Sends the same generated requests to a real Django with simplejwt and to vestibule, and compares status,
//! headers and body. Every difference must be in the list of allowed ones, `allowed.rs`.
//!
//! `DIFFERENTIAL_CASES` and `DIFFERENTIAL_SEED` change how many requests there are, and which. The list in
//! `api_token::django` has requests that were chosen by hand.

mod allowed;
mod answer;
mod bodies;
mod cases;
mod credentials;
mod headers;
mod history;
mod lane;
pub(crate) mod random;
mod request;
mod sent;
mod tokens;
mod translation;
mod values;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::app::TestApp;
use crate::support::django::Django;
use crate::support::django_server::DjangoServer;
use crate::support::real_django::{RealDjango, django_and_vestibule};
use allowed::{Facts, judge};
use cases::CaseGenerator;
use history::History;
use lane::Lane;
use random::Random;

const DEFAULT_CASES: usize = 2_000;
const DEFAULT_SEED: u64 = 20_261_129;
/// The cases are divided into as many tests, which run at the same time.
const PARTS: usize = 4;
/// While one case waits for a password hash, others of the same part run.
const LANES: usize = 3;
/// More than these would hide each other.
const MOST_SHOWN: usize = 25;

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// What the cases of one run found.
#[derive(Default)]
struct Findings {
    differences: Vec<String>,
    /// The names of the rules that allowed a difference.
    used: BTreeSet<&'static str>,
    sent: usize,
}

impl Findings {
    fn add(&mut self, name: &str, facts: &Facts<'_>) {
        self.sent += 1;
        let verdict = judge(facts);
        self.used.extend(verdict.used);
        if !verdict.refused.is_empty() {
            let report = facts.exchange.report(&verdict.refused);
            self.differences.push(format!("{name}:\n{report}"));
        }
    }

    fn merge(&mut self, other: Self) {
        self.differences.extend(other.differences);
        self.used.extend(other.used);
        self.sent += other.sent;
    }
}

/// Both servers, with the same users and the same key.
struct Servers {
    django: DjangoServer,
    app: TestApp,
    people: RealDjango,
    /// Django's database is removed when this is dropped.
    _database: Django,
}

impl Servers {
    async fn start(rotate: bool) -> Self {
        let (database, people, ours) = django_and_vestibule();
        let app = TestApp::builder()
            .database(ours)
            .system_clock()
            .setting(
                "ROTATE_REFRESH_TOKENS",
                if rotate { "true" } else { "false" },
            )
            .start();
        Self {
            django: DjangoServer::start(&database, rotate).await,
            app,
            people,
            _database: database,
        }
    }

    /// Runs these cases, several at once.
    fn run(&self, seed: u64, cases: std::ops::Range<usize>) -> Findings {
        let next = AtomicUsize::new(cases.start);
        let run = || {
            let mut findings = Findings::default();
            let mut lane = Lane::new(self.django.url(), &self.app.url);
            loop {
                let case = next.fetch_add(1, Ordering::Relaxed);
                if case >= cases.end {
                    return findings;
                }
                self.run_case(seed, case, &mut lane, &mut findings);
            }
        };
        std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(run)).collect();
            let mut all = Findings::default();
            for lane in lanes {
                all.merge(lane.join().expect("a lane ends without a panic"));
            }
            all
        })
    }

    fn run_case(&self, seed: u64, case: usize, lane: &mut Lane, findings: &mut Findings) {
        let random = Random::new(seed, case);
        let now = self.app.now().seconds();
        let steps = CaseGenerator::new(random, &self.people, now).steps();
        lane.forget_tokens();
        let mut history = History::default();
        for (number, step) in steps.iter().enumerate() {
            let name = format!("case {case}, request {number}");
            let exchange = lane.send(step);
            let facts = Facts {
                exchange: &exchange,
                history: &history,
                users: &self.people.users,
            };
            findings.add(&name, &facts);
            history.add(&exchange);
            if exchange.theirs.status != exchange.ours.status {
                // After an allowed difference the two servers hold different tokens.
                break;
            }
        }
    }
}

/// Runs one part of the cases. Those of an odd part rotate refresh tokens.
async fn compare(part: usize) {
    let cases = number("DIFFERENTIAL_CASES").map_or(DEFAULT_CASES, |cases| {
        usize::try_from(cases).expect("a number of cases")
    });
    let seed = number("DIFFERENTIAL_SEED").unwrap_or(DEFAULT_SEED);
    let servers = Servers::start(part % 2 == 1).await;
    let mut findings = servers.run(seed, cases * part / PARTS..cases * (part + 1) / PARTS);
    let (sent, found) = (findings.sent, findings.differences.len());
    findings.differences.truncate(MOST_SHOWN);
    assert!(
        findings.differences.is_empty(),
        "DIFFERENTIAL_SEED={seed} DIFFERENTIAL_CASES={cases}: {found} of {sent} answers differ:\n{}",
        findings.differences.join("\n")
    );
    if (cases, seed) == (DEFAULT_CASES, DEFAULT_SEED) {
        assert_rules_are_used(findings.used);
    }
}

/// Asserts that every rule was needed, as soon as every part has run.
fn assert_rules_are_used(used: BTreeSet<&'static str>) {
    static PASSED: Mutex<(usize, BTreeSet<&str>)> = Mutex::new((0, BTreeSet::new()));
    let mut passed = PASSED.lock().expect("no part panics in here");
    passed.0 += 1;
    passed.1.extend(used);
    if passed.0 == PARTS {
        let unused = allowed::unused(&passed.1);
        drop(passed);
        assert!(unused.is_empty(), "rules that allow nothing: {unused:#?}");
    }
}

#[tokio::test]
async fn a_real_django_answers_generated_requests_in_the_same_way() {
    compare(0).await;
}

#[tokio::test]
async fn a_real_django_answers_generated_requests_in_the_same_way_with_rotation() {
    compare(1).await;
}

#[tokio::test]
async fn a_real_django_answers_more_generated_requests_in_the_same_way() {
    compare(2).await;
}

#[tokio::test]
async fn a_real_django_answers_more_generated_requests_in_the_same_way_with_rotation() {
    compare(3).await;
}
