//! Second factors that a project has made itself, in columns of its user table and in tables of its own.

use vestibule::accounts::passwords::is_usable;

use super::allauth_factors::{import, program};
use crate::support::django::{Django, ImportTarget};

/// Accounts 1 (a secret), 2 (a flag), 3 (a device), 4 (one that is not confirmed) and 5 (nothing).
fn django() -> Django {
    let django = Django::empty();
    django.run(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, otp_secret text, \
             two_factor_enabled bool, mfa_method text, otp_created_at text, email_otp text); \
         CREATE TABLE people_totpdevice (id integer PRIMARY KEY, secret text, confirmed bool, \
             owner_id integer REFERENCES people (id)); \
         CREATE TABLE people_recoverycode (id integer PRIMARY KEY, code text, \
             owner_id integer REFERENCES people (id))",
    );
    for (id, secret, enabled) in [
        (1, "'ABC'", false),
        (2, "''", true),
        (3, "NULL", false),
        (4, "NULL", false),
        (5, "NULL", false),
    ] {
        django.run(&format!(
            "INSERT INTO people VALUES ({id}, '{HASH}', '{id}@example.com', true, {secret}, {enabled}, 'none', \
                 '2026-01-01', '123456')"
        ));
    }
    django.run(
        "INSERT INTO people_totpdevice VALUES (1, 'ABC', true, 3), (2, 'ABC', false, 4); \
         INSERT INTO people_recoverycode VALUES (1, 'ABC', 3), (2, 'DEF', 3)",
    );
    django
}

const HASH: &str = "pbkdf2_sha256$1000$Salz-u$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
const TABLE: [&str; 2] = ["--table", "people"];
const COUNTS: [&str; 4] = [
    "\n           1 people.otp_secret\n",
    "\n           1 people.two_factor_enabled\n",
    "\n           1 people_totpdevice\n",
    "\n           1 people_recoverycode\n",
];

fn with_password(target: &ImportTarget) -> Vec<i64> {
    let users = target.users().into_iter();
    let usable = users.filter(|user| is_usable(&user.password));
    usable.map(|user| i64::from(user.id)).collect()
}

#[test]
fn accounts_with_such_factors_are_counted_and_named() {
    let (django, target) = (django(), ImportTarget::new());
    let dry = target.import(&django, &[&TABLE[..], &["--dry-run"]].concat());
    let output = target.import(&django, &TABLE);
    for output in [&dry, &output] {
        for line in COUNTS {
            assert!(output.stdout.contains(line), "{line} in {output:#?}");
        }
        let line =
            "so that a password alone lets these accounts in (see --require-totp):\n    1, 2, 3\n";
        assert!(output.stdout.contains(line), "{output:#?}");
        assert!(!output.stdout.contains("ABC"), "{output:#?}");
        let line = "name it with --factor:\n    email_otp: 5 with a value, 0 without\n    otp_created_at: 5 with a value, 0 without";
        assert!(output.stdout.contains(line), "{output:#?}");
    }
    assert_eq!(with_password(&target), [1, 2, 3, 4, 5]);
}

#[test]
fn with_the_option_their_passwords_are_withheld() {
    let (django, target) = (django(), ImportTarget::new());
    let output = import(target.url(), &django, &TABLE);
    let line = "so that these accounts have no password:\n    1, 2, 3\n";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert_eq!(with_password(&target), [4, 5]);
    // An import without the columns does not bring the passwords back.
    django.run("CREATE VIEW bare AS SELECT id, password, email, is_active FROM people");
    target.import(&django, &["--table", "bare"]);
    assert_eq!(with_password(&target), [4, 5]);
}

#[test]
fn a_name_that_is_none_of_a_factor_is_left_out() {
    let (django, target) = (django(), ImportTarget::new());
    let options = ["--no-factor=otp_secret", "--no-factor=people_totpdevice"];
    let output = import(target.url(), &django, &[&TABLE[..], &options].concat());
    assert!(!output.stdout.contains("otp_secret"), "{output:#?}");
    assert_eq!(with_password(&target), [1, 4, 5]);
    let options = [&TABLE[..], &["--no-factor=totp"]].concat();
    let refused = program(target.url(), &django, &options).run().exits_with(1);
    refused.reports_one_error(&["--no-factor: totp", "people.two_factor_enabled"]);
}

