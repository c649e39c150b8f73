//! What may close accounts or hold second factors, and can be read by no option: other tables, groups and JSON.

use crate::support::django::{Django, ImportTarget};

const TABLE: [&str; 2] = ["--table", "people"];

/// Twenty accounts with these columns, whose values depend on the id `n`.
fn people(columns: &str, values: &str) -> Django {
    let django = Django::empty();
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, {columns})"
    ));
    for id in 1..=20 {
        django.run(&format!(
            "INSERT INTO people SELECT n, 'a', n || '@example.com', true, {values} FROM (SELECT {id} AS n) AS numbers"
        ));
    }
    django
}

#[test]
fn tables_and_groups_that_may_close_accounts_are_named() {
    let (django, target) = (people("nickname text", "'x'"), ImportTarget::new());
    django.run(
        "CREATE TABLE people_ban (id integer PRIMARY KEY, account_id integer REFERENCES people (id)); \
         INSERT INTO people_ban VALUES (1, 1), (2, 1); \
         CREATE TABLE people_suspension (id integer PRIMARY KEY, account_id integer REFERENCES people (id)); \
         CREATE TABLE shop_bannedemail (id integer PRIMARY KEY, email text); \
         INSERT INTO shop_bannedemail VALUES (1, '1@example.com'); \
         CREATE TABLE shop_bannedword (id integer PRIMARY KEY, word text); \
         INSERT INTO shop_bannedword VALUES (1, 'x'); \
         CREATE TABLE auth_group (id integer PRIMARY KEY, name text); \
         INSERT INTO auth_group VALUES (1, 'Editors'), (2, 'Banned users')",
    );
    let output = target.import(&django, &TABLE).stdout;
    let (_, lines) = output.split_once("groups that may close accounts").unwrap();
    for line in [
        "\n           2 people_ban\n",
        "\n           1 shop_bannedemail\n",
        "\n    the group Banned users",
    ] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
    for other in ["bannedword", "people_suspension", "Editors"] {
        assert!(!lines.contains(other), "{other} in {lines}");
    }
}

#[test]
fn keys_in_json_that_may_close_accounts_or_are_of_factors_are_named() {
    let json = r#"'{"theme": {"active": true}, "security": {"mfa_enabled": ' || CASE WHEN n < 4 THEN 'true' \
         ELSE 'false' END || '}, "is_banned": ' || CASE WHEN n < 3 THEN '1' ELSE 'null' END || ', "n": ' || n || '}'"#;
    let json = json.replace("\\\n", "\n");
    let (django, target) = (people("settings text", &json), ImportTarget::new());
    let output = target.import(&django, &TABLE).stdout;
    for line in [
        "\n    settings.is_banned: 2 with a value\n",
        "\n    settings.security.mfa_enabled: 3 with a value",
    ] {
        assert!(output.contains(line), "{line} in {output}");
    }
    assert!(!output.contains("theme"), "{output}");
}

/// A status may have many values.
#[test]
fn a_value_among_many_is_asked_about() {
    let values = "CASE WHEN n > 18 THEN 'banned' ELSE 'level ' || n END";
    let (django, target) = (people("phase text", values), ImportTarget::new());
    for _ in 0..2 {
        django.run(
            "INSERT INTO people SELECT id + (SELECT max(id) FROM people), 'a', id || 'x' || email, true, phase FROM people",
        );
    }
    let asked = target.program(django.url(), &TABLE).run().exits_with(1);
    asked.reports_one_error(&["--active-column phase=VALUE", "banned (8)"]);
}
