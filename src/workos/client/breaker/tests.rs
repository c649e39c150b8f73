use chrono::TimeDelta;

use super::RefreshTokenState::{Fresh, Lost, Repeatable};
use super::*;
use crate::clock::Timestamp;

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
        for _ in 0..FAILURES {
            test.breaker.record_failure(None, &lost(), false);
        }
        assert!(test.breaker.is_open());
        test.advance(2);
        test
    }

    fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    fn admitted(&self, token: RefreshTokenState) -> Option<RenewalPermit> {
        match self.breaker.try_admit(token) {
            Some(RenewalAdmission::Admitted(permit)) => Some(permit),
            _ => None,
        }
    }

    /// Sends a probe, which fails. Returns `false` if none is admitted now.
    fn fails_as_probe(&self, token: RefreshTokenState) -> bool {
        let Some(permit) = self.admitted(token) else {
            return false;
        };
        self.breaker.record_failure(Some(&permit), &lost(), false);
        drop(permit);
        self.advance(6);
        true
    }
}

fn lost() -> WorkosError {
    WorkosError::unavailable("half a body")
}

fn busy(seconds: u64) -> WorkosError {
    WorkosError::Unavailable {
        reason: "429".to_owned(),
        retry_after: Some(Duration::from_secs(seconds)),
        lost: false,
    }
}

#[test]
fn the_failed_attempts_of_a_request_are_one_failure() {
    let test = BreakerTest::new();
    for _ in 0..2 {
        test.breaker.record_failure(None, &lost(), false);
        test.breaker.record_failure(None, &lost(), true);
        test.breaker.record_failure(None, &lost(), true);
    }
    assert!(!test.breaker.is_open());
    test.breaker.record_failure(None, &lost(), false);
    assert!(test.breaker.is_open());
}

#[test]
fn a_fresh_refresh_token_is_not_risked_while_others_are_spent() {
    let test = BreakerTest::open();
    test.breaker.reserve_probes(true);
    assert!(test.admitted(Fresh).is_none());
    assert!(test.admitted(Repeatable).is_some());
    assert!(test.admitted(Lost).is_some());
    test.breaker.reserve_probes(false);
    assert!(test.admitted(Fresh).is_some());
}

#[test]
fn a_spent_refresh_token_is_no_probe_while_workos_answers_others() {
    let test = BreakerTest::open();
    test.breaker.reserve_probes(true);
    test.breaker.record_answer(None);
    assert!(test.admitted(Lost).is_none());
    assert!(test.admitted(Repeatable).is_some());
    assert!(test.admitted(Fresh).is_some());
}

#[test]
fn a_probe_with_a_fresh_refresh_token_shows_that_workos_answers_nobody() {
    let test = BreakerTest::open();
    test.breaker.reserve_probes(true);
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

#[test]
fn nothing_shortens_retry_after_but_half_a_minute() {
    let test = BreakerTest::new();
    let running = test.admitted(Fresh).unwrap();
    let permit = test.admitted(Fresh).unwrap();
    test.breaker.record_failure(Some(&permit), &busy(20), false);
    drop(permit);
    test.breaker.record_answer(None);
    test.advance(10);
    // A renewal that began before asks for a longer pause, of which half a minute is respected.
    test.breaker
        .record_failure(Some(&running), &busy(3_600), false);
    drop(running);
    test.advance(16);
    test.breaker.record_failure(None, &lost(), false);
    test.breaker.record_answer(None);
    assert!(test.breaker.is_open() && test.breaker.is_pausing());
    test.advance(13);
    assert!(test.breaker.is_pausing());
    test.advance(1);
    assert!(!test.breaker.is_pausing());
}

#[test]
fn a_failed_renewal_makes_room_for_no_other_one() {
    let test = BreakerTest::new();
    let mut running: Vec<_> = (0..FIRST_LIMIT).map(|_| test.admitted(Fresh)).collect();
    let failed = running.pop().flatten().unwrap();
    test.breaker.record_failure(Some(&failed), &lost(), false);
    drop(failed);
    assert!(test.admitted(Fresh).is_none());
    let answered = running.pop().flatten().unwrap();
    test.breaker.record_answer(Some(&answered));
    drop(answered);
    assert!(test.admitted(Fresh).is_some());
    // Nothing waits for ever.
    test.breaker.record_failure(None, &lost(), false);
    running.clear();
    assert!(test.admitted(Fresh).is_some());
}