/// Columns whose names say nothing, and a table that an option names.
#[test]
fn factors_are_told_by_their_values_and_by_an_option() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, shared text, \
             spare text, provisioning text, referral text, phone_check bool); \
         CREATE TABLE people_gadget (id integer PRIMARY KEY, owner_id integer REFERENCES people (id))",
    );
    for id in 1..=6 {
        let shared = if id == 1 {
            "'JBSWY3DPEHPK3PXP'"
        } else {
            "NULL"
        };
        let spare = if id == 2 {
            r#"'["1a2b3c4d", "2b3c4d5e", "3c4d5e6f", "4d5e6f7a"]'"#
        } else {
            "'[]'"
        };
        let url = if id == 3 {
            "'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP'"
        } else {
            "''"
        };
        django.run(&format!(
            "INSERT INTO people VALUES ({id}, '{HASH}', '{id}@example.com', true, {shared}, {spare}, {url}, \
                 'ABCDEFGHIJKLMNO{}', {})",
            id % 6 + 2,
            id == 4
        ));
    }
    django.run("INSERT INTO people_gadget VALUES (1, 5)");
    let options = ["--factor=phone_check", "--factor=people_gadget"];
    let output = import(target.url(), &django, &[&TABLE[..], &options].concat());
    for line in [
        "\n           1 people.phone_check\n",
        "\n           1 people.provisioning\n",
        "\n           1 people.shared\n",
        "\n           1 people.spare\n",
        "\n           1 people_gadget\n",
        "name it with --factor:\n    referral: 6 with a value, 0 without\n",
    ] {
        assert!(output.stdout.contains(line), "{line} in {output:#?}");
    }
    assert!(!output.stdout.contains("JBSWY3"), "{output:#?}");
    assert_eq!(with_password(&target), [6]);
    let unknown = [&TABLE[..], &["--factor=people_gadgets"]].concat();
    let refused = program(target.url(), &django, &unknown).run().exits_with(1);
    refused.reports_one_error(&["--factor: people_gadgets is neither"]);
}

/// A profile whose columns have names that say nothing.
#[test]
fn factors_of_a_profile_are_told_by_their_values_and_by_an_option() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=5 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.run(&format!(
        "UPDATE auth_user SET password = '{HASH}'; \
         CREATE TABLE shop_security (user_id integer PRIMARY KEY REFERENCES auth_user (id), k text, uri text, \
             checked bool, spare text, hidden_seed text); \
         INSERT INTO shop_security VALUES (1, 'JBSWY3DPEHPK3PXP', '', false, '[]', ''), \
             (2, '', 'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP', false, '[]', ''), (3, '', NULL, true, '[]', ''), \
             (4, '', NULL, false, '[\"1a2b3c4d\", \"2b3c4d5e\", \"3c4d5e6f\", \"4d5e6f7a\"]', ''), \
             (5, '', NULL, false, '', 'x')"
    ));
    let options = ["--factor=shop_security.checked"];
    let output = import(target.url(), &django, &options);
    for line in [
        "\n           1 shop_security.k\n",
        "\n           1 shop_security.uri\n",
        "\n           1 shop_security.checked\n",
        "\n           1 shop_security.spare\n",
        "name it with --factor:\n    shop_security.hidden_seed: 1 with a value, 4 without",
    ] {
        assert!(output.stdout.contains(line), "{line} in {output:#?}");
    }
    assert!(!output.stdout.contains("JBSWY3"), "{output:#?}");
    assert_eq!(with_password(&target), [5]);
}

