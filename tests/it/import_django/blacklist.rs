//! The import of simplejwt's blacklist.

use vestibule::tokens::RefreshTokenRow;

use super::{add_local_account, timestamp};
use crate::support::django::{Django, ImportTarget, counts};

const LATER: &str = "2999-01-01 00:00:00";

#[test]
fn revoked_tokens_stay_revoked_and_expired_ones_are_not_imported() {
    let (django, target) = (Django::new().with_blacklist(), ImportTarget::new());
    assert_eq!(add_local_account(&target, "here@example.com"), 1);
    django.add(1, "there@example.com");
    django.add(2, "two@example.com");
    django.blacklist(1, "2", "aa", LATER);
    django.blacklist(2, "NULL", "bb", LATER);
    django.blacklist(3, "2", "past", "2020-01-01 00:00:00");
    // Id 1 belongs to another account here, and id 99 to none.
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
    let owners: Vec<_> = tokens
        .iter()
        .map(|row| (row.jti.as_str(), row.user_id))
        .collect();
    assert_eq!(
        owners,
        [
            ("aa", Some(2.into())),
            ("bb", None),
            ("cc", None),
            ("dd", None)
        ]
    );
    let first = RefreshTokenRow {
        jti: "aa".to_owned(),
        family: "aa".to_owned(),
        user_id: Some(2.into()),
        sid: None,
        session_id: None,
        issued_at: timestamp("2026-01-02T03:04:05Z"),
        expires_at: timestamp("2999-01-01T00:00:00Z"),
        family_expires_at: None,
        consumed_at: None,
        successor: None,
        revoked_at: Some(timestamp("2026-01-03T03:04:05Z")),
        sign_in_method: None,
        sign_in_subject: None,
    };
    assert_eq!(tokens[0], first);
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 1), [0, 0, 4, 1]);
    assert_eq!(target.tokens(), tokens);
}

#[test]
fn a_token_valid_here_is_revoked_if_django_revoked_it() {
    let (django, target) = (Django::new().with_blacklist(), ImportTarget::new());
    django.add(1, "ann@example.com");
    target.import(&django, &[]);
    let good = RefreshTokenRow {
        jti: "aa".to_owned(),
        family: "older".to_owned(),
        user_id: Some(1.into()),
        sid: Some("session_01".into()),
        session_id: None,
        issued_at: timestamp("2026-01-02T03:04:05Z"),
        expires_at: timestamp("2999-01-01T00:00:00Z"),
        family_expires_at: None,
        consumed_at: None,
        successor: None,
        revoked_at: None,
        sign_in_method: None,
        sign_in_subject: None,
    };
    target.change(|conn| RefreshTokenRow::insert_all(conn, std::slice::from_ref(&good)));
    django.blacklist(1, "1", "aa", LATER);
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 1), [0, 1, 0, 0]);
    let revoked_at = Some(timestamp("2026-01-03T03:04:05Z"));
    assert_eq!(target.tokens(), [RefreshTokenRow { revoked_at, ..good }]);
}

#[test]
fn an_unreadable_blacklist_stops_the_import_before_it_writes() {
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
