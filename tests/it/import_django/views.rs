//! A view as the table, and what its accounts have in tables that refer to the table below it.

use vestibule::accounts::passwords::is_usable;

use super::allauth_factors::{factors, import, program};
use crate::support::django::{Django, ImportTarget};
use crate::support::real_django::RealAllauth;

const HASH: &str = "pbkdf2_sha256$1000$Salz-u$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
const VIEW: [&str; 4] = ["--table", "people", "--view-of", "auth_user"];

/// A real table with django-allauth's tables, whose bans are in another one.
fn with_bans() -> Django {
    let (django, _) = RealAllauth::on_this_runs_backend();
    django.run(
        "CREATE TABLE bans (account integer, banned bool); \
         INSERT INTO bans SELECT id, id = 6 FROM auth_user; \
         CREATE VIEW people AS SELECT auth_user.*, banned FROM auth_user JOIN bans ON account = auth_user.id",
    );
    django
}

#[test]
fn a_view_brings_the_state_of_accounts_and_its_table_the_factors() {
    let (plain, target) = (ImportTarget::new(), ImportTarget::new());
    let django = with_bans();
    import(plain.url(), &django, &[]);
    let options = [&VIEW[..], &["--closed-column", "banned"]].concat();
    let output = import(target.url(), &django, &options);
    assert!(!target.user(6).is_active && plain.user(6).is_active);
    assert_eq!(factors(&target), factors(&plain));
    assert_eq!(factors(&target), [5, 6]);
    // Addresses, identities and groups too, and the same passwords are withheld.
    for part in [
        "further email address",
        "identit",
        "second factor that does not exist here",
    ] {
        assert!(output.stdout.contains(part), "{part} in {output:#?}");
    }
    let usable = |target: &ImportTarget| {
        let users = target.users().into_iter();
        users
            .map(|user| is_usable(&user.password))
            .collect::<Vec<_>>()
    };
    assert_eq!(usable(&target), usable(&plain));
    // Without the option, the error names it.
    let without = ["--table", "people", "--closed-column", "banned"];
    let refused = program(target.url(), &django, &without).run();
    refused
        .exits_with(1)
        .reports_one_error(&["--require-totp: people is a view", "--view-of"]);
}

#[test]
fn columns_of_factors_that_the_view_lacks_are_read() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(&format!(
        "CREATE TABLE people (number integer PRIMARY KEY, pass text, mail text UNIQUE, otp_secret text); \
         INSERT INTO people VALUES (1, '{HASH}', '1@example.com', 'ABC'), (2, '{HASH}', '2@example.com', NULL), \
             (3, '{HASH}', '3@example.com', NULL); \
         CREATE TABLE people_totpdevice (id integer PRIMARY KEY, owner text REFERENCES people (mail)); \
         INSERT INTO people_totpdevice VALUES (1, '2@example.com'); \
         CREATE VIEW accounts AS SELECT number AS id, pass AS password, lower(mail) AS email, true AS is_active FROM people",
    ));
    let options = ["--table", "accounts", "--view-of", "people"];
    let output = target.import(&django, &options);
    for line in [
        "1 people.otp_secret\n",
        "1 people_totpdevice\n",
        "(see --require-totp):\n    1, 2\n",
    ] {
        assert!(output.stdout.contains(line), "{line} in {output:#?}");
    }
}

#[test]
fn another_table_than_that_of_the_view_is_refused() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=2 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.run(
        "CREATE TABLE other (id integer PRIMARY KEY, password text); \
         INSERT INTO other VALUES (1, 'made-up$1'), (2, 'changed'); \
         CREATE TABLE pairs (a integer, b integer, PRIMARY KEY (a, b)); \
         CREATE VIEW people AS SELECT * FROM auth_user",
    );
    for (table, base, problem) in [
        (
            "people",
            "other",
            "1 rows of people have a key or a password that no row of other has",
        ),
        ("people", "nothing", "there is no table nothing"),
        ("people", "pairs", "no primary key of one column"),
        ("auth_user", "auth_user", "auth_user is no view"),
    ] {
        let options = ["--table", table, "--view-of", base];
        let refused = target.program(django.url(), &options).run().exits_with(1);
        refused.reports_one_error(&["--view-of: ", problem]);
    }
    assert!(target.users().is_empty());
}

/// What the view leaves out may close accounts.
#[test]
fn columns_that_may_close_accounts_and_that_the_view_lacks_are_asked_about() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(&format!(
        "CREATE TABLE shop_user (id integer PRIMARY KEY, password text, email text, is_active bool, is_banned bool, \
             plan text, pass_hash text); \
         INSERT INTO shop_user VALUES (1, '{HASH}', '1@example.com', true, false, 'free', 'hidden'), \
             (2, '{HASH}', '2@example.com', true, true, 'free', 'hidden'), \
             (3, '{HASH}', '3@example.com', false, false, 'paid', 'hidden'), \
             (4, '{HASH}', '4@example.com', false, false, 'paid', 'other'); \
         CREATE VIEW people AS SELECT id, password, email, is_active FROM shop_user; \
         CREATE VIEW bare AS SELECT id, password, email FROM shop_user; \
         CREATE VIEW own AS SELECT id, password, email, is_active AND NOT is_banned AS usable FROM shop_user; \
         CREATE VIEW everything AS SELECT * FROM shop_user",
    ));
    let options = |table, more: &[&'static str]| {
        [&["--table", table, "--view-of", "shop_user"], more].concat()
    };
    let refused = |table, more: &[&'static str], parts: &[&str]| {
        let refused = target.program(django.url(), &options(table, more)).run();
        let parts = [&["shop_user, on which", table], parts].concat();
        refused.exits_with(1).reports_one_error(&parts);
    };
    refused(
        "people",
        &[],
        &["--view-of: ", "lacks: is_banned.", "--all-active"],
    );
    refused(
        "bare",
        &[],
        &["lacks: is_active, is_banned.", "--all-active"],
    );
    refused("bare", &["--all-active"], &["has is_active"]);
    assert!(target.users().is_empty());
    let all = options("everything", &["--closed-column", "is_banned"]);
    let output = target.import(&django, &all);
    assert!(!output.stdout.contains("shop_user."), "{output:#?}");
    let open = |target: &ImportTarget| {
        let open = target.users().into_iter().filter(|user| user.is_active);
        open.map(|user| user.id.into()).collect::<Vec<i64>>()
    };
    assert_eq!(open(&target), [1]);
    // A view may say it in a column of its own.
    let other = ImportTarget::new();
    let own = options("own", &["--active-column", "usable", "--all-active"]);
    let output = other.import(&django, &own);
    assert_eq!(open(&other), [1]);
    for line in [
        "shop_user.is_banned: ",
        "shop_user.plan: free (2), paid (2)",
    ] {
        assert!(output.stdout.contains(line), "{line} in {output:#?}");
    }
    assert!(!output.stdout.contains("hidden"), "{output:#?}");
}
