//! The commands about accounts with usernames.

use vestibule::accounts::User;

use super::{EMAIL, PASSWORD, builder};
use crate::support::app::TestApp;
use crate::support::program::{Program, ProgramOutput};

fn run(app: &TestApp, arguments: &[&str], field: &str) -> ProgramOutput {
    let program = Program::new(arguments).env("DATABASE_URL", app.database_url());
    let program = program.env("LOGIN_FIELD", field);
    program.env("DJANGO_SUPERUSER_PASSWORD", PASSWORD).run()
}

fn create(app: &TestApp, options: &[&str], field: &str) -> ProgramOutput {
    let arguments = [&["createsuperuser", "--noinput"], options].concat();
    run(app, &arguments, field)
}

fn named(app: &TestApp, username: &str) -> Option<User> {
    let mut users = app.users().into_iter();
    users.find(|user| user.username.as_deref() == Some(username))
}

#[test]
fn createsuperuser_takes_a_username_as_django_does() {
    let app = builder().start();
    let names = ["--username", "u\u{308}ber", "--email", EMAIL];
    create(&app, &names, "username").exits_with(0);
    let user = named(&app, "\u{fc}ber").unwrap();
    assert!(user.is_superuser && user.email == EMAIL);
    let letters = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
    let other = "other@example.com";
    for (options, complaint) in [
        (
            &["--email", other][..],
            "You must use --username with --noinput.",
        ),
        (
            &["--username", "eve"],
            "You must use --email with --noinput.",
        ),
        (
            &["--username", "", "--email", other],
            "Username cannot be blank.",
        ),
        (&["--username", "a b", "--email", other], letters),
        (
            &["--username", "\u{fc}ber", "--email", other],
            "Error: That username is already taken.",
        ),
        (
            &["--username", "eve", "--email", EMAIL],
            "Error: That email address is already taken.",
        ),
        (
            &["--username", "Correct.horse", "--email", other],
            "The password is too similar to the username.",
        ),
    ] {
        let output = create(&app, options, "username").exits_with(1);
        assert_eq!(output.stderr, format!("CommandError: {complaint}"));
    }
    // Without the setting it is optional.
    create(&app, &["--email", other], "email").exits_with(0);
    let names = ["--username", "eve", "--email", "eve@example.com"];
    create(&app, &names, "email").exits_with(0);
    assert!(named(&app, "eve").is_some());
}

#[test]
fn a_command_finds_an_account_by_both_names_and_refuses_an_ambiguous_one() {
    let app = builder().start();
    app.add_user_with_username("Ada", EMAIL, PASSWORD);
    app.add_user_with_username("bob", "", PASSWORD);
    let closed = run(&app, &["deactivate", "bob"], "email").exits_with(0);
    assert!(
        closed.stdout.starts_with("Account 'bob' is deactivated."),
        "{closed:?}"
    );
    assert!(!named(&app, "bob").unwrap().is_active);
    let out = run(&app, &["logout", "Ada"], "username").exits_with(0);
    assert!(
        out.stdout.starts_with(&format!("Account '{EMAIL}' is")),
        "{out:?}"
    );
    let unknown = run(&app, &["deactivate", "ada"], "username").exits_with(1);
    assert_eq!(unknown.stderr, "CommandError: user 'ada' does not exist");

    app.add_user_with_username(EMAIL, "other@example.com", PASSWORD);
    let both = run(&app, &["deactivate", EMAIL], "username").exits_with(1);
    assert!(both.stderr.contains("is the email of account"), "{both:?}");
    assert!(app.users().iter().filter(|user| user.is_active).count() == 2);
}

#[test]
fn check_names_superusers_without_a_username_and_accounts_that_only_have_one() {
    let app = builder().start();
    let check = |field: &str| {
        let program = Program::with_settings(&["check"]).env("LOGIN_FIELD", field);
        let program = program.env("DATABASE_URL", app.database_url());
        let output = program.run().exits_with(0);
        output.stdout + &output.stderr
    };
    let root = ["--email", "root@example.com"];
    create(&app, &root, "email").exits_with(0);
    app.add_user_with_username("bob", "", PASSWORD);
    let found = check("username");
    let told = "(accounts.W004) LOGIN_FIELD is username, and 1 superuser has none, so that their password is refused at /api/token: root@example.com.";
    assert!(found.contains(told), "{found}");
    assert!(!found.contains("accounts.W001"), "{found}");
    let found = check("email");
    assert!(!found.contains("accounts.W004"), "{found}");
    assert!(
        found.contains("(accounts.W001) 1 active account cannot sign in"),
        "{found}"
    );
    assert!(found.contains("permits: bob."), "{found}");
}
