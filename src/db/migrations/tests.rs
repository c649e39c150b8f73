//! From migration 30 on, the version before works on the schema of the next one: a migration only expands it.

use std::path::Path;

use regex::Regex;

/// The number of the first migration to which the rule applies.
const FIRST: u32 = 30;

/// What the statement does that the version before may not survive.
fn contraction(statement: &str) -> Option<&'static str> {
    const FORBIDDEN: [(&str, &str); 7] = [
        (r"\bDROP (TABLE|COLUMN)\b", "drops a table or a column"),
        (
            r"\bDROP INDEX\b",
            "drops an index, by which the version before searches",
        ),
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

/// The table that one of the statements changes while another one builds an index of it. The change locks out every
/// query of the table until the index is built.
fn table_locked_while_indexed(statements: &[String]) -> Option<String> {
    let tables = |pattern: &str| -> Vec<String> {
        let pattern = Regex::new(pattern).unwrap();
        let all = statements.iter().filter_map(|one| pattern.captures(one));
        all.map(|found| found[1].to_lowercase()).collect()
    };
    let changed = tables(r"(?is)^ALTER\s+TABLE\s+(\w+)");
    let indexed = tables(r"(?is)^CREATE\s+(?:UNIQUE\s+)?INDEX\b.*?\sON\s+(\w+)");
    indexed.into_iter().find(|table| changed.contains(table))
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
            let statements = statements(&sql);
            assert_eq!(
                table_locked_while_indexed(&statements),
                None,
                "{database}/{name}: build the index in a migration of its own"
            );
            for statement in statements {
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
        "DROP INDEX sessions_expires_at",
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
        "UPDATE users SET age = 0",
    ] {
        assert_eq!(contraction(statement), None, "{statement}");
    }
}

#[test]
fn an_index_that_is_built_under_the_lock_of_a_change_is_recognised() {
    let locked = |sql| table_locked_while_indexed(&statements(sql));
    let both = "ALTER TABLE users ADD COLUMN age INTEGER;\nCREATE INDEX users_age\nON users (age);";
    assert_eq!(locked(both).as_deref(), Some("users"));
    assert_eq!(locked("CREATE INDEX users_age ON users (age)"), None);
    let other = "ALTER TABLE users ADD COLUMN age INTEGER; CREATE INDEX jobs_due ON jobs (due_at)";
    assert_eq!(locked(other), None);
}
