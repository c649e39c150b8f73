//! Repeated imports: changes in Django are imported, changes made here are kept.

use diesel::prelude::*;
use vestibule::clock::Clock;
use vestibule::db::schema::{sessions, users, workos_revocations};
use vestibule::ids::WorkosSid;
use vestibule::sessions::NewSession;

use super::timestamp;
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::Program;

pub(super) fn imported() -> (Django, ImportTarget) {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=3 {
        django.add(id, &format!("{id}@example.com"));
    }
    let first = target.import(&django, &[]);
    assert_eq!(counts(&first, 0), [3, 0, 0, 0]);
    (django, target)
}

fn set_active(target: &ImportTarget, id: i64, is_active: bool) {
    target.change(|conn| {
        diesel::update(users::table.find(id))
            .set(users::is_active.eq(is_active))
            .execute(conn)
    });
}

fn sid_of(user_id: i64) -> WorkosSid {
    format!("workos-session-of-{user_id}").into()
}

/// The sessions that a server is to revoke at WorkOS.
fn to_be_revoked(target: &ImportTarget) -> Vec<WorkosSid> {
    target.rows(|conn| {
        workos_revocations::table
            .select(workos_revocations::sid)
            .load(conn)
    })
}

pub(super) fn sign_in(target: &ImportTarget, user_id: i64) {
    let now = Clock::system().now();
    let session = NewSession {
        id: format!("session-of-{user_id}").into(),
        user_id: user_id.into(),
        login_attempt: None,
        callback_proof: None,
        workos_sid: Some(sid_of(user_id)),
        workos_refresh_token: None,
        confirmed_until: None,
        created_at: now,
        auth_time: None,
        expires_at: now.plus(chrono::TimeDelta::days(1)),
        organization_id: None,
        workos_facts: None,
        role: None,
        ip_address: None,
        user_agent: None,
        impersonator: None,
    };
    target.change(|conn| session.insert(conn));
}

pub(super) fn is_signed_in(target: &ImportTarget, user_id: i64) -> bool {
    target.rows(|conn| {
        let open = sessions::table.filter(sessions::revoked_at.is_null());
        let theirs = open.filter(sessions::user_id.eq(user_id));
        theirs.count().get_result::<i64>(conn)
    }) > 0
}

#[test]
fn unchanged_rows_are_kept_and_new_rows_are_imported() {
    let (django, target) = imported();
    let before = target.users();
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 3, 0]);
    assert_eq!(target.users(), before);
    django.add(4, "4@example.com");
    let third = target.import(&django, &[]);
    assert_eq!(counts(&third, 0), [1, 0, 3, 0]);
}

#[test]
fn changes_in_django_are_imported() {
    let (django, target) = imported();
    django.set(
        1,
        "email = 'New@Example.com', first_name = 'New', last_name = ''",
    );
    django.set(
        2,
        "is_staff = true, is_superuser = true, last_login = '2026-11-21 01:02:03'",
    );
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 2, 1, 0]);
    let (one, two) = (target.user(1), target.user(2));
    assert_eq!(
        (one.email.as_str(), one.email_key.as_str()),
        ("New@Example.com", "new@example.com")
    );
    assert_eq!(
        (one.first_name.as_str(), one.last_name.as_str()),
        ("New", "")
    );
    assert_eq!(one.token_version, 0);
    assert!(two.is_staff && two.is_superuser);
    assert_eq!(two.last_login, Some(timestamp("2026-11-21T01:02:03Z")));
    let third = target.import(&django, &[]);
    assert_eq!(counts(&third, 0), [0, 0, 3, 0]);
}

#[test]
fn a_profile_changed_here_is_kept_and_other_changes_are_imported() {
    let (django, target) = imported();
    target.change(|conn| {
        diesel::update(users::table.find(1))
            .set(users::first_name.eq("Here"))
            .execute(conn)
    });
    django.set(
        1,
        "email = 'there@example.com', first_name = 'There', password = 'changed$there'",
    );
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 1, 2, 0]);
    let user = target.user(1);
    assert_eq!(
        (user.email.as_str(), user.first_name.as_str()),
        ("1@example.com", "Here")
    );
    assert_eq!(user.password, "changed$there");
}

#[test]
fn deactivation_and_activation_in_django_are_imported() {
    let (django, target) = imported();
    sign_in(&target, 1);
    django.set(1, "is_active = false");
    target.import(&django, &[]);
    let user = target.user(1);
    assert_eq!(to_be_revoked(&target), [sid_of(1)]);
    assert!(!user.is_active && user.token_version == 1, "{user:?}");
    assert!(!is_signed_in(&target, 1) && user.sessions_ended_at.is_some());
    django.set(1, "is_active = true");
    target.import(&django, &[]);
    assert!(target.user(1).is_active);
}

#[test]
fn an_account_deactivated_here_is_never_reactivated() {
    let (django, target) = imported();
    set_active(&target, 1, false);
    target.import(&django, &[]);
    django.set(1, "is_active = false");
    target.import(&django, &[]);
    django.set(1, "is_active = true");
    target.import(&django, &[]);
    let user = target.user(1);
    // The trigger incremented the token version once.
    assert!(!user.is_active && user.token_version == 1, "{user:?}");
}

