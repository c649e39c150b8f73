//! `.env`: the environment takes precedence over it, and no error shows its content.

use crate::support::program::{API_KEY, Program, SECRET_KEY};

fn sound() -> String {
    format!(
        "WORKOS_API_KEY={API_KEY}\nWORKOS_CLIENT_ID=client_made_up\nSECRET_KEY='{SECRET_KEY}'\n"
    )
}

/// What `check` prints to both outputs.
fn check(dotenv: &str) -> String {
    let output = Program::new(&["check"]).file(".env", dotenv).run();
    format!("{}{}", output.stdout, output.stderr)
}

#[test]
fn the_file_in_this_folder_is_read() {
    let text = check(&sound());
    assert!(!text.contains("settings."), "{text}");
    let windows = format!("\u{feff}{}", sound().replace('\n', "\r\n"));
    let text = check(&windows);
    assert!(!text.contains("settings."), "{text}");
    let exported = sound().replace("WORKOS_CLIENT", "# a remark\n\nexport WORKOS_CLIENT");
    let text = check(&exported);
    assert!(!text.contains("settings."), "{text}");
}

#[test]
fn the_environment_takes_precedence() {
    let dotenv = format!("{}LOG_FORMAT=from-dotenv\n", sound());
    let text = check(&dotenv);
    assert!(
        text.contains("LOG_FORMAT: `from-dotenv` is not valid"),
        "{text}"
    );
    let output = Program::new(&["check"])
        .file(".env", &dotenv)
        .env("LOG_FORMAT", "from-environment")
        .run();
    assert!(
        output.stderr.contains("`from-environment` is not valid"),
        "{output:#?}"
    );
    Program::new(&["check"])
        .file(".env", &dotenv)
        .env("LOG_FORMAT", "json")
        .run()
        .exits_with(0);
}

#[test]
fn a_malformed_line_is_named_by_its_number_and_never_shown() {
    for (line, number) in [
        ("SECRET_KEY=two words hunter2", 2),
        ("hunter2", 2),
        ("=hunter2", 2),
        ("SECRET KEY=hunter2", 2),
    ] {
        let dotenv = format!("A=1\n{line}\n");
        for arguments in [&["check"][..], &["runserver"], &["migrate"], &["emulator"]] {
            let output = Program::new(arguments)
                .file(".env", &dotenv)
                .run()
                .exits_with(1);
            let place = format!(".env: line {number} is not NAME=value");
            assert!(output.stderr.contains(&place), "{line}: {output:#?}");
            assert!(output.stderr.contains("a value with spaces"), "{output:#?}");
            assert!(
                output.stderr.contains("between single quotes"),
                "{output:#?}"
            );
            assert!(!output.stderr.contains("hunter2"), "{output:#?}");
            output.leaves_files(&[".env"]);
        }
    }
}

#[test]
fn a_quote_that_is_not_closed_is_named_by_its_line_and_never_shown() {
    for (rest, quote) in [
        ("SECRET_KEY='half a hunter2\n", '\''),
        ("SECRET_KEY=\"half a hunter2\nLOG_FORMAT=json\n", '"'),
        // The quote in the next line closes it, and LOG_FORMAT would be part of SECRET_KEY.
        ("SECRET_KEY='half a hunter2\nLOG_FORMAT='json\n", '\''),
    ] {
        let dotenv = format!("A=1\n{rest}");
        for arguments in [&["check"][..], &["runserver"], &["migrate"], &["emulator"]] {
            let output = Program::new(arguments)
                .file(".env", &dotenv)
                .run()
                .exits_with(1);
            let place = format!(".env: line 2 opens a quote ({quote}) that is not closed");
            assert!(output.stderr.contains(&place), "{rest}: {output:#?}");
            assert!(!output.stderr.contains("hunter2"), "{output:#?}");
            output.leaves_files(&[".env"]);
        }
    }
}

#[test]
fn an_expanded_dollar_is_a_warning() {
    let dotenv = sound().replace('\'', "");
    let text = check(&dotenv);
    assert!(
        text.contains("(settings.W001) In .env, a `$` was expanded in SECRET_KEY."),
        "{text}"
    );
    assert!(text.contains("single quotes"), "{text}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".env")).unwrap();
    Program::with_settings(&["runserver"])
        .current_dir(folder.path())
        .run()
        .exits_with(1)
        .reports_one_error(&[".env: cannot be read", "a readable UTF-8 text file"]);
}
