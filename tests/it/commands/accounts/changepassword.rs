//! `vestibule changepassword` without a terminal: the passwords are lines of its input.

use vestibule::accounts::passwords;

use super::{GOOD, MigratedDatabase, has_password};
use crate::support::program::ProgramOutput;

fn change(accounts: &MigratedDatabase, email: &str, input: &str) -> ProgramOutput {
    let output = accounts
        .command(&["changepassword", email])
        .input(input)
        .run();
    let all = format!("{}{}", output.stdout, output.stderr);
    for password in input.lines().filter(|line| !line.is_empty()) {
        assert!(!all.contains(password), "a password is shown: {all}");
    }
    output
}

#[test]
fn the_new_password_ends_sessions_and_tokens() {
    let accounts = MigratedDatabase::new();
    let before = passwords::hash("the-old-Password-1").unwrap();
    let user = accounts.add("Ada@Example.com", &before);
    let other = accounts.add("olive@example.com", &before);
    accounts.add_session(&user, "first");
    accounts.add_session(&user, "second");
    accounts.add_session(&other, "of another");
    let output = change(&accounts, "ada@EXAMPLE.com", &format!("{GOOD}\n{GOOD}\n"));
    let output = output.exits_with(0);
    assert_eq!(
        output.stdout,
        "Changing password for user 'Ada@Example.com'\nPassword changed successfully for user 'Ada@Example.com'"
    );
    assert_eq!(output.stderr, "");
    let after = accounts.user("ada@example.com");
    assert!(has_password(&after, GOOD) && !has_password(&after, "the-old-Password-1"));
    assert_eq!(after.token_version, user.token_version + 1);
    assert_eq!(accounts.open_sessions(), ["of another"]);
    assert_eq!(accounts.user("olive@example.com"), other);
}

#[test]
fn carriage_returns_are_removed_from_the_input_and_spaces_are_kept() {
    let accounts = MigratedDatabase::new();
    accounts.add("ada@example.com", "!");
    let output = change(
        &accounts,
        "ada@example.com",
        " Correct horse 9 \r\n Correct horse 9 ",
    );
    output.exits_with(0);
    assert!(has_password(
        &accounts.user("ada@example.com"),
        " Correct horse 9 "
    ));
}

#[test]
fn after_three_rejected_passwords_it_fails_and_changes_nothing() {
    let accounts = MigratedDatabase::new();
    let before = accounts.add("ada@example.com", "!");
    accounts.add_session(&before, "stays");
    let input =
        format!("{GOOD}\nCorrect-horse-8\nquillane\nquillane\n1234567\n1234567\n{GOOD}\n{GOOD}\n");
    let output = change(&accounts, "ada@example.com", &input).exits_with(1);
    assert_eq!(
        output.stdout,
        "Changing password for user 'ada@example.com'\nPasswords do not match. Please try again."
    );
    let complaints = [
        "The password is too similar to the last name.",
        "This password is too short. It must contain at least 8 characters.",
        "This password is too common.",
        "This password is entirely numeric.",
        "CommandError: Aborting password change for user 'ada@example.com' after 3 attempts",
    ];
    assert_eq!(output.stderr, complaints.join("\n"));
    assert_eq!(accounts.user("ada@example.com"), before);
    assert_eq!(accounts.open_sessions(), ["stays"]);
}

#[test]
fn the_third_password_is_still_accepted() {
    let accounts = MigratedDatabase::new();
    accounts.add("ada@example.com", "!");
    let input = format!("{GOOD}\n-\nshort\nshort\n{GOOD}\n{GOOD}\n");
    let output = accounts
        .command(&["changepassword", "ada@example.com"])
        .input(&input);
    output.run().exits_with(0);
    assert!(has_password(&accounts.user("ada@example.com"), GOOD));
}

#[test]
fn an_empty_line_or_the_end_of_the_input_aborts() {
    let accounts = MigratedDatabase::new();
    let before = accounts.add("ada@example.com", "!");
    for input in ["", "\n\n", &format!("{GOOD}\n"), &format!("{GOOD}\n\n")] {
        let output = change(&accounts, "ada@example.com", input).exits_with(1);
        assert_eq!(output.stderr, "CommandError: aborted", "{input:?}");
    }
    assert_eq!(accounts.user("ada@example.com"), before);
}
