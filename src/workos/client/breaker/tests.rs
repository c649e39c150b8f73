mod outages;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use chrono::TimeDelta;

use super::RefreshTokenState::{Fresh, Lost, Repeatable};
use super::*;
use crate::clock::Timestamp;
use crate::workos::error::WorkosError;

/// The account of most renewals, and two others.
const ADA: i64 = 1;
const OLIVE: i64 = 2;
const PAT: i64 = 3;

struct BreakerTest {
    breaker: CircuitBreaker,
    clock: Clock,
}

impl BreakerTest {
    fn new() -> Self {
        let clock = Clock::standing_at(Timestamp::from_seconds(1_000).unwrap());
        Self {
            breaker: CircuitBreaker::new(clock.clone()),
            clock,
        }
    }

    /// An open breaker, at a time when a probe may be sent.
    fn open() -> Self {
        let test = Self::new();
        for account in [OLIVE, PAT] {
            test.fails(account, &busy_server());
        }
        assert!(test.breaker.is_open());
        test.advance(2);
        test
    }

    fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    fn admitted(&self, token: RefreshTokenState) -> Option<RenewalPermit> {
        self.admitted_for(ADA, token)
    }

    fn admitted_for(&self, account: i64, token: RefreshTokenState) -> Option<RenewalPermit> {
        match self.breaker.try_admit(account.into(), token) {
            Some(RenewalAdmission::Admitted(permit)) => Some(permit),
            _ => None,
        }
    }

    /// Sends a renewal of this account, which fails. Returns `false` if none is admitted now.
    fn fails(&self, account: i64, error: &WorkosError) -> bool {
        let Some(permit) = self.admitted_for(account, Fresh) else {
            return false;
        };
        self.records(&permit, error);
        true
    }

    fn records(&self, permit: &RenewalPermit, error: &WorkosError) {
        self.records_attempt(permit, error, false);
    }

    fn records_attempt(&self, permit: &RenewalPermit, error: &WorkosError, is_repeated: bool) {
        let failed = FailedRequest {
            error,
            is_repeated,
            is_own: error.retry_after().is_some(),
        };
        self.breaker.record_failure(Some(permit), &failed);
    }

    fn reserves(&self, accounts: &[i64]) {
        let accounts = accounts.iter().map(|account| (*account).into());
        self.breaker.reserve_probes(accounts.collect());
    }

    /// Sends a probe, which fails. Returns `false` if none is admitted now.
    fn fails_as_probe(&self, token: RefreshTokenState) -> bool {
        let Some(permit) = self.admitted(token) else {
            return false;
        };
        self.records(&permit, &lost());
        drop(permit);
        self.advance(6);
        true
    }
}

fn lost() -> WorkosError {
    WorkosError::unavailable("half a body")
}

fn busy_server() -> WorkosError {
    WorkosError::unsent("503")
}

fn busy(seconds: u64) -> WorkosError {
    WorkosError::Unavailable {
        reason: "429".to_owned(),
        retry_after: Some(Duration::from_secs(seconds)),
        lost: false,
    }
}

#[test]
fn failures_of_one_account_do_not_open_the_breaker() {
    let test = BreakerTest::new();
    for _ in 0..20 {
        test.fails(ADA, &busy_server());
        test.fails(ADA, &busy(3_600));
        test.advance(3);
        assert!(!test.breaker.is_open());
        assert!(test.admitted_for(OLIVE, Fresh).is_some());
    }
    assert!(test.breaker.is_open_for(ADA.into()));
    assert!(!test.breaker.is_open_for(OLIVE.into()));
    test.advance(11);
    assert!(test.fails(OLIVE, &busy_server()));
    assert!(
        !test.breaker.is_open(),
        "the last failure of the other one is too old"
    );
    assert!(test.fails(PAT, &busy_server()));
    assert!(test.breaker.is_open());
}

#[test]
fn a_failed_sign_in_does_not_open_the_breaker() {
    let test = BreakerTest::new();
    let error = busy_server();
    for _ in 0..10 {
        let failed = FailedRequest {
            error: &error,
            is_repeated: false,
            is_own: false,
        };
        test.breaker.record_failure(None, &failed);
    }
    test.fails(ADA, &busy_server());
    assert!(!test.breaker.is_open());
}

#[test]
fn a_failing_account_is_renewed_one_session_at_a_time() {
    let test = BreakerTest::new();
    let mut sent = 0;
    for _ in 0..60 {
        while test.fails(ADA, &busy_server()) {
            sent += 1;
        }
        test.advance(1);
    }
    assert!((10..40).contains(&sent), "{sent} in a minute");
    test.advance(5);
    let probe = test.admitted(Fresh).unwrap();
    assert!(probe.is_likely_to_fail());
    assert!(test.admitted(Fresh).is_none());
    test.breaker.record_answer(Some(&probe));
    assert!(test.admitted(Fresh).is_some());
}

