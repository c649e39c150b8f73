//! Second factors that do not refer to the user table themselves.

use serde_json::{Value, json};
use vestibule::accounts::passwords::is_usable;

use super::allauth_factors::import;
use crate::support::database::TestDatabase;
use crate::support::django::{Django, ImportTarget};
use crate::support::program::Program;

const HASH: &str = "pbkdf2_sha256$1000$Salz-u$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
const TABLE: [&str; 2] = ["--table", "shop_member"];

/// Accounts 1 to 4 with these tables beside them.
fn django(tables: &str) -> Django {
    django_in(TestDatabase::new(), tables)
}

fn django_in(database: TestDatabase, tables: &str) -> Django {
    let django = Django::without_tables(database);
    django.run(
        "CREATE TABLE shop_member (id integer PRIMARY KEY, password text, email text, is_active bool)",
    );
    for id in 1..=4 {
        django.run(&format!(
            "INSERT INTO shop_member VALUES ({id}, '{HASH}', '{id}@example.com', true)"
        ));
    }
    django.run(tables);
    django
}

fn with_password(target: &ImportTarget) -> Vec<i64> {
    let users = target.users().into_iter();
    let usable = users.filter(|user| is_usable(&user.password));
    usable.map(|user| i64::from(user.id)).collect()
}

/// The accounts 2 and 3 have a factor in the table `name`.
#[track_caller]
fn are_found(django: &Django, name: &str) {
    let target = ImportTarget::new();
    let output = target.import(django, &TABLE);
    let named = "so that a password alone lets these accounts in (see --require-totp):\n    2, 3\n";
    assert!(output.stdout.contains(named), "{output:#?}");
    let count = format!("\n           2 {name}\n");
    assert!(output.stdout.contains(&count), "{output:#?}");
    assert_eq!(with_password(&target), [1, 2, 3, 4]);
    let target = ImportTarget::new();
    import(target.url(), django, &TABLE);
    assert_eq!(with_password(&target), [1, 4]);
    // It can be left out.
    let target = ImportTarget::new();
    let options = [&TABLE[..], &["--no-factor", name]].concat();
    let output = target.import(django, &options);
    assert!(!output.stdout.contains("second factor"), "{output:#?}");
}

#[test]
fn factors_of_profiles_and_child_models_are_found() {
    for (between, reference) in [
        // A profile with its own key.
        (
            "CREATE TABLE shop_profile (id integer PRIMARY KEY, user_id integer UNIQUE REFERENCES shop_member (id)); \
             INSERT INTO shop_profile VALUES (11, 1), (12, 2), (13, 3), (14, 4), (15, NULL)",
            "integer REFERENCES shop_profile (id)",
        ),
        // A child model, whose key is that of the user.
        (
            "CREATE TABLE shop_profile (member_ptr_id integer PRIMARY KEY REFERENCES shop_member (id)); \
             INSERT INTO shop_profile VALUES (2), (3)",
            "integer REFERENCES shop_profile (member_ptr_id)",
        ),
    ] {
        let number = if between.contains("_ptr_") { 0 } else { 10 };
        let django = django(&format!(
            "{between}; \
             CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, secret text, confirmed bool, profile_id {reference}); \
             INSERT INTO shop_totpdevice VALUES (1, 'ABC', true, {number} + 2), (2, 'ABC', true, {number} + 3), \
                 (3, 'ABC', true, {number} + 3), (4, 'ABC', true, NULL)"
        ));
        if number > 0 {
            django.run(
                "INSERT INTO shop_totpdevice VALUES (5, 'ABC', false, 14), (6, 'ABC', true, 15)",
            );
        }
        are_found(&django, "shop_totpdevice");
    }
}

