//! Names that are no settings.

use crate::support::program::Program;

/// Variables of the environment may be those of another program.
#[test]
fn a_setting_of_django_in_dotenv_is_reported_with_ours() {
    let line = "(settings.W004) SIGNING_KEY in .env is a setting of Django and has no effect here.\n\tHINT: Set JWT_SIGNING_KEY.";
    let program = Program::with_settings(&["check"]);
    let in_file = program.file(".env", "SIGNING_KEY=hunter2\nDEBUG=True\nOTHER=1\n");
    let output = in_file.run().exits_with(0);
    assert!(output.stdout.contains(line), "{output:#?}");
    assert!(output.stdout.contains("(settings.W004) DEBUG in .env"));
    assert_eq!(output.stdout.matches("settings.W004").count(), 2);
    assert!(!output.stdout.contains("hunter2"), "{output:#?}");
    let program = Program::with_settings(&["check"]);
    let in_environment = program.env("SIGNING_KEY", "hunter2").env("DEBUG", "1");
    let output = in_environment.run().exits_with(0);
    assert!(!output.stdout.contains("settings.W004"), "{output:#?}");
}

#[test]
fn a_misspelt_setting_is_reported_with_the_right_name() {
    let warning = "?: (settings.W002) DATABSE_URL is not a setting; did you mean DATABASE_URL?";
    let line = "vestibule: warning: DATABSE_URL is not a setting; did you mean DATABASE_URL?";
    let misspelt = ("DATABSE_URL", "sqlite:hunter2.sqlite3");
    let output = Program::with_settings(&["check"])
        .env(misspelt.0, misspelt.1)
        .run()
        .exits_with(0);
    assert!(output.stdout.contains(warning), "{output:#?}");
    assert!(!output.stdout.contains("hunter2"), "{output:#?}");
    // `migrate` would otherwise create the default database silently.
    let output = Program::new(&["migrate"])
        .file(".env", "DATABSE_URL=sqlite:hunter2.sqlite3\n")
        .run()
        .exits_with(0);
    assert_eq!(output.stderr, line);
    // A required setting that is misspelt is missing, and both are reported.
    let output = Program::new(&["runserver"])
        .env("SECRETKEY", "hunter2")
        .run()
        .exits_with(1);
    let meant = "vestibule: SECRETKEY is not a setting; did you mean SECRET_KEY?";
    assert!(
        output.stderr.lines().any(|line| line == meant),
        "{output:#?}"
    );
    assert!(!output.stderr.contains("hunter2"), "{output:#?}");
}

#[test]
fn variables_of_other_programs_are_not_reported() {
    let mut program = Program::with_settings(&["migrate"]);
    for name in [
        "PATH", "HOME", "LANG", "TERM", "USER", "SHELL", "HOSTNAME", "EDITOR", "MAIL",
    ] {
        program = program.env(name, "/usr/bin");
    }
    assert_eq!(program.run().exits_with(0).stderr, "");
}
