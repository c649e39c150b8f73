//! Usernames, and accounts without an email.

use diesel::prelude::*;
use serde_json::json;
use vestibule::accounts::User;
use vestibule::db::schema::users;
use vestibule::settings::LoginField;

use super::add_local_account;
use super::batches::{SIZES, run};
use crate::support::app::TestApp;
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::{Program, ProgramOutput};
use crate::support::real_django::RealDjango;
use crate::support::tokens::token_part;

const WITHOUT_EMAIL: &str = "imported without an email: Django has none, or an invalid one";

#[track_caller]
fn import(target: &ImportTarget, django: &Django, options: &[&str]) -> ProgramOutput {
    let program = target.program(django.url(), options);
    program.env("LOGIN_FIELD", "username").run().exits_with(0)
}

fn username(user: &User) -> Option<&str> {
    user.username.as_deref()
}

#[test]
fn usernames_are_imported_exactly_and_follow_django() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for (id, name) in [(1, "Ann"), (2, "ann"), (3, "Zoë "), (4, "")] {
        django.add(id, &format!("{id}@example.com"));
        django.set(id, &format!("username = '{name}'"));
    }
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [4, 0, 0, 0]);
    let users = target.users();
    let names: Vec<_> = users.iter().map(username).collect();
    assert_eq!(names, [Some("Ann"), Some("ann"), Some("Zoë "), None]);
    django.set(1, "username = 'anna'");
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 1, 3, 0]);
    assert_eq!(username(&target.user(1)), Some("anna"));
    let other_column = ["--column", "username=first_name", "--dry-run"];
    let renamed = target.import(&django, &other_column);
    assert_eq!(counts(&renamed, 0), [0, 4, 0, 0]);
}

#[test]
fn with_usernames_an_account_may_lack_an_email() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for (id, email) in [(1, ""), (2, "no email"), (3, "ann@example.com"), (4, "")] {
        django.add(id, email);
    }
    django.set(4, "username = ''");
    let refused = target.import(&django, &["--dry-run"]);
    assert_eq!(counts(&refused, 0), [1, 0, 0, 3]);
    let output = import(&target, &django, &["--emails-verified"]);
    assert_eq!(counts(&output, 0), [3, 0, 0, 1]);
    let note = format!("2 accounts {WITHOUT_EMAIL}: 1, 2");
    assert!(output.stdout.contains(&note), "{output:#?}");
    for id in [1, 2] {
        let user = target.user(id);
        assert_eq!((user.email.as_str(), user.email_verified), ("", false));
        assert_eq!(user.email_key, format!("NONE:{id}"));
    }
    let again = import(&target, &django, &["--emails-verified"]);
    assert_eq!(counts(&again, 0), [0, 0, 3, 1]);
    // An email that Django has later comes over.
    django.set(1, "email = 'Late@example.com'");
    let later = import(&target, &django, &["--emails-verified"]);
    assert_eq!(counts(&later, 0), [0, 1, 2, 1]);
    let user = target.user(1);
    assert_eq!(user.email_key, "late@example.com");
    assert!(user.email_verified);
}

#[test]
fn a_username_that_another_account_has_is_refused_or_left_out() {
    let (django, target) = (Django::new(), ImportTarget::new());
    let local = add_local_account(&target, "here@example.com");
    target.change(|conn| {
        diesel::update(users::table.find(local))
            .set(users::username.eq("user8"))
            .execute(conn)
    });
    for id in [7, 8] {
        django.add(id, &format!("{id}@example.com"));
    }
    let refused = import(&target, &django, &["--dry-run"]);
    assert_eq!(counts(&refused, 0), [1, 0, 0, 1]);
    let line = format!("1 username belongs to another account: 8 (by {local})");
    assert!(refused.stdout.contains(&line), "{refused:#?}");
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [2, 0, 0, 0]);
    let line = "1 account imported without its username, which another account has: 8";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert_eq!(username(&target.user(8)), None);
    assert_eq!(username(&target.user(7)), Some("user7"));
}