#[test]
fn factors_several_foreign_keys_away_are_found() {
    for tables in [
        // A device of a profile of an employee.
        "CREATE TABLE shop_employee (id integer PRIMARY KEY, user_id integer UNIQUE REFERENCES shop_member (id)); \
         INSERT INTO shop_employee VALUES (11, 1), (12, 2), (13, 3), (14, 4); \
         CREATE TABLE shop_profile (id integer PRIMARY KEY, employee_id integer REFERENCES shop_employee (id)); \
         INSERT INTO shop_profile VALUES (21, 11), (22, 12), (23, 13); \
         CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, secret text, \
             profile_id integer REFERENCES shop_profile (id)); \
         INSERT INTO shop_totpdevice VALUES (1, 'ABC', 22), (2, 'ABC', 23), (3, 'ABC', NULL)",
        // A child model of a child model.
        "CREATE TABLE shop_employee (member_ptr_id integer PRIMARY KEY REFERENCES shop_member (id)); \
         INSERT INTO shop_employee VALUES (2), (3); \
         CREATE TABLE shop_manager (employee_ptr_id integer PRIMARY KEY REFERENCES shop_employee (member_ptr_id)); \
         INSERT INTO shop_manager VALUES (2), (3); \
         CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, confirmed bool, \
             manager_id integer REFERENCES shop_manager (employee_ptr_id)); \
         INSERT INTO shop_totpdevice VALUES (1, true, 2), (2, true, 3)",
        // Another column leads to the users by a shorter way, and the profile names two users.
        "CREATE TABLE shop_tenant (id integer PRIMARY KEY, owner_id integer REFERENCES shop_member (id)); \
         INSERT INTO shop_tenant VALUES (5, 2); \
         CREATE TABLE shop_employee (id integer PRIMARY KEY, creator_id integer REFERENCES shop_member (id), \
             user_id integer REFERENCES shop_member (id)); \
         INSERT INTO shop_employee VALUES (13, 2, 3); \
         CREATE TABLE shop_profile (id integer PRIMARY KEY, employee_id integer REFERENCES shop_employee (id)); \
         INSERT INTO shop_profile VALUES (23, 13); \
         CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, tenant_id integer REFERENCES shop_tenant (id), \
             profile_id integer REFERENCES shop_profile (id)); \
         INSERT INTO shop_totpdevice VALUES (1, 5, 23)",
    ] {
        are_found(&django(tables), "shop_totpdevice");
    }
}

/// SQLite let Django before 2.1.5 leave foreign keys to a table that it had renamed for a moment.
#[test]
fn factors_with_a_foreign_key_to_a_missing_table_are_found() {
    for (column, target) in [
        ("owner_id", "shop_member__old"),
        ("user_id", "shop_member__old"),
        ("user_id", "gone"),
    ] {
        let django = django_in(
            TestDatabase::sqlite(),
            &format!(
                "PRAGMA foreign_keys = OFF; \
                 CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, {column} integer REFERENCES {target} (id)); \
                 INSERT INTO shop_totpdevice VALUES (1, 2), (2, 3)"
            ),
        );
        are_found(&django, "shop_totpdevice");
    }
    let django = django_in(
        TestDatabase::sqlite(),
        "PRAGMA foreign_keys = OFF; \
         CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, owner_id integer REFERENCES gone (id)); \
         INSERT INTO shop_totpdevice VALUES (1, 2)",
    );
    let output = ImportTarget::new().import(&django, &TABLE);
    let line = "password alone lets them in:\n    shop_totpdevice";
    assert!(output.stdout.contains(line), "{output:#?}");
}

/// As in a copy of MySQL's MyISAM, which has no foreign keys.
#[test]
fn factors_are_found_without_foreign_keys() {
    for column in ["user_id", "member_id"] {
        // Of another type than the key.
        for declared in ["integer", "text"] {
            let django = django(&format!(
                "CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, {column} {declared}); \
                 INSERT INTO shop_totpdevice VALUES (1, 2), (2, 3), (3, NULL), (4, 99)"
            ));
            are_found(&django, "shop_totpdevice");
        }
    }
    let django = django(
        "CREATE TABLE shop_profile (id integer PRIMARY KEY, user_id integer); \
         INSERT INTO shop_profile VALUES (11, 1), (12, 2), (13, 3); \
         CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, profile_id integer); \
         INSERT INTO shop_totpdevice VALUES (1, 12), (2, 13)",
    );
    are_found(&django, "shop_totpdevice");
}

