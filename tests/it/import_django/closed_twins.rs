//! A closed account takes nothing away from an open one, and what it had in Django goes to the open one.

use diesel::prelude::*;
use vestibule::db::schema::{account_addresses, identities, users};

use super::items::ALLAUTH;
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::ProgramOutput;

const NOT_OURS: &str = "1 further email address of another account, not imported: ";

/// Accounts with these own addresses, and the tables of allauth.
fn django(emails: &[&str]) -> Django {
    let django = Django::new();
    django.run(ALLAUTH);
    for (id, email) in (1..).zip(emails) {
        django.add(id, email);
    }
    django
}

/// Adds a verified address to an account.
fn verify(django: &Django, id: i64, email: &str) {
    django.run(&format!(
        "INSERT INTO account_emailaddress \
         SELECT count(*) + 1, '{email}', true, {id} FROM account_emailaddress"
    ));
}

fn addresses(target: &ImportTarget) -> Vec<(String, i64)> {
    target.rows(|conn| {
        let all = account_addresses::table.order(account_addresses::email_key);
        all.load(conn)
    })
}

fn links(target: &ImportTarget) -> Vec<(String, i64)> {
    target.rows(|conn| {
        let all = identities::table.order(identities::subject);
        all.select((identities::subject, identities::user_id))
            .load(conn)
    })
}

fn owned(address: &str, id: i64) -> Vec<(String, i64)> {
    vec![(address.to_owned(), id)]
}

#[track_caller]
fn prints(output: &ProgramOutput, part: &str) {
    assert!(output.stdout.contains(part), "{part} in {output:#?}");
}

#[track_caller]
fn does_not_print(output: &ProgramOutput, part: &str) {
    assert!(!output.stdout.contains(part), "{part} in {output:#?}");
}

#[test]
fn a_closed_twin_takes_no_further_address() {
    let (django, target) = (
        django(&["1@example.com", "Alt@example.com"]),
        ImportTarget::new(),
    );
    django.set(2, "is_active = false");
    verify(&django, 1, "alt@example.com");
    verify(&django, 2, "Alt@example.com");
    for options in [&[][..], &["--emails-verified"], &[]] {
        let output = target.import_with_dry_run(&django, options);
        does_not_print(&output, NOT_OURS);
        does_not_print(&output, "removed");
        assert_eq!(addresses(&target), owned("alt@example.com", 1));
        assert!(!target.user(2).email_verified);
    }
    // When Django has opened it, its own address is its own.
    django.set(2, "is_active = true");
    let output = target.import_with_dry_run(&django, &[]);
    prints(&output, "1 further email address removed\n");
    prints(&output, &format!("{NOT_OURS}1\n"));
    assert_eq!(addresses(&target), []);
    assert!(target.user(2).email_verified);
    // It is not remembered as imported.
    django.set(2, "is_active = false");
    let output = target.import_with_dry_run(&django, &[]);
    prints(&output, "1 further email address\n");
    prints(&output, "so that it counts as not verified: 2\n");
    assert_eq!(addresses(&target), owned("alt@example.com", 1));
    assert!(!target.user(2).email_verified);
}

#[test]
fn a_closed_account_gets_no_further_address_and_an_open_one_takes_it_over() {
    let (django, target) = (
        django(&["1@example.com", "2@example.com"]),
        ImportTarget::new(),
    );
    verify(&django, 1, "alt@example.com");
    django.set(1, "is_active = false");
    let first = target.import_with_dry_run(&django, &[]);
    prints(
        &first,
        "1 further email address of a closed account, not imported: 1\n",
    );
    assert_eq!(addresses(&target), []);
    django.set(1, "is_active = true");
    prints(
        &target.import_with_dry_run(&django, &[]),
        "1 further email address\n",
    );
    assert_eq!(addresses(&target), owned("alt@example.com", 1));
    // Closed, it keeps the address until an open account has verified it.
    django.set(1, "is_active = false");
    does_not_print(&target.import_with_dry_run(&django, &[]), "further");
    assert_eq!(addresses(&target), owned("alt@example.com", 1));
    verify(&django, 2, "ALT@example.com");
    let output = target.import_with_dry_run(&django, &[]);
    prints(&output, "1 further email address\n");
    prints(&output, "1 further email address removed\n");
    prints(&output, &format!("{NOT_OURS}1\n"));
    assert_eq!(addresses(&target), owned("alt@example.com", 2));
}

/// Django has deleted the account, and it was closed here.
#[test]
fn an_account_that_is_gone_and_closed_gives_its_address_up() {
    for gone in ["its own", "a further one"] {
        let (django, target) = (
            django(&["1@example.com", "2@example.com"]),
            ImportTarget::new(),
        );
        verify(&django, 1, "1@example.com");
        verify(&django, 1, "alt@example.com");
        target.import_with_dry_run(&django, &[]);
        django.run("DELETE FROM account_emailaddress; DELETE FROM auth_user WHERE id = 1");
        let address = if gone == "its own" {
            "1@example.com"
        } else {
            "alt@example.com"
        };
        verify(&django, 2, address);
        let output = target.import_with_dry_run(&django, &[]);
        prints(&output, &format!("{NOT_OURS}2\n"));
        assert_eq!(addresses(&target), owned("alt@example.com", 1));
        target.change(|conn| {
            diesel::update(users::table.find(1))
                .set(users::is_active.eq(false))
                .execute(conn)
        });
        let output = target.import_with_dry_run(&django, &[]);
        prints(&output, "1 further email address\n");
        assert!(
            addresses(&target).contains(&(address.to_owned(), 2)),
            "{gone}"
        );
        assert_eq!(target.user(1).email_verified, gone != "its own");
    }
}

