//! What the report says about columns and tables that an import does not read.

use super::allauth_factors::import;
use crate::support::django::{Django, ImportTarget};
use crate::support::real_django::RealAllauth;

/// Six accounts with these columns, whose values depend on the id.
fn people(columns: &str, values: &str) -> Django {
    let django = Django::empty();
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, {columns}); \
         INSERT INTO people SELECT n, 'a', n || '@example.com', true, {values} FROM \
             (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6) AS numbers"
    ));
    django
}

const TABLE: [&str; 2] = ["--table", "people"];
const WORDS: &str = "CASE WHEN n < 4 THEN 'active' WHEN n < 6 THEN 'banned' END";

#[test]
fn the_values_of_a_column_with_words_are_counted() {
    let (django, target) = (people("status text", WORDS), ImportTarget::new());
    let asked = target.program(django.url(), &TABLE).run().exits_with(1);
    let values = "active (3), banned (2), no value (1)";
    asked.reports_one_error(&[&format!("Values of status: {values}. ")]);
    let options = [&TABLE[..], &["--active-column=status=active", "--dry-run"]].concat();
    let dry = target.import(&django, &options);
    let line =
        format!("Values of columns that close accounts:\n    status: {values}; open: active");
    assert!(dry.stdout.contains(&line), "{dry:#?}");
    assert!(dry.stdout.contains("3 open\n"), "{dry:#?}");
    assert!(target.users().is_empty());
}

/// A name says nothing, and the values do.
#[test]
fn a_column_whose_values_say_closed_is_asked_about() {
    let (django, target) = (people("phase text", WORDS), ImportTarget::new());
    let asked = target.program(django.url(), &TABLE).run().exits_with(1);
    asked.reports_one_error(&["--active-column phase=VALUE", "banned (2)"]);
    // Also in a column whose name is about something else, unless it is a setting and the value says so of many.
    let (django, target) = (people("email_state text", WORDS), ImportTarget::new());
    let asked = target.program(django.url(), &TABLE).run().exits_with(1);
    asked.reports_one_error(&["--active-column email_state=VALUE", "banned (2)"]);
    let words = WORDS.replace("banned", "disabled");
    let (django, target) = (people("email_state text", &words), ImportTarget::new());
    let output = target.import(&django, &TABLE);
    assert!(
        output
            .stdout
            .contains("\n    email_state: active (3), disabled (2)"),
        "{output:#?}"
    );
}

#[test]
fn columns_with_few_values_are_listed_and_secrets_are_not() {
    let columns = "visible bool, hand text, api_key text, bio text";
    let values = "n < 3, CASE WHEN n < 3 THEN 'left' ELSE 'right' END, 'ABC', 'I am ' || n";
    let (django, target) = (people(columns, values), ImportTarget::new());
    let output = target.import(&django, &TABLE);
    for part in [
        "Columns that close nothing here",
        "\n    visible: ",
        "\n    hand: right (4), left (2)",
    ] {
        assert!(output.stdout.contains(part), "{part} in {output:#?}");
    }
    for part in ["ABC", "I am"] {
        assert!(!output.stdout.contains(part), "{part} in {output:#?}");
    }
}

#[test]
fn columns_of_profiles_and_child_models_are_named() {
    let (django, target) = (people("nickname text", "'x'"), ImportTarget::new());
    django.run(
        "CREATE TABLE shop_profile (id integer PRIMARY KEY, user_id integer UNIQUE REFERENCES people (id), \
             is_banned text, deleted_at text, otp_secret text, bio text); \
         INSERT INTO shop_profile VALUES (1, 1, 'no', NULL, 'ABC', 'x'), (2, 2, 'no', NULL, '', 'x'), \
             (3, 3, 'yes', NULL, '', 'x'), (4, 4, 'yes', NULL, '', 'x'); \
         CREATE TABLE shop_customer (user_ptr_id integer PRIMARY KEY REFERENCES people (id), status text); \
         INSERT INTO shop_customer VALUES (1, 'gone'), (2, 'gone'); \
         CREATE TABLE shop_order (id integer PRIMARY KEY, user_id integer REFERENCES people (id), status text); \
         INSERT INTO shop_order VALUES (1, 1, 'paid'), (2, 1, 'paid')",
    );
    let output = target.import(&django, &TABLE);
    for part in [
        "Columns of other tables that may close accounts",
        "\n    shop_profile.is_banned: no (2), yes (2)\n",
        "\n           1 shop_profile.otp_secret\n",
        "\n    shop_customer.status: gone (2)",
    ] {
        assert!(output.stdout.contains(part), "{part} in {output:#?}");
    }
    for part in ["shop_order.status", "deleted_at", "ABC"] {
        assert!(!output.stdout.contains(part), "{part} in {output:#?}");
    }
}

