//! simplejwt's blacklist comes along.

use vestibule::tokens::RefreshTokenRow;

use super::{moment, newcomer};
use crate::support::django::{Django, ImportTarget, counts};

const LATER: &str = "2999-01-01 00:00:00";

#[test]
fn what_was_revoked_stays_revoked_and_what_is_past_is_left() {
    let (django, target) = (Django::new().with_blacklist(), ImportTarget::new());
    assert_eq!(newcomer(&target, "here@example.com"), 1);
    django.add(1, "there@example.com");
    django.add(2, "two@example.com");
    django.blacklist(1, "2", "aa", LATER);
    django.blacklist(2, "NULL", "bb", LATER);
    django.blacklist(3, "2", "past", "2020-01-01 00:00:00");
    // Somebody else has the id 1 here, and nobody 99.
    django.blacklist(4, "1", "cc", LATER);
    django.blacklist(5, "99", "dd", LATER);
    django.blacklist(6, "2", "", LATER);
    django.run("INSERT INTO token_blacklist_outstandingtoken VALUES (7, 't', NULL, '2999-01-01 00:00:00', 2, 'good')");
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 1), [4, 0, 0, 1]);
    assert!(output.stdout.contains("expired"), "{output:#?}");
    assert!(
        output.stdout.contains("token without a jti: 6"),
        "{output:#?}"
    );
    let tokens = target.tokens();
    let whose: Vec<_> = tokens
        .iter()
        .map(|row| (row.jti.as_str(), row.user_id))
        .collect();
    assert_eq!(
        whose,
        [("aa", Some(2)), ("bb", None), ("cc", None), ("dd", None)]
    );
    let first = RefreshTokenRow {
        jti: "aa".to_owned(),
        family: "aa".to_owned(),
        user_id: Some(2),
        sid: None,
        session_id: None,
        issued_at: moment("2026-01-02T03:04:05Z"),
        expires_at: moment("2999-01-01T00:00:00Z"),
        family_expires_at: None,
        consumed_at: None,
        successor: None,
        revoked_at: Some(moment("2026-01-03T03:04:05Z")),
    };
    assert_eq!(tokens[0], first);
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 1), [0, 0, 4, 1]);
    assert_eq!(target.tokens(), tokens);
}

#[test]
fn a_token_that_was_good_here_is_revoked_when_django_revokes_it() {
    let (django, target) = (Django::new().with_blacklist(), ImportTarget::new());
    django.add(1, "ann@example.com");
    target.import(&django, &[]);
    let good = RefreshTokenRow {
        jti: "aa".to_owned(),
        family: "older".to_owned(),
        user_id: Some(1),
        sid: Some("session_01".to_owned()),
        session_id: None,
        issued_at: moment("2026-01-02T03:04:05Z"),
        expires_at: moment("2999-01-01T00:00:00Z"),
        family_expires_at: None,
        consumed_at: None,
        successor: None,
        revoked_at: None,
    };
    target.change(|conn| RefreshTokenRow::insert_all(conn, std::slice::from_ref(&good)));
    django.blacklist(1, "1", "aa", LATER);
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 1), [0, 1, 0, 0]);
    let revoked_at = Some(moment("2026-01-03T03:04:05Z"));
    assert_eq!(target.tokens(), [RefreshTokenRow { revoked_at, ..good }]);
}

#[test]
fn a_blacklist_that_cannot_be_read_ends_the_import_before_it_begins() {
    let (django, target) = (Django::new().with_blacklist(), ImportTarget::new());
    django.add(1, "ann@example.com");
    django.run("ALTER TABLE token_blacklist_outstandingtoken RENAME COLUMN jti TO jti_hex");
    target
        .program(django.url(), &[])
        .run()
        .exits_with(1)
        .reports_one_error(&[
            "token_blacklist_outstandingtoken has no column jti",
            "migrate",
        ]);
    assert!(target.users().is_empty());
}