#[test]
fn factors_of_another_user_table_are_nobodys() {
    let django = django(
        "CREATE TABLE shop_admin (id integer PRIMARY KEY, password text); INSERT INTO shop_admin VALUES (2, 'x'); \
         CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, user_id integer REFERENCES shop_admin (id)); \
         INSERT INTO shop_totpdevice VALUES (1, 2); \
         CREATE TABLE shop_adminprofile (id integer PRIMARY KEY, admin_id integer REFERENCES shop_admin (id)); \
         INSERT INTO shop_adminprofile VALUES (3, 2); \
         CREATE TABLE shop_u2fkey (id integer PRIMARY KEY, adminprofile_id integer REFERENCES shop_adminprofile (id)); \
         INSERT INTO shop_u2fkey VALUES (1, 3)",
    );
    let target = ImportTarget::new();
    let output = target.import(&django, &TABLE);
    assert!(!output.stdout.contains("second factor"), "{output:#?}");
}

#[test]
fn tables_that_do_not_say_whose_they_are_are_named() {
    let django = django(
        "CREATE TABLE shop_totpdevice (id integer PRIMARY KEY, owner text); INSERT INTO shop_totpdevice VALUES (1, 'x'); \
         CREATE TABLE shop_u2fkey (id integer PRIMARY KEY, owner text); \
         CREATE TABLE shop_gadget (id integer PRIMARY KEY, name text); INSERT INTO shop_gadget VALUES (1, 'x'); \
         CREATE TABLE shop_twofactor (id integer PRIMARY KEY, gadget_id integer REFERENCES shop_gadget (id)); \
         INSERT INTO shop_twofactor VALUES (1, 1); \
         CREATE TABLE shop_recoverycode (id integer PRIMARY KEY, set_id integer REFERENCES shop_twofactor (id)); \
         INSERT INTO shop_recoverycode VALUES (1, 1)",
    );
    let target = ImportTarget::new();
    let output = target.import(&django, &TABLE);
    assert!(!output.stdout.contains("recoverycode"), "{output:#?}");
    let line = "password alone lets them in:\n    shop_totpdevice\n    shop_twofactor";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert!(!output.stdout.contains("u2fkey"), "{output:#?}");
}

/// A dump declares no foreign keys.
#[test]
fn factors_in_a_dump_are_found_by_the_name_of_the_user_model() {
    let object = |model: &str, key: i64, fields: &Value| json!({ "model": model, "pk": key, "fields": fields });
    let user = |key: i64| {
        let fields =
            json!({ "password": HASH, "email": format!("{key}@example.com"), "is_active": true });
        object("shop.member", key, &fields)
    };
    let dump = json!([
        user(1),
        user(2),
        object(
            "shop.totpdevice",
            1,
            &json!({ "member": 2, "confirmed": true })
        ),
        object("shop.u2fkey", 1, &json!({ "profile": 7 })),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.json");
    std::fs::write(&path, dump.to_string()).unwrap();
    let target = ImportTarget::new();
    let arguments = [
        "import-django",
        "--from",
        path.to_str().unwrap(),
        "--require-totp",
    ];
    let program = Program::with_settings(&[&arguments[..], &TABLE].concat());
    let output = program
        .env("DATABASE_URL", target.url())
        .run()
        .exits_with(0);
    assert!(
        output
            .stdout
            .contains("password alone lets them in:\n    shop_u2fkey"),
        "{output:#?}"
    );
    assert_eq!(with_password(&target), [1]);
}
