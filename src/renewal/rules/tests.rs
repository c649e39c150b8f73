use super::*;

const GRACE: TimeDelta = TimeDelta::seconds(3_600);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds).unwrap()
}

/// Signed in at 0, with WorkOS's word until 300.
fn row() -> SessionRow {
    SessionRow {
        id: "session".to_owned(),
        user_id: 1,
        login_attempt: None,
        workos_sid: Some("session_1".to_owned()),
        workos_refresh_token: Some(vec![1]),
        confirmed_until: Some(at(300)),
        created_at: at(0),
        expires_at: at(1_000_000),
        revoked_at: None,
        organization_id: None,
        role: None,
        renew_after: None,
        renewing_until: None,
        renewal_failures: 0,
        generation: 0,
    }
}

fn failed(retry: i64) -> SessionRow {
    SessionRow {
        renew_after: Some(at(retry)),
        renewal_failures: 1,
        ..row()
    }
}

fn does(row: &SessionRow, seconds: i64) -> Step {
    step(row, at(seconds), GRACE)
}

fn goes_on(seconds: i64) -> Step {
    Step::GoOn {
        look_again: at(seconds),
    }
}

#[test]
fn workos_is_asked_a_minute_ahead_or_in_the_last_fifth() {
    assert_eq!(due(at(3_600), at(0)), at(3_540));
    assert_eq!(due(at(300), at(0)), at(240));
    assert_eq!(due(at(100), at(0)), at(80));
    assert_eq!(due(at(0), at(10)), at(0), "it was over when it came");
}

#[test]
fn a_session_is_renewed_when_it_is_due_and_not_before() {
    assert_eq!(does(&row(), 239), goes_on(240));
    assert_eq!(does(&row(), 240), Step::Renew);
    let renewed = SessionRow {
        confirmed_until: Some(at(600)),
        renew_after: Some(at(540)),
        ..row()
    };
    assert_eq!(does(&renewed, 301), goes_on(540));
}

#[test]
fn one_renews_and_the_others_wait_for_as_long_as_its_lease() {
    let leased = SessionRow {
        renewing_until: Some(at(260)),
        ..row()
    };
    assert_eq!(does(&leased, 259), Step::Wait);
    assert_eq!(does(&leased, 260), Step::Renew, "its holder has died");
    assert!(holds(&leased, at(299), GRACE));
    assert!(!holds(&leased, at(300), GRACE), "no word, no session");
}

#[test]
fn an_outage_keeps_the_session_until_the_grace_is_over() {
    assert_eq!(does(&failed(310), 305), goes_on(310));
    assert_eq!(does(&failed(310), 310), Step::Renew);
    let end = 300 + 3_600;
    assert_eq!(does(&failed(end + 9), end - 1), goes_on(end));
    let until = at(end + 9);
    assert_eq!(does(&failed(end + 9), end), Step::Outage { until });
    assert_eq!(does(&failed(end + 9), end + 9), Step::Renew);
    assert!(!holds(&failed(0), at(300), TimeDelta::zero()), "no grace");
}

#[test]
fn a_session_without_workos_is_looked_at_every_few_minutes() {
    let local = SessionRow {
        workos_refresh_token: None,
        confirmed_until: None,
        ..row()
    };
    assert_eq!(does(&local, 999), goes_on(999 + 300));
}

#[test]
fn workoss_word_counts_for_a_moment_whatever_the_clocks_say() {
    assert_eq!(confirmed_until(Some(at(300)), at(0)), at(300));
    assert_eq!(confirmed_until(Some(at(0)), at(5)), at(15));
    assert_eq!(confirmed_until(None, at(0)), at(300));
}

#[test]
fn an_answer_about_another_session_is_not_taken() {
    assert!(is_another(&row(), Some("session_2"), false));
    assert!(!is_another(&row(), Some("session_1"), false));
    assert!(!is_another(&row(), None, false), "it names none");
    assert!(
        !is_another(&row(), Some("session_2"), true),
        "an emulator's habit"
    );
}

#[test]
fn pauses_double_up_to_half_a_minute_and_differ() {
    let seconds = |failures, jitter| pause(failures, None, false, jitter).num_seconds();
    let longest = [1, 2, 3, 4, 5, 6, 99].map(|failures| seconds(failures, 1.0));
    assert_eq!(longest, [2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(seconds(5, 0.0), 15);
    assert_eq!(pause(i32::MIN, None, false, 1.0), FIRST_PAUSE);
}

#[test]
fn a_lost_answer_is_asked_for_again_while_workos_gives_it() {
    let longest = |failures, asked| pause(failures, asked, true, 1.0).num_seconds();
    assert_eq!(
        [1, 3, 5, 99].map(|failures| longest(failures, None)),
        [2, 8, 8, 8]
    );
    assert_eq!(longest(9, Some(Duration::from_secs(3_600))), 8);
}

#[test]
fn what_workos_asks_for_is_obeyed_within_reason() {
    let asked = |seconds, jitter| {
        pause(1, Some(Duration::from_secs(seconds)), false, jitter).num_milliseconds()
    };
    assert_eq!(asked(60, 0.0), 60_000);
    assert_eq!(asked(60, 1.0), 61_000, "and not by all at once");
    assert_eq!(asked(0, 1.0), 2_000);
    assert_eq!(asked(u64::MAX, 0.0), 3_600_000);
}