#[test]
fn a_table_without_usernames_needs_the_setting_or_the_column() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(
        "CREATE TABLE people (id integer NOT NULL PRIMARY KEY, password varchar(128), handle varchar(150), \
             is_active bool NOT NULL); \
         INSERT INTO people VALUES (7, 'made-up', 'ann', true)",
    );
    let table = ["--table", "people"];
    let program = target.program(django.url(), &table);
    let missing = program.env("LOGIN_FIELD", "username").run().exits_with(1);
    missing.reports_one_error(&["no column username", "--column username=COLUMN"]);
    let options = [&table[..], &["--column", "username=handle"]].concat();
    let output = import(&target, &django, &options);
    assert_eq!(counts(&output, 0), [1, 0, 0, 0]);
    assert_eq!(username(&target.user(7)), Some("ann"));
}

/// A table of a real Django whose users have a username and no email: they sign in with it.
#[tokio::test]
async fn a_real_table_without_emails_is_imported_and_signs_in() {
    let (django, _) = RealDjango::on_this_runs_backend();
    let app = TestApp::builder()
        .setting("LOGIN_FIELD", "username")
        .start();
    let arguments = [
        "import-django",
        "--from",
        django.url(),
        "--table",
        "people_subscriber",
    ];
    let program = Program::new(&arguments).env("DATABASE_URL", app.database_url());
    let output = program.env("LOGIN_FIELD", "username").run().exits_with(0);
    assert_eq!(counts(&output, 0), [2, 0, 0, 0]);
    for (name, status) in [
        ("bob", 200),
        ("Ada@example.com", 200),
        ("ada@example.com", 401),
        ("Bob", 401),
    ] {
        let body = json!({ "username": name, "password": "Correct-horse-9" });
        let pair = app.visitor().post_json("/api/token/", &body).await;
        assert_eq!(pair.status, status, "{name}: {pair:?}");
    }
}

/// The email that is kept in the username becomes both; a username that is none stays a username.
#[test]
fn an_email_in_the_username_becomes_the_email_too() {
    let (django, _) = RealDjango::on_this_runs_backend();
    let target = ImportTarget::new();
    let options = ["--table", "people_subscriber", "--column", "email=username"];
    let output = import(&target, &django, &options);
    assert_eq!(counts(&output, 0), [2, 0, 0, 0]);
    let (ada, bob) = (target.user(1), target.user(2));
    assert_eq!(ada.email_key, "ada@example.com");
    assert_eq!(username(&ada), Some("Ada@example.com"));
    assert_eq!((bob.email.as_str(), username(&bob)), ("", Some("bob")));
}

const AMBIGUOUS: &str = "username that is the email of another account, so that a log-in with it finds these accounts, and not \
     the owners of the emails; change it in Django and import again:\n    5, 7\n";

/// A username may be another account's email, whichever of the two accounts has the lower key.
#[test]
fn usernames_that_are_emails_of_other_accounts_are_named() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for (id, name) in [
        (5, "6@EXAMPLE.com"),
        (6, "6@example.com"),
        (7, "here@example.com"),
        (8, "nobody@example.com"),
    ] {
        django.add(id, &format!("{id}@example.com"));
        django.set(id, &format!("username = '{name}'"));
    }
    add_local_account(&target, "here@example.com");
    let dry = import(&target, &django, &["--dry-run"]);
    let first = import(&target, &django, &[]);
    let again = import(&target, &django, &[]);
    for output in [dry, first, again] {
        assert!(
            format!("{}\n", output.stdout).contains(AMBIGUOUS),
            "{output:#?}"
        );
    }
    // Without the setting, no username signs in.
    let output = target.import(&django, &[]);
    assert!(
        !output.stdout.contains("email of another account"),
        "{output:#?}"
    );
    let check = |field: &str| {
        let program = Program::with_settings(&["check"]).env("LOGIN_FIELD", field);
        let output = program.env("DATABASE_URL", target.url()).run();
        output.stdout + &output.stderr
    };
    let found = check("username");
    let told = "(accounts.W006) LOGIN_FIELD is username. The usernames of 2 accounts are another account's email, and \
         log-ins with that text find the account with the username: 5 (6@EXAMPLE.com), 7 (here@example.com).";
    assert!(found.contains(told), "{found}");
    assert!(!check("email").contains("accounts.W006"));
}

