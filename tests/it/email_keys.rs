//! Accounts whose email keys an earlier version computed.

use diesel::prelude::*;
use vestibule::accounts::{NewUser, User, passwords};
use vestibule::db::schema::{account_addresses, users};

use crate::support::app::TestApp;
use crate::support::django::{Django, counts};
use crate::support::program::{Program, ProgramOutput};

const PASSWORDS: [&str; 2] = ["Correct-horse-9", "Battery-staple-7"];

impl TestApp {
    /// Adds an account with the email key of an earlier version.
    fn add_user_of_earlier_version(&self, email: &str, password: &str) -> User {
        let encoded = passwords::hash(password).expect("a hash");
        let new = NewUser {
            email_key: email.to_lowercase(),
            ..NewUser::unlinked(email.to_owned(), encoded, self.now())
        };
        self.change(|conn| new.insert(conn))
    }

    fn key_of(&self, user: &User) -> String {
        let row = users::table.find(user.id);
        self.rows(|conn| row.select(users::email_key).first(conn))
    }
}

fn run(app: &TestApp, arguments: &[&str]) -> ProgramOutput {
    let program = Program::with_settings(arguments).env("DATABASE_URL", app.database_url());
    program.run().exits_with(0)
}

#[tokio::test]
async fn migrate_updates_the_keys_once() {
    let app = TestApp::start();
    let zoe = app.add_user_of_earlier_version("Zoe\u{308}@example.com", PASSWORDS[0]);
    let ada = app.add_user_of_earlier_version("ada@M\u{fc}nchen.de", PASSWORDS[0]);
    let same = app.add_user_of_earlier_version("Ren\u{e9}@example.com", PASSWORDS[0]);
    let found = run(&app, &["check"]);
    let found = found.stdout + &found.stderr;
    assert!(
        found.contains("(accounts.W005) The emails of 2 accounts are"),
        "{found}"
    );
    // They sign in before and after, by their own spelling.
    assert!(signs_in(&app, &zoe.email, PASSWORDS[0]).await);
    let first = run(&app, &["migrate"]);
    assert!(
        first.stdout.ends_with("  Updated the keys of 2 emails."),
        "{first:?}"
    );
    assert_eq!(app.key_of(&zoe), "zo\u{eb}@example.com");
    assert_eq!(app.key_of(&ada), "ada@xn--mnchen-3ya.de");
    assert_eq!(app.key_of(&same), same.email_key);
    let second = run(&app, &["migrate"]);
    assert!(!second.stdout.contains("Updated"), "{second:?}");
    assert!(!run(&app, &["check"]).stdout.contains("accounts.W005"));
    for email in [
        "zo\u{eb}@example.com",
        "Zoe\u{308}@example.com",
        "ada@XN--mnchen-3ya.de",
    ] {
        assert!(signs_in(&app, email, PASSWORDS[0]).await, "{email}");
    }
}

/// A new key takes a further address from another account only if the address is verified.
#[tokio::test]
async fn a_new_key_takes_a_further_address_only_with_a_proof() {
    for is_verified in [true, false] {
        let app = TestApp::start();
        let ada = app.add_user("ada@example.com", true);
        let zoe = app.add_user_of_earlier_version("Zoe\u{308}@example.com", PASSWORDS[0]);
        app.change(|conn| {
            diesel::update(users::table.find(zoe.id))
                .set(users::email_verified.eq(is_verified))
                .execute(conn)?;
            diesel::insert_into(account_addresses::table)
                .values((
                    account_addresses::email_key.eq("zo\u{eb}@example.com"),
                    account_addresses::user_id.eq(i64::from(ada.id)),
                ))
                .execute(conn)
        });
        run(&app, &["migrate"]);
        assert_eq!(app.key_of(&zoe), "zo\u{eb}@example.com");
        let kept = app.count_rows("FROM account_addresses");
        assert_eq!(kept, i64::from(!is_verified));
        assert!(signs_in(&app, &zoe.email, PASSWORDS[0]).await);
    }
}

async fn signs_in(app: &TestApp, email: &str, password: &str) -> bool {
    let response = app.visitor().log_in(email, password).await;
    response.status() == reqwest::StatusCode::FOUND
}

/// Nobody is merged, and nobody gets into the account of another.
#[tokio::test]
async fn accounts_with_two_spellings_of_one_address_are_kept_apart() {
    for emails in [
        // The second one has the current key already.
        ["zoe\u{308}@example.com", "zo\u{eb}@example.com"],
        ["ada@m\u{fc}nchen.de", "ada@xn--mnchen-3ya.de"],
        // Neither has.
        ["zoe\u{308}@m\u{fc}nchen.de", "zo\u{eb}@m\u{fc}nchen.de"],
    ] {
        let app = TestApp::start();
        let add = |at: usize| app.add_user_of_earlier_version(emails[at], PASSWORDS[at]);
        let accounts = [add(0), add(1)];
        let migrated = run(&app, &["migrate"]);
        assert!(!migrated.stdout.contains("Updated"), "{migrated:?}");
        let told = format!(
            "Warning: the emails of these accounts are other spellings of another account's email: {}",
            accounts[0].id
        );
        assert!(migrated.stderr.contains(&told), "{migrated:?}");
        for at in [0, 1] {
            assert_eq!(app.key_of(&accounts[at]), accounts[at].email_key);
            assert!(
                signs_in(&app, emails[at], PASSWORDS[at]).await,
                "{}",
                emails[at]
            );
            assert!(
                !signs_in(&app, emails[at], PASSWORDS[1 - at]).await,
                "{}",
                emails[at]
            );
        }
        let found = run(&app, &["check"]);
        let found = found.stdout + &found.stderr;
        let named = format!("{} (", accounts[0].id);
        assert!(
            found.contains("accounts.W005") && found.contains(&named),
            "{found}"
        );
    }
}

#[tokio::test]
async fn an_import_compares_emails_by_their_current_keys() {
    let (django, app) = (Django::new(), TestApp::start());
    app.add_user_of_earlier_version("zoe\u{308}@example.com", PASSWORDS[0]);
    for (id, email) in [
        (1_000_001, "Zo\u{eb}@example.com"),
        (1_000_002, "ada@m\u{fc}nchen.de"),
        (1_000_003, "ada@xn--mnchen-3ya.de"),
    ] {
        django.add(id, email);
    }
    let output = run(&app, &["import-django", "--from", django.url()]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 2]);
    assert!(
        output.stdout.contains("2 emails belong to another account"),
        "{output:?}"
    );
}

/// A long name in another script would take seconds to fold.
#[tokio::test]
async fn a_name_longer_than_any_email_finds_nobody() {
    for field in ["email", "username"] {
        let app = TestApp::builder().setting("LOGIN_FIELD", field).start();
        let name = |length: usize| format!("{}@example.com", "z".repeat(length - 12));
        for length in [254, 255] {
            app.add_user_with_username(&"n".repeat(length), &name(length), PASSWORDS[0]);
        }
        let password = PASSWORDS[0];
        assert!(signs_in(&app, &name(254), password).await, "{field}");
        let long = format!("ada@{}", "\u{43f}".repeat(8_000));
        for long in [&name(255), &"n".repeat(255), &long] {
            assert!(!signs_in(&app, long, password).await, "{field}");
            let body = serde_json::json!({ field: long, "password": password });
            let reply = app.visitor().post_json("/api/token", &body).await;
            assert_eq!(reply.status, 401, "{field}");
        }
    }
}