fn run_command(target: &ImportTarget, command: &str, email: &str) {
    let program = Program::with_settings(&[command, email]);
    program
        .env("DATABASE_URL", target.url())
        .run()
        .exits_with(0);
}

/// Such as one that is banned for a week.
#[test]
fn an_account_that_django_has_closed_can_be_closed_here_for_good() {
    let (django, target) = imported();
    for id in 1..=3 {
        django.set(id, "is_active = false");
    }
    target.import(&django, &[]);
    for email in ["1@example.com", "2@example.com"] {
        run_command(&target, "deactivate", email);
    }
    run_command(&target, "activate", "2@example.com");
    target.import(&django, &[]);
    // An account that was opened here stays open.
    assert_eq!(
        [1, 2, 3].map(|id| target.user(id).is_active),
        [false, true, false]
    );
    for id in 1..=3 {
        django.set(id, "is_active = true");
    }
    let output = target.import(&django, &[]);
    let line = "1 account opened that an earlier import closed: 3";
    assert!(output.stdout.contains(line), "{output:#?}");
    target.import(&django, &[]);
    assert_eq!(
        [1, 2, 3].map(|id| target.user(id).is_active),
        [false, true, true]
    );
    // One that was closed here alone, and opened again, follows Django.
    run_command(&target, "deactivate", "3@example.com");
    run_command(&target, "activate", "3@example.com");
    django.set(3, "is_active = false");
    target.import(&django, &[]);
    assert!(!target.user(3).is_active);
}

/// Django projects often anonymize users who leave.
#[test]
fn a_row_with_an_invalid_email_still_deactivates_its_account() {
    let (django, target) = imported();
    django.set(1, "is_active = false, email = '', password = ''");
    django.set(2, "is_active = false, email = '3@EXAMPLE.com'");
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 1, 2]);
    assert!(again.stdout.contains("no email: 1"), "{again:#?}");
    assert!(
        again.stdout.contains("another account: 2 (by 3)"),
        "{again:#?}"
    );
    let (one, two) = (target.user(1), target.user(2));
    assert!(!one.is_active && one.password.starts_with('!'), "{one:?}");
    assert!(!two.is_active, "{two:?}");
    assert_eq!(
        (one.email.as_str(), two.email.as_str()),
        ("1@example.com", "2@example.com")
    );
}

#[test]
fn an_email_that_its_owner_gave_up_can_be_imported_for_another_user() {
    let (django, target) = imported();
    django.set(1, "email = 'moved@example.com'");
    django.add(9, "1@example.com");
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [1, 1, 2, 0]);
    assert_eq!(target.user(9).email, "1@example.com");
}

#[test]
fn an_account_linked_to_workos_keeps_its_profile() {
    let (django, target) = imported();
    target.change(|conn| {
        diesel::update(users::table.find(1))
            .set(users::workos_user_id.eq("user_01"))
            .execute(conn)
    });
    django.set(
        1,
        "email = 'there@example.com', first_name = 'There', is_staff = true",
    );
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 1, 2, 0]);
    let user = target.user(1);
    assert_eq!(
        (user.email.as_str(), user.first_name.as_str()),
        ("1@example.com", "First 1")
    );
    assert!(user.is_staff);
}

#[test]
fn a_changed_email_is_unverified_until_an_import_with_emails_verified() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=2 {
        django.add(id, &format!("{id}@example.com"));
    }
    target.import(&django, &["--emails-verified"]);
    django.set(1, "email = 'new@example.com'");
    django.set(2, "email = '2@EXAMPLE.com'");
    target.import(&django, &[]);
    let unverified = target.user(1);
    assert!(!unverified.email_verified && target.user(2).email_verified);
    let verified = target.import(&django, &["--emails-verified"]);
    assert_eq!(counts(&verified, 0), [0, 1, 1, 0]);
    let now = target.user(1);
    assert!(now.email_verified);
    // Tokens that were given out for the unverified address end; Django's password stays.
    assert!(now.token_version > unverified.token_version);
    assert_eq!(now.password, unverified.password);
    assert_eq!(target.user(2).token_version, 0);
}

#[test]
fn a_password_that_was_set_here_ends_when_an_import_verifies_the_email() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "1@example.com");
    target.import(&django, &[]);
    let imported = target.user(1);
    target.change(|conn| {
        diesel::update(users::table.find(1))
            .set(users::password.eq("argon2$set-here"))
            .execute(conn)
    });
    target.import(&django, &["--emails-verified"]);
    let after = target.user(1);
    assert!(after.email_verified && after.token_version > imported.token_version);
    assert_eq!(after.password, imported.password);
}

#[test]
fn an_account_that_was_deleted_here_is_not_imported_again() {
    let (django, target) = imported();
    target.change(|conn| diesel::delete(users::table.find(2)).execute(conn));
    django.add(4, "4@example.com");
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [1, 0, 2, 1]);
    assert!(again.stdout.contains("1 account was deleted here since: 2"));
}