/// `duo` and `otpbank` are names of applications, and the one of the user table is about users.
#[test]
fn tables_of_an_application_that_is_called_like_a_factor_are_none() {
    for application in ["authenticator", "duo", "otpbank"] {
        let (django, target) = (Django::empty(), ImportTarget::new());
        let users = format!("{application}_user");
        django.run(&format!(
            "CREATE TABLE {users} (id integer PRIMARY KEY, password text, email text, is_active bool); \
             INSERT INTO {users} VALUES (1, '{HASH}', '1@example.com', true), (2, '{HASH}', '2@example.com', true); \
             CREATE TABLE {application}_profile (id integer PRIMARY KEY, bio text, \
                 user_id integer UNIQUE REFERENCES {users} (id)); \
             INSERT INTO {application}_profile VALUES (1, 'x', 1); \
             CREATE TABLE {users}_user_permissions (id integer PRIMARY KEY, permission_id integer, \
                 user_id integer REFERENCES {users} (id)); \
             INSERT INTO {users}_user_permissions VALUES (1, 1, 1); \
             CREATE TABLE {application}_totpdevice (id integer PRIMARY KEY, \
                 user_id integer REFERENCES {users} (id)); \
             INSERT INTO {application}_totpdevice VALUES (1, 2)"
        ));
        let output = import(target.url(), &django, &["--table", &users]);
        assert_eq!(with_password(&target), [1], "{output:#?}");
        let line = format!("\n           1 {application}_totpdevice\n");
        assert!(output.stdout.contains(&line), "{output:#?}");
    }
    // In another application than that of the users.
    let (django, target) = (django(), ImportTarget::new());
    django.run(
        "CREATE TABLE duo_order (id integer PRIMARY KEY, total integer, buyer_id integer REFERENCES people (id)); \
         INSERT INTO duo_order VALUES (1, 7, 5), (2, 8, 5)",
    );
    let output = target.import(&django, &TABLE);
    let line = "\n    the table duo_order: 2 rows\n";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert!(!output.stdout.contains("2 duo_order\nA"), "{output:#?}");
    import(
        target.url(),
        &django,
        &[&TABLE[..], &["--factor=duo_order"]].concat(),
    );
    django.run("INSERT INTO people SELECT 6, password, '6@example.com', true, NULL, false, 'none', NULL, NULL FROM people WHERE id = 5");
    target.import(&django, &TABLE);
    assert_eq!(with_password(&target), [1, 2, 3, 4, 5, 6]);
}

/// An import that is repeated every night has the option no longer than it is given by hand.
#[test]
fn the_names_of_factors_are_remembered() {
    let (django, target) = (django(), ImportTarget::new());
    django.run(
        "CREATE TABLE people_gate (id integer PRIMARY KEY, owner_id integer REFERENCES people (id)); \
         INSERT INTO people_gate VALUES (1, 4)",
    );
    let add = |id: i64| {
        django.run(&format!(
            "INSERT INTO people VALUES ({id}, '{HASH}', '{id}@example.com', true, NULL, false, 'none', NULL, NULL); \
             INSERT INTO people_gate VALUES ({id}, {id})"
        ));
    };
    let run =
        |options: &[&str]| import(target.url(), &django, &[&TABLE[..], options].concat()).stdout;
    let told = "by options of earlier imports: --factor people_gate";
    // A dry run remembers nothing.
    run(&["--factor=people_gate", "--dry-run"]);
    assert!(!run(&["--dry-run"]).contains(told));
    let first = run(&["--factor=people_gate", "--no-factor=people.otp_secret"]);
    assert!(!first.contains(told), "{first}");
    assert_eq!(with_password(&target), [1, 5]);
    add(6);
    let later = run(&[]);
    assert!(
        later.contains(&format!("{told}, --no-factor otp_secret. If")),
        "{later}"
    );
    assert!(!later.contains("people.otp_secret"), "{later}");
    assert_eq!(with_password(&target), [1, 5]);
    // Without the other option, the accounts are named.
    add(7);
    let output = target.import(&django, &TABLE);
    let named = "so that a password alone lets this account in (see --require-totp):\n    7\n";
    assert!(output.stdout.contains(named), "{output:#?}");
    // The opposite option takes it back.
    let taken_back = run(&["--no-factor=people_gate", "--factor=otp_secret"]);
    assert!(!taken_back.contains("earlier imports"), "{taken_back}");
    assert_eq!(with_password(&target), [1, 4, 5, 6, 7]);
    let after = run(&[]);
    let told = "by options of earlier imports: --factor otp_secret, --no-factor people_gate";
    assert!(after.contains(told), "{after}");
    // A source without the table is imported.
    django.run("DROP TABLE people_gate");
    run(&[]);
    run(&["--factor=email_otp"]);
    django.run("ALTER TABLE people DROP COLUMN email_otp");
    let lacks = run(&[]);
    let told = "--factor email_otp (this source has no such table or column)";
    assert!(lacks.contains(told), "{lacks}");
}