#[test]
fn a_table_without_emails_leads_to_the_setting() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run("CREATE TABLE people (id integer PRIMARY KEY, username text, password text, is_active bool)");
    let output = target.program(django.url(), &["--table", "people"]).run();
    output
        .exits_with(1)
        .reports_one_error(&["no column email", "set LOGIN_FIELD=username; otherwise"]);
}

/// A username is enough to sign in, so an email that another account has is left out.
#[test]
fn an_email_that_another_account_has_is_left_out() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=3 {
        django.add(id, "ann@example.com");
    }
    django.set(1, "is_active = false");
    django.set(3, "username = ''");
    let dry = import(&target, &django, &["--dry-run", "--emails-verified"]);
    let first = import(&target, &django, &["--emails-verified"]);
    let line = "2 accounts imported without their emails, which other accounts have: ";
    for output in [&dry, &first] {
        assert_eq!(counts(output, 0), [2, 0, 0, 1], "{output:#?}");
        let line = "1 account imported without its email, which another account has: 1\n";
        assert!(output.stdout.contains(line), "{output:#?}");
    }
    let (one, two) = (target.user(1), target.user(2));
    assert_eq!((one.email.as_str(), one.email_verified), ("", false));
    assert_eq!(username(&one), Some("user1"));
    assert_eq!(two.email_key, "ann@example.com");
    // A later run says so again, and brings the email when it is free.
    django.add(4, "Ann@example.com");
    let again = import(&target, &django, &["--emails-verified"]);
    assert_eq!(counts(&again, 0), [1, 0, 2, 1], "{again:#?}");
    assert!(again.stdout.contains(line), "{again:#?}");
    django.set(2, "email = 'free@example.com'");
    django.run("DELETE FROM auth_user WHERE id IN (3, 4)");
    import(&target, &django, &["--emails-verified"]);
    import(&target, &django, &["--emails-verified"]);
    assert_eq!(target.user(1).email_key, "ann@example.com");
    // Without the setting, the email is needed.
    let emails = ImportTarget::new();
    django.add(5, "free@example.com");
    let output = emails.import(&django, &[]);
    assert_eq!(counts(&output, 0), [2, 0, 0, 1]);
}

/// A closed account gets no log-ins, so that nobody need be told about its email.
#[tokio::test]
async fn a_username_that_is_an_email_signs_in_and_is_named_while_the_email_is_in_use() {
    let app = TestApp::builder()
        .setting("LOGIN_FIELD", "username")
        .start();
    let django = Django::new();
    let hash = vestibule::accounts::passwords::hash("Correct-horse-9").unwrap();
    for id in [5, 6] {
        django.add(id, &format!("{id}@example.com"));
        django.set(id, &format!("password = '{hash}'"));
    }
    django.set(5, "username = '6@example.com'");
    let arguments = ["import-django", "--from", django.url()];
    let body = json!({ "username": "6@example.com", "password": "Correct-horse-9" });
    for is_active in [true, false] {
        django.set(6, &format!("is_active = {is_active}"));
        let program = Program::new(&arguments).env("DATABASE_URL", app.database_url());
        let output = program.env("LOGIN_FIELD", "username").run().exits_with(0);
        let told = "username that is the email of another account, so that a log-in with it finds this account";
        assert_eq!(output.stdout.contains(told), is_active, "{output:#?}");
        let check = Program::with_settings(&["check"]).env("LOGIN_FIELD", "username");
        let check = check.env("DATABASE_URL", app.database_url()).run();
        let found = check.stdout + &check.stderr;
        assert_eq!(found.contains("accounts.W006"), is_active, "{found}");
        let pair = app.visitor().post_json("/api/token/", &body).await;
        assert_eq!(pair.status, 200, "{pair:?}");
        let claims = token_part(pair.json["access"].as_str().unwrap(), 1);
        assert_eq!(claims["user_id"], "5");
    }
}

