use super::*;

const GRACE: TimeDelta = TimeDelta::seconds(3_600);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds).unwrap()
}

/// A session that began at 0 and is confirmed until 300.
fn row() -> SessionRow {
    SessionRow {
        id: "session".into(),
        user_id: 1.into(),
        login_attempt: None,
        workos_sid: Some("session_1".into()),
        workos_refresh_token: Some(vec![1]),
        confirmed_until: Some(at(300)),
        created_at: at(0),
        last_seen_at: None,
        expires_at: at(1_000_000),
        revoked_at: None,
        organization_id: None,
        role: None,
        renew_after: None,
        renewing_until: None,
        refresh_token_sent_at: None,
        renewal_failures: 0,
        generation: 0,
    }
}

fn failed(retry_at: i64) -> SessionRow {
    SessionRow {
        renew_after: Some(at(retry_at)),
        renewal_failures: 1,
        ..row()
    }
}

fn decision(row: &SessionRow, seconds: i64) -> RenewalDecision {
    decide(row, at(seconds), GRACE)
}

fn continues(seconds: i64) -> RenewalDecision {
    RenewalDecision::Continue {
        check_again_at: at(seconds),
    }
}

#[test]
fn a_renewal_begins_a_minute_ahead_or_in_the_last_fifth() {
    assert_eq!(renew_after(at(3_600), at(0)), at(3_540));
    assert_eq!(renew_after(at(300), at(0)), at(240));
    assert_eq!(renew_after(at(100), at(0)), at(80));
    assert_eq!(
        renew_after(at(0), at(10)),
        at(0),
        "the token had expired on arrival"
    );
}

#[test]
fn a_session_is_renewed_when_it_is_due_and_not_before() {
    assert_eq!(decision(&row(), 239), continues(240));
    assert_eq!(decision(&row(), 240), RenewalDecision::Renew);
    let renewed = SessionRow {
        confirmed_until: Some(at(600)),
        renew_after: Some(at(540)),
        ..row()
    };
    assert_eq!(decision(&renewed, 301), continues(540));
}

#[test]
fn other_requests_wait_while_the_lease_is_held() {
    let leased = SessionRow {
        renewing_until: Some(at(260)),
        ..row()
    };
    assert_eq!(decision(&leased, 259), RenewalDecision::Wait);
    assert_eq!(
        decision(&leased, 260),
        RenewalDecision::Renew,
        "the lease has expired"
    );
    assert!(is_valid(&leased, at(299), GRACE));
    assert!(
        !is_valid(&leased, at(300), GRACE),
        "the confirmation has ended"
    );
}

#[test]
fn an_outage_keeps_the_session_until_the_grace_period_ends() {
    assert_eq!(decision(&failed(310), 305), continues(310));
    assert_eq!(decision(&failed(310), 310), RenewalDecision::Renew);
    let end = 300 + 3_600;
    assert_eq!(decision(&failed(end + 9), end - 1), continues(end));
    let until = at(end + 9);
    assert_eq!(
        decision(&failed(end + 9), end),
        RenewalDecision::Unavailable { until }
    );
    assert_eq!(decision(&failed(end + 9), end + 9), RenewalDecision::Renew);
    assert!(
        !is_valid(&failed(0), at(300), TimeDelta::zero()),
        "no grace"
    );
}

#[test]
fn a_local_session_is_checked_every_five_minutes() {
    let local = SessionRow {
        workos_refresh_token: None,
        confirmed_until: None,
        ..row()
    };
    assert_eq!(decision(&local, 999), continues(999 + 300));
}

#[test]
fn a_confirmation_lasts_at_least_ten_seconds() {
    assert_eq!(confirmed_until(Some(at(300)), at(0)), at(300));
    assert_eq!(confirmed_until(Some(at(0)), at(5)), at(15));
    assert_eq!(confirmed_until(None, at(0)), at(300));
}

#[test]
fn a_response_about_another_session_is_detected() {
    assert!(is_other_session(&row(), Some(&"session_2".into()), false));
    assert!(!is_other_session(&row(), Some(&"session_1".into()), false));
    assert!(
        !is_other_session(&row(), None, false),
        "the response names no session"
    );
    assert!(
        !is_other_session(&row(), Some(&"session_2".into()), true),
        "WorkOS's emulator changes the sid"
    );
}

#[test]
fn back_offs_double_up_to_eight_seconds_and_have_jitter() {
    let seconds = |failures, jitter| back_off(failures, jitter).num_seconds();
    let longest = [1, 2, 3, 4, 99].map(|failures| seconds(failures, 1.0));
    assert_eq!(longest, [2, 4, 8, 8, 8]);
    assert_eq!(seconds(3, 0.0), 4);
    assert_eq!(back_off(i32::MIN, 1.0), FIRST_BACK_OFF);
}

#[test]
fn while_workos_is_failing_a_session_is_valid_until_the_grace_period_ends() {
    let decision = |seconds| decide_in_outage(&row(), at(seconds), GRACE, Duration::from_secs(2));
    assert_eq!(decision(250), continues(255));
    assert_eq!(
        decision(400),
        continues(405),
        "though it never failed itself"
    );
    let end = 300 + 3_600;
    assert_eq!(decision(end - 1), continues(end));
    let until = at(end + 2);
    assert_eq!(decision(end), RenewalDecision::Unavailable { until });
}