#[test]
fn the_probes_of_an_account_are_its_sessions_with_a_lost_response() {
    let test = BreakerTest::new();
    while test.fails(ADA, &lost()) {}
    test.advance(5);
    assert!(test.admitted(Fresh).is_none());
    assert!(test.admitted(Lost).is_some());
    assert!(test.admitted(Repeatable).is_some());
    let other = test.admitted_for(OLIVE, Fresh).unwrap();
    test.breaker.record_answer(Some(&other));
    assert!(
        test.admitted(Lost).is_none(),
        "it may fail for a reason of its own"
    );
    assert!(test.admitted(Fresh).is_some());
}

#[test]
fn retry_after_concerns_its_account_until_several_got_one() {
    let test = BreakerTest::new();
    test.fails(ADA, &busy(20));
    assert!(test.admitted(Fresh).is_none());
    let other = test.admitted_for(OLIVE, Fresh).unwrap();
    test.records(&other, &busy(10));
    assert!(test.breaker.is_open());
    test.advance(9);
    assert!(test.admitted_for(PAT, Fresh).is_none());
    test.advance(1);
    assert!(test.admitted(Fresh).is_none(), "its own is longer");
    assert!(test.admitted_for(PAT, Fresh).is_some());
}

#[test]
fn the_account_whose_probe_failed_is_not_the_next_one_to_probe() {
    let test = BreakerTest::open();
    assert!(test.fails(ADA, &busy_server()));
    // All ask while it is too early.
    for account in [ADA, OLIVE, PAT] {
        assert!(!test.fails(account, &busy_server()));
    }
    test.advance(5);
    for account in [ADA, PAT] {
        test.admitted_for(account, Fresh);
    }
    assert!(!test.fails(ADA, &busy_server()));
    assert!(test.fails(OLIVE, &busy_server()) || test.fails(PAT, &busy_server()));
    // Those who do not ask again are not waited for.
    test.advance(6);
    assert!(test.fails(ADA, &busy_server()));
}

#[test]
fn the_memory_of_accounts_is_bounded() {
    let test = BreakerTest::new();
    for account in 0..3_000 {
        test.fails(account, &busy(30));
        let answered = test.admitted_for(10_000, Fresh);
        test.breaker.record_answer(answered.as_ref());
    }
    let state = test.breaker.shared.state.lock();
    assert!(state.accounts.len() <= 1_000);
}

#[test]
fn the_failed_attempts_of_a_request_are_one_failure() {
    let test = BreakerTest::new();
    for _ in 0..2 {
        let permit = test.admitted(Fresh).unwrap();
        test.records_attempt(&permit, &busy_server(), false);
        test.records_attempt(&permit, &busy_server(), true);
        test.records_attempt(&permit, &busy_server(), true);
    }
    assert!(!test.breaker.is_open_for(ADA.into()));
    test.fails(ADA, &busy_server());
    assert!(test.breaker.is_open_for(ADA.into()));
}

#[test]
fn a_fresh_refresh_token_is_not_risked_while_others_are_spent() {
    let test = BreakerTest::open();
    test.reserves(&[ADA]);
    assert!(test.admitted(Fresh).is_none());
    assert!(test.admitted(Repeatable).is_some());
    assert!(test.admitted(Lost).is_some());
    test.reserves(&[]);
    assert!(test.admitted(Fresh).is_some());
}

#[test]
fn a_spent_refresh_token_is_no_probe_while_workos_answers_others() {
    let test = BreakerTest::open();
    test.reserves(&[ADA]);
    test.breaker.record_answer(None);
    assert!(test.admitted(Lost).is_none());
    assert!(test.admitted(Repeatable).is_some());
    assert!(test.admitted(Fresh).is_some());
}

#[test]
fn a_probe_with_a_fresh_refresh_token_shows_that_workos_answers_nobody() {
    let test = BreakerTest::open();
    test.reserves(&[ADA]);
    test.breaker.record_answer(None);
    // The failure of a repetition may have a reason of its own.
    assert!(test.fails_as_probe(Repeatable));
    assert!(!test.fails_as_probe(Lost));
    assert!(test.fails_as_probe(Fresh));
    assert!(!test.fails_as_probe(Fresh));
    assert!(test.fails_as_probe(Lost));
    let permit = test.admitted(Lost).unwrap();
    test.breaker.record_answer(Some(&permit));
    assert!(!test.breaker.is_open());
}

/// Otherwise nobody probes: a fresh refresh token is not risked, and the lost one belongs to an account whose probes
/// have failed since long before the sign-in.
#[test]
fn a_lost_refresh_token_probes_after_an_answered_sign_in_and_a_fresh_token_that_failed() {
    let test = BreakerTest::new();
    assert!(test.fails(ADA, &lost()));
    assert!(test.fails(OLIVE, &busy_server()));
    assert!(test.breaker.is_open());
    test.reserves(&[ADA]);
    test.advance(6);
    for token in [Repeatable, Repeatable, Lost] {
        assert!(test.fails_as_probe(token));
    }
    test.breaker.record_answer(None);
    assert!(test.fails(PAT, &busy_server()));
    test.advance(6);
    // From here on WorkOS is whole.
    let probe = test.admitted(Lost).unwrap();
    test.breaker.record_answer(Some(&probe));
    assert!(!test.breaker.is_open());
}

