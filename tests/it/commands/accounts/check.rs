//! The findings of `vestibule check` about accounts.

use diesel::prelude::*;
use vestibule::accounts::passwords;
use vestibule::db::schema::users;

use super::{GOOD, MigratedDatabase};
use crate::support::program::Program;

const PBKDF2: &str = "pbkdf2_sha256$1$seasalt$Ic/q6O7anGS3lBPjJO/afdYW6a5xuGPSQ7iD5xoe4Uk=";
const BCRYPT: &str = "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuOtpIlRD.AVjVtoIZaQgsFAj6fS/sgBK";
const FINE: &str = "System check identified no issues (0 silenced).";

/// The output of `check` with this PASSWORD_LOGIN; warnings do not make it fail.
fn check(accounts: &MigratedDatabase, password_login: &str) -> String {
    let output = Program::with_settings(&["check"])
        .env("DATABASE_URL", accounts.test.url())
        .env("PASSWORD_LOGIN", password_login)
        .run()
        .exits_with(0);
    assert_eq!(output.stderr, "");
    output.stdout
}

#[track_caller]
fn assert_count(accounts: &MigratedDatabase, password_login: &str, expected: usize) {
    let text = check(accounts, password_login);
    let accounts = match expected {
        0 => return assert!(!text.contains("accounts.W001"), "{password_login}: {text}"),
        1 => "1 active account".to_owned(),
        many => format!("{many} active accounts"),
    };
    let line = format!("(accounts.W001) {accounts} cannot sign in, ");
    assert!(text.contains(&line), "{password_login}: {text}");
}

#[test]
fn accounts_without_a_sign_in_method_are_counted_by_the_policy() {
    let accounts = MigratedDatabase::new();
    let good = passwords::hash(GOOD).unwrap();
    accounts.add("password@example.com", &good);
    accounts.add("super@example.com", &good);
    accounts.set("super@example.com", |conn, id| {
        let row = users::table.find(id);
        diesel::update(row)
            .set(users::is_superuser.eq(true))
            .execute(conn)
    });
    accounts.add("linked@example.com", "!unusable");
    accounts.set("linked@example.com", |conn, id| {
        let row = users::table.find(id);
        let linked = users::workos_user_id.eq(Some("user_made_up"));
        diesel::update(row).set(linked).execute(conn)
    });
    accounts.add("closed@example.com", "!unusable");
    accounts.set("closed@example.com", |conn, id| {
        let row = users::table.find(id);
        diesel::update(row)
            .set(users::is_active.eq(false))
            .execute(conn)
    });
    assert_eq!(check(&accounts, "unlinked"), FINE);
    assert_eq!(check(&accounts, "all"), FINE);
    assert_count(&accounts, "superusers", 1);
    assert_count(&accounts, "off", 2);
    for (email, password) in [
        ("unusable@example.com", "!unusable"),
        (
            "unknown@example.com",
            "md5$salt$d41d8cd98f00b204e9800998ecf8427e",
        ),
        ("broken@example.com", "argon2$argon2id$v=19$m=1,t=1"),
        ("no address", &good),
    ] {
        accounts.add(email, password);
    }
    assert_count(&accounts, "unlinked", 4);
    assert_count(&accounts, "all", 4);
    assert_count(&accounts, "superusers", 5);
    assert_count(&accounts, "off", 6);
    let text = check(&accounts, "off");
    assert!(text.contains("vestibule changepassword EMAIL"), "{text}");
    let named = "permits: password@example.com, super@example.com, unusable@example.com, unknown@example.com, broken@example.com, and 1 more.";
    assert!(text.contains(named), "{text}");
    let text = check(&accounts, "all");
    let named = ": unusable@example.com, unknown@example.com, broken@example.com, no address.";
    assert!(text.contains(named), "{text}");
}

#[test]
fn weaker_hashes_are_counted_by_scheme_and_never_shown() {
    let accounts = MigratedDatabase::new();
    accounts.add("current@example.com", &passwords::hash(GOOD).unwrap());
    assert_eq!(check(&accounts, "unlinked"), FINE);
    accounts.add("first@example.com", BCRYPT);
    let one = check(&accounts, "unlinked");
    let told = "(accounts.W002) 1 stored password hash is weaker than argon2 with the current parameters: bcrypt_sha256 1.";
    assert!(one.contains(told), "{one}");
    accounts.add("second@example.com", PBKDF2);
    accounts.add("third@example.com", PBKDF2);
    let text = check(&accounts, "unlinked");
    let told = "(accounts.W002) 3 stored password hashes are weaker than argon2 with the current parameters: pbkdf2_sha256 2, bcrypt_sha256 1.";
    assert!(text.contains(told), "{text}");
    let verbose = Program::with_settings(&["check", "--verbose"]);
    let verbose = verbose.env("DATABASE_URL", accounts.test.url()).run();
    let told = "pbkdf2_sha256 2 (accounts 3, 4), bcrypt_sha256 1 (accounts 2).";
    assert!(verbose.stdout.contains(told), "{verbose:#?}");
    for secret in ["seasalt", "abcdefghij", "$"] {
        assert!(!text.contains(secret), "{text}");
        assert!(!verbose.stdout.contains(secret), "{verbose:#?}");
    }
}

#[test]
fn every_page_of_a_long_table_is_counted() {
    let accounts = MigratedDatabase::new();
    let first = accounts.add("first@example.com", PBKDF2);
    accounts.change(|conn| {
        for number in 0..4_500 {
            let email = format!("u{number}@example.com");
            let row = (
                users::email.eq(&email),
                users::email_key.eq(&email),
                users::password.eq("!unusable"),
                users::date_joined.eq(first.date_joined),
            );
            diesel::insert_into(users::table)
                .values(row)
                .execute(conn)?;
        }
        Ok(())
    });
    accounts.add("last@example.com", PBKDF2);
    assert_count(&accounts, "unlinked", 4_500);
    let text = check(&accounts, "unlinked");
    assert!(text.contains("pbkdf2_sha256 2."), "{text}");
}

#[test]
fn deploy_names_superusers_whose_password_alone_is_enough() {
    let accounts = MigratedDatabase::new();
    let good = passwords::hash(GOOD).unwrap();
    for email in ["root@example.com", "safe@example.com", "closed@example.com"] {
        accounts.add(email, &good);
        accounts.set(email, |conn, id| {
            let row = users::table.find(id);
            diesel::update(row)
                .set(users::is_superuser.eq(true))
                .execute(conn)
        });
    }
    accounts.add("nobody-special@example.com", &good);
    super::resettotp::add_factor(&accounts, "safe@example.com", 0);
    accounts.set("closed@example.com", |conn, id| {
        let row = users::table.find(id);
        diesel::update(row)
            .set(users::is_active.eq(false))
            .execute(conn)
    });
    let deploy = |password_login: &str| {
        Program::with_settings(&["check", "--deploy"])
            .env("DATABASE_URL", accounts.test.url())
            .env("PASSWORD_LOGIN", password_login)
            .run()
            .exits_with(0)
            .stdout
    };
    let found = "(accounts.W003) 1 superuser can log in with a password alone, without an authenticator app: root@example.com.";
    for policy in ["unlinked", "superusers", "all"] {
        let text = deploy(policy);
        assert!(text.contains(found), "{policy}: {text}");
        assert!(text.contains("/account/authenticator"), "{text}");
    }
    assert!(!deploy("off").contains("accounts.W003"));
    assert!(!check(&accounts, "unlinked").contains("accounts.W003"));
    super::resettotp::add_factor(&accounts, "root@example.com", 0);
    assert!(!deploy("unlinked").contains("accounts.W003"));
}
