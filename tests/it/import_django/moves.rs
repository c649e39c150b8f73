//! Emails and usernames that move from one account to another within one import.

use vestibule::accounts::User;

use super::add_local_account;
use super::again::imported;
use crate::support::django::{Django, ImportTarget, counts};

fn emails(target: &ImportTarget) -> Vec<String> {
    let users = target.users().into_iter();
    users
        .map(|user| user.email_key.replace("@example.com", ""))
        .collect()
}

fn names(target: &ImportTarget) -> Vec<String> {
    let name = |user: User| user.username.unwrap_or_default();
    target.users().into_iter().map(name).collect()
}

/// Imports with and without writing, and expects that every account is updated.
fn import_moves(django: &Django, target: &ImportTarget, expected: [u64; 4]) {
    for options in [&["--dry-run"][..], &[]] {
        let output = target.import(django, options);
        assert_eq!(counts(&output, 0), expected, "{output:#?}");
    }
}

#[test]
fn accounts_exchange_their_emails() {
    let (django, target) = imported();
    django.run(
        "UPDATE auth_user SET email = CASE id WHEN 1 THEN '2@example.com' WHEN 2 THEN '3@example.com' \
             ELSE '1@example.com' END",
    );
    import_moves(&django, &target, [0, 3, 0, 0]);
    assert_eq!(emails(&target), ["2", "3", "1"]);
}

#[test]
fn an_email_and_a_username_of_a_higher_id_are_free_once_it_gives_them_up() {
    let (django, target) = imported();
    django.set(3, "email = 'new@example.com', username = 'new'");
    django.set(1, "email = '3@example.com', username = 'user3'");
    import_moves(&django, &target, [0, 2, 1, 0]);
    assert_eq!(emails(&target), ["3", "2", "new"]);
    assert_eq!(names(&target), ["user3", "user2", "new"]);
}

#[test]
fn accounts_exchange_their_usernames() {
    let (django, target) = imported();
    django.set(1, "username = 'x'");
    django.set(2, "username = 'user1'");
    django.set(1, "username = 'user2'");
    import_moves(&django, &target, [0, 2, 1, 0]);
    assert_eq!(names(&target), ["user2", "user1", "user3"]);
}

/// An account that cannot have its new email keeps its old one, and so do those that wait for it.
#[test]
fn an_email_that_its_owner_keeps_after_all_is_not_given_away() {
    let (django, target) = imported();
    add_local_account(&target, "here@example.com");
    django.set(1, "email = '2@example.com'");
    django.set(2, "email = '3@example.com'");
    django.set(3, "email = 'here@example.com'");
    import_moves(&django, &target, [0, 0, 0, 3]);
    assert_eq!(emails(&target)[..3], ["1", "2", "3"]);
    // Of two accounts that want one email, the lower id gets it, and the other one keeps its own.
    django.set(3, "email = 'new@example.com'");
    django.set(2, "email = 'new@example.com'");
    import_moves(&django, &target, [0, 2, 0, 1]);
    assert_eq!(emails(&target)[..3], ["2", "new", "3"]);
}

/// Django names the WorkOS user of a closed account, so that the import links it before another one gets its email.
#[test]
fn a_closed_account_that_the_import_links_gives_up_its_email() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.run("ALTER TABLE auth_user ADD wos text NULL");
    let add = |id: i64, wos: &str, is_active: bool| {
        django.run(&format!(
            "INSERT INTO auth_user VALUES ({id}, 'made-up${id}', NULL, false, 'user{id}', '', '', 'x@example.com', \
                 false, {is_active}, '2026-01-02 03:04:05.678901', {wos})"
        ));
    };
    add(1, "'user_1'", false);
    target.import(&django, &[]);
    add(3, "NULL", true);
    let options = ["--workos-id-column", "wos"];
    let output = target.import_with_dry_run(&django, &options);
    assert_eq!(counts(&output, 0), [1, 1, 0, 0], "{output:#?}");
    let line = "1 closed account gave up its email for an active one: 1";
    assert!(output.stdout.contains(line), "{output:#?}");
    let (one, three) = (target.user(1), target.user(3));
    assert_eq!(one.workos_user_id.as_deref(), Some("user_1"));
    assert_eq!(
        (one.email.as_str(), three.email.as_str()),
        ("", "x@example.com")
    );
    let again = target.import_with_dry_run(&django, &options);
    assert_eq!(counts(&again, 0), [0, 0, 2, 0], "{again:#?}");
}