/// 2 gets the email that 1 no longer has, whichever of them is read first.
#[test]
fn an_email_that_django_removes_is_given_up() {
    for (one, two) in [(1, 2), (2, 1)] {
        for size in SIZES {
            let (django, target) = (Django::new(), ImportTarget::new());
            django.add(one, "x@example.com");
            django.add(two, "other@example.com");
            django.add(3, "");
            run(&target, &django, size, LoginField::Username, false);
            target.change(|conn| {
                diesel::update(users::table)
                    .set(users::email_verified.eq(true))
                    .execute(conn)
            });
            django.set(one, "email = ''");
            django.set(two, "email = 'x@example.com'");
            django.set(3, "first_name = 'New'");
            let dry = run(&target, &django, size, LoginField::Username, true);
            let real = run(&target, &django, size, LoginField::Username, false);
            assert_eq!(dry, real, "{size}");
            let line =
                format!("1 email that Django has removed, so that this account has none: {one}");
            assert!(real.contains(&line), "{real}");
            assert!(real.contains("updated              3\n"), "{real}");
            let [one, two, three] = [one, two, 3].map(|id| target.user(id));
            assert_eq!(
                (one.email.as_str(), one.email_verified),
                ("", false),
                "{size}"
            );
            assert_eq!(two.email, "x@example.com", "{size}");
            assert_eq!(three.first_name, "New", "{size}");
            let again = run(&target, &django, size, LoginField::Username, false);
            assert!(again.contains("unchanged            3\n"), "{again}");
            assert!(!again.contains("has removed"), "{again}");
        }
    }
}

/// An invalid email may be a slip, a run without the column says nothing, and what was changed here stays.
#[test]
fn an_email_stays_if_django_has_not_removed_it() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=4 {
        django.add(id, &format!("{id}@example.com"));
    }
    import(&target, &django, &[]);
    django.run(
        "CREATE VIEW bare AS SELECT id, username, password, is_active, date_joined FROM auth_user",
    );
    let options = [
        "--table",
        "bare",
        "--renamed-from",
        "auth_user",
        "--dry-run",
    ];
    let output = import(&target, &django, &options);
    assert_eq!(counts(&output, 0), [0, 0, 4, 0], "{output:#?}");
    target.change(|conn| {
        diesel::update(users::table.find(2))
            .set(users::first_name.eq("Here"))
            .execute(conn)?;
        diesel::update(users::table.find(3))
            .set(users::workos_user_id.eq("user_3"))
            .execute(conn)
    });
    django.run("UPDATE auth_user SET email = '', first_name = 'New'");
    django.set(1, "email = 'no email'");
    import(&target, &django, &[]);
    let users = target.users().into_iter();
    let found: Vec<_> = users.map(|user| (user.email, user.first_name)).collect();
    let expected = [
        ("1@example.com", "New"),
        ("2@example.com", "Here"),
        ("3@example.com", "First 3"),
        ("", "New"),
    ];
    let expected = expected.map(|(email, name)| (email.to_owned(), name.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn a_project_without_emails_is_told_of_the_setting() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for (id, email) in [(1, ""), (2, ""), (3, "3@example.com")] {
        django.add(id, email);
    }
    let told =
        "Emails: 2 of 3 rows have none. If users sign in with a username, set LOGIN_FIELD=username";
    let output = target.import_with_dry_run(&django, &[]);
    assert!(output.stdout.contains(told), "{output:#?}");
    let output = import(&target, &django, &[]);
    assert!(!output.stdout.contains("Emails:"), "{output:#?}");
    django.set(1, "email = '1@example.com'");
    let output = target.import(&django, &[]);
    assert!(!output.stdout.contains("Emails:"), "{output:#?}");
}
