//! The questions of the commands, on a terminal.

use super::{GOOD, MigratedDatabase, has_password};
use crate::support::program::Program;
use crate::support::terminal::Terminal;

const EMAIL: &str = "Email address: ";
const PASSWORD: &str = "Password: ";
const AGAIN: &str = "Password (again): ";

fn create(accounts: &MigratedDatabase, options: &[&str]) -> Terminal {
    let arguments = [&["createsuperuser"], options].concat();
    accounts.command(&arguments).start_on_terminal()
}

fn twice(terminal: &mut Terminal, password: &str) -> String {
    let before = terminal.answer_prompt(PASSWORD, password);
    terminal.answer_prompt(AGAIN, password);
    before
}

#[test]
fn each_question_is_repeated_until_the_answer_is_valid() {
    let accounts = MigratedDatabase::new();
    accounts.add("ada@example.com", "!");
    let mut terminal = create(&accounts, &[]);
    terminal.answer_prompt(EMAIL, "");
    let blank = terminal.answer_prompt(EMAIL, "olive");
    assert!(
        blank.contains("Error: This field cannot be blank."),
        "{blank}"
    );
    let invalid = terminal.answer_prompt(EMAIL, "ADA@example.com");
    assert!(
        invalid.contains("Error: Enter a valid email address."),
        "{invalid}"
    );
    let taken = terminal.answer_prompt(EMAIL, "Olive@example.com");
    assert!(
        taken.contains("Error: That email address is already taken."),
        "{taken}"
    );
    terminal.answer_prompt(PASSWORD, GOOD);
    terminal.answer_prompt(AGAIN, "Correct-horse-8");
    let differ = twice(&mut terminal, "");
    assert!(
        differ.contains("Error: Your passwords didn't match."),
        "{differ}"
    );
    let blank = twice(&mut terminal, GOOD);
    assert!(
        blank.contains("Error: Blank passwords aren't allowed."),
        "{blank}"
    );
    let shown = terminal.ends_with(0);
    assert!(
        shown.ends_with("Superuser created successfully.\n"),
        "{shown}"
    );
    let user = accounts.user("olive@example.com");
    assert_eq!(user.email, "Olive@example.com");
    assert!(user.is_superuser && user.is_staff && has_password(&user, GOOD));
}

#[test]
fn the_email_is_shown_and_the_passwords_are_not() {
    let accounts = MigratedDatabase::new();
    let mut terminal = create(&accounts, &[]);
    terminal.answer_prompt(EMAIL, "ada@example.com");
    twice(&mut terminal, "typed-and-Never-seen-1");
    let shown = terminal.ends_with(0);
    assert!(
        shown.contains("Email address: ada@example.com\n"),
        "{shown}"
    );
    assert!(!shown.contains("Never-seen"), "{shown}");
    assert!(!shown.contains('*'), "{shown}");
}

#[test]
fn a_weak_password_is_never_accepted_and_the_third_one_is_the_last() {
    let accounts = MigratedDatabase::new();
    let mut terminal = create(&accounts, &["--email", "orchard@example.com"]);
    twice(&mut terminal, "orchard10");
    let similar = twice(&mut terminal, "12345678");
    assert!(
        similar.contains("The password is too similar to the email address."),
        "{similar}"
    );
    let numeric = twice(&mut terminal, "short");
    let both = "This password is too common.\nThis password is entirely numeric.\n";
    assert!(numeric.contains(both), "{numeric}");
    let shown = terminal.ends_with(1);
    assert!(!shown.contains("Bypass"), "{shown}");
    assert!(
        shown.contains("It must contain at least 8 characters."),
        "{shown}"
    );
    assert!(
        shown.ends_with("CommandError: Aborting superuser creation after 3 attempts\n"),
        "{shown}"
    );
    assert!(accounts.users().is_empty());
}