#[test]
fn nothing_shortens_retry_after_but_half_a_minute() {
    let test = BreakerTest::new();
    let running = test.admitted_for(PAT, Fresh).unwrap();
    for account in [ADA, OLIVE] {
        test.fails(account, &busy(20));
    }
    assert!(test.breaker.is_open());
    test.breaker.record_answer(None);
    test.advance(10);
    // A renewal that began before asks for a longer pause, of which half a minute is respected.
    test.records(&running, &busy(3_600));
    drop(running);
    assert!(test.breaker.is_pausing());
    test.advance(9);
    test.breaker.record_answer(None);
    assert!(test.breaker.is_open() && test.breaker.is_pausing());
    test.advance(1);
    assert!(!test.breaker.is_pausing());
    assert!(test.admitted_for(PAT, Fresh).is_none());
    test.advance(20);
    assert!(test.admitted_for(PAT, Fresh).is_some());
}

#[test]
fn a_failed_renewal_makes_room_for_no_other_one() {
    let test = BreakerTest::new();
    let accounts = [ADA, OLIVE, PAT, PAT];
    let mut running = accounts.map(|account| test.admitted_for(account, Fresh));
    let failed = running[0].take().unwrap();
    test.records(&failed, &lost());
    drop(failed);
    assert!(test.admitted(Fresh).is_none());
    let answered = running[1].take().unwrap();
    test.breaker.record_answer(Some(&answered));
    drop(answered);
    assert!(test.admitted(Fresh).is_some());
}

#[test]
fn one_account_leaves_a_place_to_others() {
    let test = BreakerTest::new();
    let mut running: Vec<_> = (0..3).map(|_| test.admitted(Fresh).unwrap()).collect();
    assert!(test.admitted(Fresh).is_none());
    assert!(test.admitted_for(OLIVE, Fresh).is_some());
    let answered = running.pop().unwrap();
    test.breaker.record_answer(Some(&answered));
    drop(answered);
    running.extend((0..2).map(|_| test.admitted(Fresh).unwrap()));
    assert!(test.admitted(Fresh).is_none(), "the limit rises by one");
    // The failures of the account leave it too.
    for failed in running {
        test.records(&failed, &busy_server());
    }
    assert!(test.admitted_for(OLIVE, Fresh).is_some());
}

/// Calls a future that waits once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|task| match Pin::new(&mut *future).poll(task) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Otherwise the renewal of another account would wait until the account that leaves the place ends one of its own.
#[tokio::test]
async fn an_account_that_leaves_a_place_wakes_the_next_one() {
    let test = BreakerTest::new();
    let waiting = |account: i64| Box::pin(test.breaker.admit(account.into()));
    let mut own: Vec<_> = (0..3).map(|_| test.admitted(Fresh).unwrap()).collect();
    let other = test.admitted_for(OLIVE, Fresh).unwrap();
    let (mut first, mut second, mut third) = (waiting(ADA), waiting(ADA), waiting(PAT));
    for waiting in [&mut first, &mut second, &mut third] {
        assert!(poll_once(waiting).await.is_none());
    }
    drop(other);
    for waiting in [&mut first, &mut second] {
        assert!(poll_once(waiting).await.is_none());
    }
    let admitted = poll_once(&mut third).await;
    assert!(matches!(admitted, Some(RenewalAdmission::Admitted(_))));
    drop(admitted);
    assert!(poll_once(&mut first).await.is_none());
    drop(own.pop());
    let admitted = poll_once(&mut first).await;
    assert!(matches!(admitted, Some(RenewalAdmission::Admitted(_))));
    assert!(poll_once(&mut second).await.is_none());
}

#[tokio::test]
async fn every_free_place_wakes_one_that_waits() {
    let test = BreakerTest::new();
    let accounts = [ADA, ADA, OLIVE, OLIVE];
    let mut running: Vec<_> = accounts
        .iter()
        .map(|account| test.admitted_for(*account, Fresh).unwrap())
        .collect();
    let mut waiting: Vec<_> = [PAT, PAT, ADA]
        .into_iter()
        .map(|account| Box::pin(test.breaker.admit(account.into())))
        .collect();
    for waiting in &mut waiting {
        assert!(poll_once(waiting).await.is_none());
    }
    running.truncate(2);
    // One that goes away leaves its place to the next one.
    drop(waiting.remove(0));
    for waiting in &mut waiting {
        let admitted = poll_once(waiting).await;
        assert!(matches!(admitted, Some(RenewalAdmission::Admitted(_))));
    }
}
