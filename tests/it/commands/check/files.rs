//! The database, key files, and who can read them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::{FINE, check};
use crate::support::program::Program;
use crate::support::tokens::write_private_key;

#[test]
fn a_database_that_is_missing_or_broken_is_reported() {
    let output = Program::with_settings(&["check"]).run().exits_with(0);
    assert!(output.stdout.contains("(database.W001)"), "{output:#?}");
    assert!(
        output.stdout.contains("HINT: Run `vestibule migrate`."),
        "{output:#?}"
    );
    let output = output.leaves_files(&[]);
    assert!(
        output.stdout.contains("vestibule.sqlite3 does not exist"),
        "{output:#?}"
    );
    let output = Program::with_settings(&["check"])
        .file("vestibule.sqlite3", &"no database ".repeat(200))
        .run()
        .exits_with(1);
    assert!(output.stderr.contains("(database.E001)"), "{output:#?}");
}

#[test]
fn files_that_other_users_can_read_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let key = write_private_key(folder.path(), "EdDSA");
    for (mode, is_exposed) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        std::fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let program = Program::with_settings(&["check"])
            .env("JWT_ALGORITHM", "EdDSA")
            .env("JWT_SIGNING_KEY", &key)
            .file_with_mode(".env", "LOG_FORMAT=json\n", mode)
            .file_with_mode("vestibule.sqlite3", "", mode)
            .file_with_mode("vestibule.sqlite3-wal", "", mode);
        let output = program.run();
        let text = format!("{}{}", output.stdout, output.stderr);
        let key_is_exposed = format!("(tokens.W002) {key} can be");
        for line in [
            "(settings.W003) .env can be read or changed by other users",
            &key_is_exposed,
            "(database.W002) vestibule.sqlite3 can be",
            "(database.W002) vestibule.sqlite3-wal can be",
            "HINT: Run `chmod 600 .env`.",
        ] {
            assert_eq!(
                text.contains(line),
                is_exposed,
                "{mode:o}: {line} in {text}"
            );
        }
    }
}

#[test]
fn folders_that_every_user_can_write_to_are_reported() {
    for (mode, is_open) in [
        (0o700, false),
        (0o775, false),
        (0o777, true),
        (0o1777, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let key = write_private_key(folder.path(), "EdDSA");
        std::fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        let url = format!("sqlite:{}/app.sqlite3", folder.path().display());
        let output = Program::with_settings(&["check"])
            .env("JWT_ALGORITHM", "EdDSA")
            .env("JWT_SIGNING_KEY", &key)
            .env("DATABASE_URL", &url)
            .run();
        let text = format!("{}{}", output.stdout, output.stderr);
        for id in ["(database.W003)", "(settings.W005)"] {
            let line = format!("{id} Every user of this machine can put files into");
            assert_eq!(text.contains(&line), is_open, "{mode:o}: {text}");
        }
    }
}

#[test]
fn other_users_cannot_read_a_database_that_migrate_has_created() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/app.sqlite3", folder.path().display());
    Program::new(&["migrate"])
        .env("DATABASE_URL", &url)
        .run()
        .exits_with(0);
    let file = std::fs::metadata(folder.path().join("app.sqlite3")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let output = Program::with_settings(&["check"])
        .env("DATABASE_URL", &url)
        .run()
        .exits_with(0);
    assert_eq!(output.stdout, FINE);
}

#[test]
fn a_key_file_that_does_not_exist_is_reported_as_such() {
    let settings = [
        ("JWT_ALGORITHM", "EdDSA"),
        ("JWT_SIGNING_KEY", "keys/jwt.pem"),
    ];
    let output = check(&[], &settings).exits_with(1);
    let message = "?: (settings.E001) JWT_SIGNING_KEY: the file `keys/jwt.pem` does not exist.";
    assert!(output.stderr.contains(message), "{output:#?}");
}