/// An operator has closed it, and Django does not know.
#[test]
fn an_account_that_was_closed_here_keeps_its_addresses() {
    let (django, target) = (
        django(&["1@example.com", "2@example.com"]),
        ImportTarget::new(),
    );
    verify(&django, 1, "1@example.com");
    verify(&django, 1, "alt@example.com");
    target.import_with_dry_run(&django, &[]);
    target.change(|conn| {
        diesel::update(users::table.find(1))
            .set(users::is_active.eq(false))
            .execute(conn)
    });
    verify(&django, 2, "1@example.com");
    verify(&django, 2, "ALT@example.com");
    let output = target.import_with_dry_run(&django, &[]);
    prints(
        &output,
        "2 further email addresses of other accounts, not imported: 2, 2\n",
    );
    assert_eq!(addresses(&target), owned("alt@example.com", 1));
    assert!(target.user(1).email_verified);
}

#[test]
fn addresses_and_identities_move_within_one_import_in_any_order() {
    for (from, to) in [(1, 2), (2, 1)] {
        let (django, target) = (
            django(&["1@example.com", "2@example.com"]),
            ImportTarget::new(),
        );
        verify(&django, from, "alt@example.com");
        django.run(&format!(
            "INSERT INTO socialaccount_socialaccount VALUES (1, 'google', 'g1', '{{}}', {from})"
        ));
        target.import_with_dry_run(&django, &[]);
        assert_eq!(links(&target), owned("g1", from));
        django.run(&format!(
            "UPDATE account_emailaddress SET user_id = {to}; \
             UPDATE socialaccount_socialaccount SET user_id = {to}"
        ));
        let output = target.import_with_dry_run(&django, &[]);
        for line in [
            "1 further email address\n",
            "1 further email address removed\n",
            "1 identity\n",
            "1 identity removed\n",
        ] {
            prints(&output, line);
        }
        does_not_print(&output, "not imported");
        assert_eq!(addresses(&target), owned("alt@example.com", to));
        assert_eq!(links(&target), owned("g1", to));
        does_not_print(&target.import_with_dry_run(&django, &[]), "other tables");
    }
}

/// A further address becomes the own one, and the earlier own one a further one, of the same or of another account.
#[test]
fn own_and_further_addresses_are_exchanged_within_one_import() {
    let (django, target) = (
        django(&["1@example.com", "2@example.com"]),
        ImportTarget::new(),
    );
    for (id, email) in [
        (1, "1@example.com"),
        (1, "alt@example.com"),
        (2, "2@example.com"),
    ] {
        verify(&django, id, email);
    }
    target.import_with_dry_run(&django, &[]);
    django.set(1, "email = 'alt@example.com'");
    let output = target.import_with_dry_run(&django, &[]);
    does_not_print(&output, "not imported");
    assert_eq!(addresses(&target), owned("1@example.com", 1));
    // The first account's earlier address goes to the second one, whose own one becomes the first one's further one.
    django.set(2, "email = '1@example.com'");
    django.run(
        "UPDATE account_emailaddress SET user_id = 3 - user_id WHERE email <> 'alt@example.com'",
    );
    let output = target.import_with_dry_run(&django, &[]);
    does_not_print(&output, "not imported");
    assert_eq!(addresses(&target), owned("2@example.com", 1));
    for (id, email) in [(1, "alt@example.com"), (2, "1@example.com")] {
        let user = target.user(id);
        assert_eq!((user.email.as_str(), user.email_verified), (email, true));
    }
}

/// A user replaces the Google account in Django.
#[test]
fn a_new_identity_at_a_provider_replaces_the_earlier_one_within_one_import() {
    let (django, target) = (django(&["1@example.com"]), ImportTarget::new());
    django.run("INSERT INTO socialaccount_socialaccount VALUES (1, 'google', 'g1', '{}', 1)");
    target.import_with_dry_run(&django, &[]);
    django.run("UPDATE socialaccount_socialaccount SET uid = 'g2'");
    does_not_print(&target.import_with_dry_run(&django, &[]), "not imported");
    assert_eq!(links(&target), owned("g2", 1));
}

#[test]
fn a_closed_account_takes_no_identity_and_no_workos_user_from_an_open_one() {
    let (django, target) = (
        django(&["1@example.com", "2@example.com"]),
        ImportTarget::new(),
    );
    django.run("ALTER TABLE auth_user ADD COLUMN workos text");
    let options = ["--workos-id-column", "workos"];
    target.import_with_dry_run(&django, &options);
    // New in Django for both accounts, of which it has closed the first.
    django.run(
        "UPDATE auth_user SET workos = 'user_01', is_active = (id = 2); \
         INSERT INTO socialaccount_socialaccount VALUES (1, 'google', 'old', '{\"sub\": \"g1\"}', 1), (2, 'google', 'g1', '{}', 2)",
    );
    let output = target.import_with_dry_run(&django, &options);
    prints(
        &output,
        "WorkOS user is linked to another account: 1 (by another row)",
    );
    prints(&output, "1 identity of another account, not imported: 1\n");
    assert_eq!(links(&target), owned("g1", 2));
    assert_eq!(target.user(1).workos_user_id, None);
    assert!(!target.user(1).is_active);
    assert_eq!(target.user(2).workos_user_id.as_deref(), Some("user_01"));
    assert_eq!(counts(&output, 0), [0, 1, 0, 1]);
}
