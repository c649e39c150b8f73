//! The questions, with somebody at a terminal.

use super::{GOOD, Place, has_password};
use crate::support::program::Program;
use crate::support::terminal::Terminal;

const EMAIL: &str = "Email address: ";
const PASSWORD: &str = "Password: ";
const AGAIN: &str = "Password (again): ";

fn create(place: &Place, options: &[&str]) -> Terminal {
    let arguments = [&["createsuperuser"], options].concat();
    place.command(&arguments).start_on_terminal()
}

fn twice(terminal: &mut Terminal, password: &str) -> String {
    let before = terminal.answer_prompt(PASSWORD, password);
    terminal.answer_prompt(AGAIN, password);
    before
}

#[test]
fn each_answer_is_asked_for_until_it_will_do() {
    let place = Place::new();
    place.add("ada@example.com", "!");
    let mut terminal = create(&place, &[]);
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
    let user = place.user("olive@example.com");
    assert_eq!(user.email, "Olive@example.com");
    assert!(user.is_superuser && user.is_staff && has_password(&user, GOOD));
}

#[test]
fn the_email_is_seen_and_the_passwords_are_not() {
    let place = Place::new();
    let mut terminal = create(&place, &[]);
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
fn a_weak_password_is_never_taken_and_three_tries_are_all() {
    let place = Place::new();
    let mut terminal = create(&place, &["--email", "orchard@example.com"]);
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
    assert!(place.users().is_empty());
}

#[test]
fn an_email_of_the_command_line_that_will_not_do_is_asked_for() {
    let place = Place::new();
    let mut terminal = create(&place, &["--email", "nonsense"]);
    let before = terminal.answer_prompt(EMAIL, "ada@example.com");
    assert_eq!(before, "Enter a valid email address.\n");
    twice(&mut terminal, GOOD);
    terminal.ends_with(0);
    let shown = create(&place, &["--email", ""]).ends_with(1);
    assert_eq!(shown, "CommandError: Email address cannot be blank.\n");
}

#[test]
fn the_environments_password_is_for_noinput_alone() {
    let place = Place::new();
    let program = place
        .command(&["createsuperuser", "--email", "ada@example.com"])
        .env("DJANGO_SUPERUSER_PASSWORD", "another-Password-1");
    let mut terminal = program.start_on_terminal();
    twice(&mut terminal, GOOD);
    terminal.ends_with(0);
    assert!(has_password(&place.user("ada@example.com"), GOOD));
}

#[test]
fn ctrl_c_cancels_and_the_terminal_is_as_it_was() {
    let place = Place::new();
    let before = place.add("ada@example.com", "!");
    let cancelled = "\nOperation cancelled.\n";
    let mut terminal = create(&place, &[]);
    terminal.wait_for_prompt(EMAIL);
    terminal.interrupt();
    assert!(terminal.ends_with(1).ends_with(cancelled));
    for (command, email) in [
        (&["createsuperuser", "--email"][..], "olive@example.com"),
        (&["changepassword"], "ada@example.com"),
    ] {
        for half_typed in [false, true] {
            let arguments = [command, &[email]].concat();
            let mut terminal = place.command(&arguments).start_on_terminal();
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
    assert_eq!(place.users(), [before]);
}

#[test]
fn changing_a_password_asks_twice_and_three_times_at_most() {
    let place = Place::new();
    let before = place.add("ada@example.com", "!");
    let start = || place.command(&["changepassword", "ada@example.com"]);
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
    assert_eq!(place.user("ada@example.com"), before);

    let mut terminal = start().start_on_terminal();
    twice(&mut terminal, GOOD);
    let shown = terminal.ends_with(0);
    let changed = "Password changed successfully for user 'ada@example.com'\n";
    assert!(shown.ends_with(changed) && !shown.contains(GOOD), "{shown}");
    assert!(has_password(&place.user("ada@example.com"), GOOD));
}

#[test]
fn without_its_database_nothing_is_asked() {
    let terminal = Program::new(&["createsuperuser"]).start_on_terminal();
    let shown = terminal.ends_with(1);
    assert!(!shown.contains(EMAIL), "{shown}");
    assert!(shown.contains("`vestibule migrate`"), "{shown}");
}