/// `dumpdata` without `--all` leaves out what the default manager hides.
#[test]
fn accounts_that_a_dump_lacks_are_counted() {
    let (django, target) = (people("nickname text", "'x'"), ImportTarget::new());
    target.import(&django, &TABLE);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.json");
    let user = |key: i64| {
        let email = format!("{key}@example.com");
        let fields = serde_json::json!({ "password": "a", "email": email, "is_active": true });
        serde_json::json!({ "model": "people", "pk": key, "fields": fields })
    };
    let import = |users: &[i64]| {
        let users: Vec<_> = users.iter().map(|key| user(*key)).collect();
        let dump = serde_json::Value::from(users).to_string();
        std::fs::write(&path, dump).unwrap();
        let program = target.program(path.to_str().unwrap(), &TABLE);
        program.run().exits_with(0).stdout
    };
    let partial = import(&[1, 2, 3, 4]);
    let line =
        "Missing rows: open accounts here that are not in the dump: 2. Nothing was done with them.";
    assert!(partial.contains(line), "{partial}");
    assert!(!import(&[1, 2, 3, 4, 5, 6]).contains("Missing rows"));
}

#[test]
fn accounts_that_providers_let_in_without_a_code_are_counted() {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    let before = import(target.url(), &django, &["--dry-run"]).stdout;
    let remark = "Second factors: a code is asked for after a password, and not after a sign-in through Google";
    assert!(before.contains(remark), "{before}");
    // Every account has an identity at a provider.
    django.run(
        "DELETE FROM socialaccount_socialaccount; \
         INSERT INTO socialaccount_socialaccount (id, provider, uid, last_login, date_joined, extra_data, user_id) \
             SELECT 1000 + id, 'google', 'g' || id, date_joined, date_joined, '{}', id FROM auth_user",
    );
    let output = import(target.url(), &django, &[]).stdout;
    let line =
        "accounts with a second factor in Django that also sign in through Google, Okta or WorkOS";
    assert!(output.contains(line), "{output}");
}

/// Only the values of closed accounts are named.
#[test]
fn the_values_of_closed_accounts_close_them() {
    let words = "CASE n WHEN 1 THEN 'active' WHEN 2 THEN 'trial' WHEN 3 THEN 'banned' WHEN 4 THEN ' gone' END";
    let (django, target) = (people("status text", words), ImportTarget::new());
    let run = |options: &[&str]| {
        let options = [&TABLE[..], options].concat();
        target.program(django.url(), &options).run()
    };
    let asked = run(&[]).exits_with(1);
    asked.reports_one_error(&[
        "--active-column status=VALUE",
        "or --closed-column COLUMN=VALUE",
    ]);
    // `gone` says that an account is closed too, and a misspelt value closes nobody.
    for options in [
        &["--closed-column=status=banned"][..],
        &["--closed-column=status=baned"],
    ] {
        let refused = run(options).exits_with(1);
        refused.reports_one_error(&[
            "--closed-column status=VALUE: status has further values",
            "gone",
            "Values of status",
        ]);
    }
    let both = [
        "--closed-column=status=banned",
        "--closed-column=status=gone",
    ];
    let output = run(&both).exits_with(0);
    let line = "Values of columns that close accounts:\n    status: ";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert!(
        output.stdout.contains("; closed: banned, gone"),
        "{output:#?}"
    );
    let open = |target: &ImportTarget| -> Vec<i64> {
        let users = target.users().into_iter();
        users
            .filter(|user| user.is_active)
            .map(|user| user.id.into())
            .collect()
    };
    assert_eq!(open(&target), [1, 2, 5, 6]);
    // No value can be forgotten.
    for (options, missing) in [
        (
            &["--all-active"][..],
            "--closed-column status=banned --closed-column status=gone;",
        ),
        (
            &["--closed-column=status=banned", "--all-active"],
            "--closed-column status=gone;",
        ),
    ] {
        let refused = run(options).exits_with(1);
        refused.reports_one_error(&["an earlier import of people passed", missing]);
    }
    assert_eq!(open(&target), [1, 2, 5, 6]);
    // Both options: a value that neither names closes the account.
    let other = ImportTarget::new();
    let options = [
        "--table",
        "people",
        "--closed-column=status=banned",
        "--active-column=status=active",
    ];
    other.import(&django, &options);
    assert_eq!(open(&other), [1]);
}

#[test]
fn a_long_list_of_accounts_is_shortened() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.run(
        "CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, user_id integer REFERENCES auth_user (id))",
    );
    for id in 1..=12 {
        django.add(id, &format!("{id}@example.com"));
        django.set(
            id,
            "password = 'pbkdf2_sha256$1000$Salz-u$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM='",
        );
        django.run(&format!("INSERT INTO shop_totpdevice VALUES ({id}, {id})"));
    }
    let short = "in (see --require-totp):\n    12 accounts, which a run with --verbose names, with --dry-run too: \
                 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …\n";
    let output = target.import_with_dry_run(&django, &[]);
    assert!(output.stdout.contains(short), "{output:#?}");
    let all = "in (see --require-totp):\n    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12\n";
    let output = target.import_with_dry_run(&django, &["--verbose"]);
    assert!(output.stdout.contains(all), "{output:#?}");
}
