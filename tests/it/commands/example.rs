//! `.env.example` has every setting, and nothing else.

use std::collections::BTreeSet;

use crate::support::program::{API_KEY, Program, SECRET_KEY};

const EXAMPLE: &str = include_str!("../../../.env.example");
const SETTINGS: &str = concat!(
    include_str!("../../../src/settings.rs"),
    include_str!("../../../src/settings/api.rs"),
    include_str!("../../../src/settings/api_prefix.rs"),
    include_str!("../../../src/settings/application_claim.rs"),
    include_str!("../../../src/settings/cors.rs"),
    include_str!("../../../src/settings/forward_auth.rs"),
    include_str!("../../../src/settings/log.rs"),
    include_str!("../../../src/settings/login_field.rs"),
    include_str!("../../../src/settings/oidc.rs"),
    include_str!("../../../src/settings/passwords.rs"),
    include_str!("../../../src/settings/restore_mark.rs"),
    include_str!("../../../src/settings/retention.rs"),
    include_str!("../../../src/settings/superuser.rs"),
    include_str!("../../../src/settings/tokens.rs"),
    include_str!("../../../src/settings/values.rs"),
    include_str!("../../../src/settings/workos.rs")
);

/// The lines `NAME='value'`, commented out or not: name, value, and the comment above.
fn entries() -> Vec<(String, String, String)> {
    let mut entries = Vec::new();
    let mut above = String::new();
    for line in EXAMPLE.lines() {
        let bare = line.trim_start_matches("# ");
        match bare.split_once('=') {
            Some((name, value)) if is_name(name) => {
                entries.push((
                    name.to_owned(),
                    value.to_owned(),
                    std::mem::take(&mut above),
                ));
            }
            _ if line.is_empty() => above.clear(),
            _ => above.push_str(bare),
        }
    }
    entries
}

/// A name with digits has an underscore: `HS256` is a value.
fn is_name(text: &str) -> bool {
    let digits = text.contains('_');
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .chars()
            .all(|c| c.is_ascii_uppercase() || c == '_' || digits && c.is_ascii_digit())
}

#[test]
fn the_file_has_exactly_the_settings_that_are_read() {
    // In these files, every string of capitals and underscores is the name of a variable.
    let read: BTreeSet<_> = SETTINGS
        .split('"')
        .filter(|text| text.len() > 3 && is_name(text))
        .collect();
    assert!(
        read.contains("BIND") && read.contains("RUST_LOG"),
        "{read:?}"
    );
    let entries = entries();
    let written: BTreeSet<_> = entries.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(written, read);
    assert_eq!(entries.len(), written.len(), "a setting is there twice");
}

#[test]
fn every_setting_is_explained_and_quoted() {
    for (name, value, above) in entries() {
        assert!(above.len() > 20, "{name} is not explained");
        assert!(
            value.len() >= 2 && value.starts_with('\'') && value.ends_with('\''),
            "{name}"
        );
    }
}

#[test]
fn a_copy_with_the_required_values_filled_in_is_accepted() {
    let mut copy = EXAMPLE.to_owned();
    for (name, value) in [
        ("WORKOS_API_KEY", API_KEY),
        ("WORKOS_CLIENT_ID", "client_made_up"),
        ("SECRET_KEY", SECRET_KEY),
    ] {
        let empty = format!("\n{name}=''\n");
        assert_eq!(copy.matches(&empty).count(), 1, "{name} is to be filled in");
        copy = copy.replace(&empty, &format!("\n{name}='{value}'\n"));
    }
    // The file of the example need not exist on this machine.
    copy = copy.replace("/srv/vestibule/pwnedpasswords.txt", "blocklist.txt");
    let blocklist = format!("{}:1\n", "0".repeat(40));
    let uncommented: String = copy
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(bare) if bare.split_once('=').is_some_and(|(name, _)| is_name(name)) => bare,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    for dotenv in [copy, uncommented] {
        Program::new(&["migrate"])
            .file(".env", &dotenv)
            .run()
            .exits_with(0);
        let output = Program::new(&["check"])
            .file(".env", &dotenv)
            .file("blocklist.txt", &blocklist)
            .run()
            .exits_with(0);
        assert!(!output.stdout.contains("settings."), "{output:#?}");
        assert!(output.stdout.contains("identified 1 issue"), "{output:#?}");
    }
}

#[test]
fn an_unchanged_copy_is_the_same_as_no_settings() {
    let output = Program::new(&["check"])
        .file(".env", EXAMPLE)
        .run()
        .exits_with(1);
    assert!(output.stderr.contains("identified 3 issues"), "{output:#?}");
    assert!(
        output.stderr.contains("SECRET_KEY: not set."),
        "{output:#?}"
    );
}