#[test]
fn an_invalid_email_of_the_command_line_is_asked_for_again() {
    let accounts = MigratedDatabase::new();
    let mut terminal = create(&accounts, &["--email", "nonsense"]);
    let before = terminal.answer_prompt(EMAIL, "ada@example.com");
    assert_eq!(before, "Enter a valid email address.\n");
    twice(&mut terminal, GOOD);
    terminal.ends_with(0);
    let shown = create(&accounts, &["--email", ""]).ends_with(1);
    assert_eq!(shown, "CommandError: Email address cannot be blank.\n");
}

#[test]
fn the_environments_password_is_used_with_noinput_only() {
    let accounts = MigratedDatabase::new();
    let program = accounts
        .command(&["createsuperuser", "--email", "ada@example.com"])
        .env("DJANGO_SUPERUSER_PASSWORD", "another-Password-1");
    let mut terminal = program.start_on_terminal();
    twice(&mut terminal, GOOD);
    terminal.ends_with(0);
    assert!(has_password(&accounts.user("ada@example.com"), GOOD));
}

#[test]
fn ctrl_c_cancels_and_restores_the_terminal() {
    let accounts = MigratedDatabase::new();
    let before = accounts.add("ada@example.com", "!");
    let cancelled = "\nOperation cancelled.\n";
    let mut terminal = create(&accounts, &[]);
    terminal.wait_for_prompt(EMAIL);
    terminal.interrupt();
    assert!(terminal.ends_with(1).ends_with(cancelled));
    for (command, email) in [
        (&["createsuperuser", "--email"][..], "olive@example.com"),
        (&["changepassword"], "ada@example.com"),
    ] {
        for half_typed in [false, true] {
            let arguments = [command, &[email]].concat();
            let mut terminal = accounts.command(&arguments).start_on_terminal();
            if half_typed {
                terminal.answer_prompt(PASSWORD, GOOD);
                terminal.wait_for_prompt(AGAIN);
            } else {
                terminal.wait_for_prompt(PASSWORD);
            }
            terminal.interrupt();
            let shown = terminal.ends_with(1);
            assert!(shown.ends_with(cancelled), "{shown}");
        }
    }
    assert_eq!(accounts.users(), [before]);
}

#[test]
fn changing_a_password_asks_twice_each_time_and_three_times_at_most() {
    let accounts = MigratedDatabase::new();
    let before = accounts.add("ada@example.com", "!");
    let start = || accounts.command(&["changepassword", "ada@example.com"]);
    let mut terminal = start().start_on_terminal();
    let greeting = terminal.answer_prompt(PASSWORD, "first-Password-1");
    assert_eq!(greeting, "Changing password for user 'ada@example.com'\n");
    terminal.answer_prompt(AGAIN, "other-Password-1");
    let differ = twice(&mut terminal, "quillane");
    assert!(
        differ.contains("Passwords do not match. Please try again."),
        "{differ}"
    );
    let similar = twice(&mut terminal, "7654321");
    assert!(
        similar.contains("The password is too similar to the last name."),
        "{similar}"
    );
    let shown = terminal.ends_with(1);
    let aborted =
        "CommandError: Aborting password change for user 'ada@example.com' after 3 attempts\n";
    assert!(shown.ends_with(aborted), "{shown}");
    for typed in [
        "first-Password-1",
        "other-Password-1",
        "quillane",
        "7654321",
    ] {
        assert!(!shown.contains(typed), "{shown}");
    }
    assert_eq!(accounts.user("ada@example.com"), before);

    let mut terminal = start().start_on_terminal();
    twice(&mut terminal, GOOD);
    let shown = terminal.ends_with(0);
    let changed = "Password changed successfully for user 'ada@example.com'\n";
    assert!(shown.ends_with(changed) && !shown.contains(GOOD), "{shown}");
    assert!(has_password(&accounts.user("ada@example.com"), GOOD));
}

#[test]
fn without_its_database_it_asks_nothing() {
    let terminal = Program::new(&["createsuperuser"]).start_on_terminal();
    let shown = terminal.ends_with(1);
    assert!(!shown.contains(EMAIL), "{shown}");
    assert!(shown.contains("`vestibule migrate`"), "{shown}");
}
