//! From migration 30 on, the version before works on the schema of the next one: a migration only expands it.

use std::path::Path;

use regex::Regex;

/// The number of the first migration to which the rule applies.
const FIRST: u32 = 30;

/// What the statement does that the version before may not survive.
fn contraction(statement: &str) -> Option<&'static str> {
    const FORBIDDEN: [(&str, &str); 6] = [
        (r"\bDROP (TABLE|COLUMN)\b", "drops a table or a column"),
        (r"\bRENAME\b", "renames something"),
        (
            r"\bALTER( COLUMN)? \w+ (SET DATA )?TYPE\b",
            "changes a type",
        ),
        (r"\bSET NOT NULL\b", "forbids NULL"),
        (
            r"\bADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN)\b",
            "adds a condition",
        ),
        (r"\bDROP DEFAULT\b", "drops a default"),
    ];
    let text = statement.to_uppercase();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let matches = |pattern: &str| Regex::new(pattern).unwrap().is_match(&text);
    for (pattern, what) in FORBIDDEN {
        if matches(pattern) {
            return Some(what);
        }
    }
    let adds_column = matches(r"^ALTER TABLE .*\bADD\b");
    if adds_column && matches(r"\bNOT NULL\b") && !matches(r"\bDEFAULT\b") {
        return Some("adds a column that needs a value");
    }
    None
}

fn statements(sql: &str) -> Vec<String> {
    let lines = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join("\n");
    text.split(';').map(|one| one.trim().to_owned()).collect()
}

#[test]
fn migrations_only_expand_the_schema() {
    for database in ["sqlite", "postgres"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("migrations")
            .join(database);
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let number = name.split(['-', '_']).nth(3).unwrap();
            if number.parse::<u32>().unwrap() < FIRST {
                continue;
            }
            let sql = std::fs::read_to_string(entry.path().join("up.sql")).unwrap();
            for statement in statements(&sql) {
                assert_eq!(
                    contraction(&statement),
                    None,
                    "{database}/{name}: {statement}"
                );
            }
        }
    }
}

#[test]
fn what_the_version_before_cannot_use_is_recognised() {
    for statement in [
        "DROP TABLE jobs",
        "ALTER TABLE users\n    DROP COLUMN picture_url",
        "ALTER TABLE users RENAME COLUMN email TO mail",
        "ALTER TABLE users ALTER COLUMN id TYPE text",
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL",
        "ALTER TABLE users ADD COLUMN age INTEGER NOT NULL",
        "alter table users add constraint adult check (age > 17)",
    ] {
        assert!(contraction(statement).is_some(), "{statement}");
    }
    for statement in [
        "CREATE TABLE t (id BIGINT PRIMARY KEY NOT NULL)",
        "ALTER TABLE users ADD COLUMN age INTEGER",
        "ALTER TABLE users ADD COLUMN age INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX users_age ON users (age)",
        "DROP TRIGGER users_closed",
        "DROP INDEX sessions_expires_at",
        "UPDATE users SET age = 0",
    ] {
        assert_eq!(contraction(statement), None, "{statement}");
    }
}
