//! `vestibule createsuperuser --noinput`.

use super::{GOOD, MigratedDatabase, has_password};
use crate::support::program::{Program, ProgramOutput};

const PASSWORD: &str = "DJANGO_SUPERUSER_PASSWORD";
const EMAIL: &str = "DJANGO_SUPERUSER_EMAIL";

impl MigratedDatabase {
    fn noinput(&self, options: &[&str]) -> Program {
        self.command(&[&["createsuperuser", "--noinput"], options].concat())
    }
}

#[track_caller]
fn succeeds(output: ProgramOutput) {
    let output = output.exits_with(0);
    assert_eq!(output.stdout, "Superuser created successfully.");
    assert_eq!(output.stderr, "");
}

#[test]
fn the_account_has_every_permission_and_the_password_of_the_environment() {
    let accounts = MigratedDatabase::new();
    let program = accounts.noinput(&["--email", "Ada@Example.com"]);
    succeeds(program.env(PASSWORD, GOOD).run());
    let user = accounts.user("ada@example.com");
    assert_eq!(user.email, "Ada@Example.com");
    assert!(user.is_superuser && user.is_staff && user.is_active && user.email_verified);
    assert!(!user.imported && user.workos_user_id.is_none() && user.last_login.is_none());
    assert!(user.password.starts_with("argon2$argon2id$"), "{user:?}");
    assert!(has_password(&user, GOOD));
}

#[test]
fn without_a_password_the_account_gets_an_unusable_one() {
    let accounts = MigratedDatabase::new();
    succeeds(accounts.noinput(&["--email", "ada@example.com"]).run());
    let empty = accounts.noinput(&["--email", "olive@example.com"]);
    succeeds(empty.env(PASSWORD, "").run());
    for user in accounts.users() {
        assert!(user.password.starts_with('!'), "{user:?}");
        assert!(user.is_superuser);
    }
}

#[test]
fn the_option_takes_precedence_over_the_environments_email() {
    let accounts = MigratedDatabase::new();
    let program = accounts.noinput(&[]).env(EMAIL, "ada@example.com");
    succeeds(program.run());
    let both = accounts.noinput(&["--email", "olive@example.com"]);
    succeeds(both.env(EMAIL, "ada@example.com").run());
    let emails: Vec<_> = accounts
        .users()
        .into_iter()
        .map(|user| user.email)
        .collect();
    assert_eq!(emails, ["ada@example.com", "olive@example.com"]);
}

#[test]
fn djangos_refusals_have_djangos_messages() {
    let accounts = MigratedDatabase::new();
    accounts.add("ada@example.com", "!");
    let taken = "Error: That email address is already taken.";
    let short = "This password is too short. It must contain at least 8 characters.";
    let weak = format!("{short}; This password is too common.; This password is entirely numeric.");
    let similar = "The password is too similar to the email address.";
    for (options, password, complaint) in [
        (&[][..], GOOD, "You must use --email with --noinput."),
        (&["--email", ""], GOOD, "Email address cannot be blank."),
        (&["--email", "olive"], GOOD, "Enter a valid email address."),
        (&["--email", "ADA@example.com"], GOOD, taken),
        (&["--email", "o@example.com"], "123456", &weak),
        (&["--email", "Orchard@example.com"], "orchard10", similar),
        (
            &["--email", "o@example.com"],
            "          ",
            "Error: Blank passwords aren't allowed.",
        ),
    ] {
        let output = accounts.noinput(options).env(PASSWORD, password).run();
        let output = output.exits_with(1);
        assert_eq!(output.stderr, format!("CommandError: {complaint}"));
        assert_eq!(output.stdout, "");
    }
    assert_eq!(accounts.users().len(), 1);
}

#[test]
fn of_several_concurrent_runs_one_creates_the_account() {
    let accounts = MigratedDatabase::new();
    let start = |_| {
        let program = accounts.noinput(&["--email", "ada@example.com"]);
        program.env(PASSWORD, GOOD).start()
    };
    let running: Vec<_> = (0..4).map(start).collect();
    let outputs: Vec<_> = running.into_iter().map(|program| program.wait()).collect();
    let (made, refused): (Vec<_>, Vec<_>) = outputs.into_iter().partition(|o| o.code == Some(0));
    assert_eq!(made.len(), 1, "{made:?}");
    for output in refused {
        let output = output.exits_with(1);
        let taken = "CommandError: Error: That email address is already taken.";
        assert_eq!(output.stderr, taken);
    }
    assert_eq!(accounts.users().len(), 1);
}

#[test]
fn without_a_terminal_it_asks_nothing_and_names_noinput() {
    let accounts = MigratedDatabase::new();
    let program = accounts.command(&["createsuperuser", "--email", "ada@example.com"]);
    let output = program.input("Correct-horse-9\nCorrect-horse-9\n").run();
    let output = output.exits_with(1);
    let begin = "CommandError: Superuser creation skipped due to not running in a TTY.";
    assert!(output.stderr.starts_with(begin), "{output:#?}");
    assert!(output.stderr.contains("--noinput"), "{output:#?}");
    assert_eq!(output.stderr.lines().count(), 1);
    assert!(accounts.users().is_empty());
}
