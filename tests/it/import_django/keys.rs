//! Users whose keys are no integers: UUIDs and texts.

use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::accounts::{User, UserKey};
use vestibule::db::schema::{account_addresses, django_imports, users};
use vestibule::ids::UserId;

use super::sign_in::{PASSWORD, import};
use crate::support::app::TestApp;
use crate::support::database::TestDatabase;
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::real_django::{KeyedUser, RealDjango};
use crate::support::tokens::token_part;

const ADA: &str = "00000000-0000-4000-8000-00000000000a";
const BEN: &str = "00000000-0000-4000-8000-00000000000b";

/// A user table with UUIDs as Django stores them on this run's backend, and simplejwt's blacklist.
fn django_with_uuids() -> Django {
    let django = Django::empty();
    let uuid = match django.file() {
        Some(_) => "char(32)",
        None => "uuid",
    };
    django.run(&format!(
        "CREATE TABLE shop_user (id {uuid} NOT NULL PRIMARY KEY, password varchar(128) NOT NULL, \
             email varchar(254) NOT NULL, is_active bool NOT NULL); \
         CREATE TABLE token_blacklist_outstandingtoken (id bigint NOT NULL PRIMARY KEY, token text NOT NULL, \
             created_at TIMESTAMPTZ NULL, expires_at TIMESTAMPTZ NOT NULL, user_id {uuid} NULL, \
             jti varchar(255) NOT NULL UNIQUE); \
         CREATE TABLE token_blacklist_blacklistedtoken (id bigint NOT NULL PRIMARY KEY, \
             blacklisted_at TIMESTAMPTZ NOT NULL, token_id bigint NOT NULL UNIQUE)"
    ));
    add(&django, ADA, "ada@example.com");
    add(&django, BEN, "ben@example.com");
    django
}

/// The UUID as this run's backend stores it.
fn stored(django: &Django, uuid: &str) -> String {
    match django.file() {
        Some(_) => uuid.replace('-', ""),
        None => uuid.to_owned(),
    }
}

fn add(django: &Django, uuid: &str, email: &str) {
    let uuid = stored(django, uuid);
    django.run(&format!(
        "INSERT INTO shop_user VALUES ('{uuid}', 'made-up', '{email}', true)"
    ));
}

fn user(target: &ImportTarget, key: &str) -> User {
    let key = UserKey::parse(key);
    target
        .rows(|conn| User::by_key(conn, &key))
        .expect("the account")
}

/// Django's tokens open the account of their key, and the tokens issued here carry it.
async fn works_in_a_mixed_fleet(app: &TestApp, in_django: &KeyedUser) {
    let (key, visitor) = (json!(in_django.key), app.visitor());
    let me = visitor.get_me_with_token(&in_django.access).await;
    assert_eq!(
        (&me.json["id"], &me.json["email"]),
        (&key, &json!(in_django.email))
    );
    let refreshed = visitor
        .post_refresh_token("/api/token/refresh", &in_django.refresh)
        .await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");
    for name in ["access", "refresh"] {
        assert_eq!(
            token_part(&refreshed.text(name), 1)["user_id"],
            key,
            "{name}"
        );
    }

    let credentials = json!({ "email": in_django.email, "password": PASSWORD });
    let pair = visitor.post_json("/api/token", &credentials).await;
    for name in ["access", "refresh"] {
        assert_eq!(token_part(&pair.text(name), 1)["user_id"], key, "{name}");
    }
    let me = visitor.get_me_with_token(&pair.text("access")).await;
    assert_eq!(me.json["id"], key);

    // A log-out with an access token alone finds the sign-in.
    let bearer = format!("Bearer {}", pair.text("access"));
    let headers = [("authorization", bearer.as_str())];
    visitor
        .post_json_with_headers("/api/auth/logout", &json!({}), &headers)
        .await;
    let ended = visitor.get_me_with_token(&pair.text("access")).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
    let other = visitor
        .post_refresh_token("/api/token/refresh", &refreshed.text("refresh"))
        .await;
    assert_eq!(other.status, StatusCode::OK, "another sign-in goes on");
}

async fn real_users_keep_their_keys((django, made): &(Django, RealDjango)) {
    let app = TestApp::builder()
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    // Accounts with the ids that a careless reading of `007` would find.
    for number in 1..=9 {
        let local = app.add_user(&format!("local{number}@example.com"), true);
        app.set_imported(local.id);
    }
    import(&app, django, &["--table", "people_customer"]);
    import(&app, django, &["--table", "people_author"]);
    let people = &made.people;
    assert_eq!((people.customers.len(), people.authors.len()), (2, 2));
    for in_django in people.customers.iter().chain(&people.authors) {
        works_in_a_mixed_fleet(&app, in_django).await;
    }
}

#[tokio::test]
async fn users_of_a_real_django_on_sqlite_keep_their_keys() {
    real_users_keep_their_keys(&RealDjango::on_sqlite()).await;
}

/// Without PostgreSQL this uses a SQLite file again.
#[tokio::test]
async fn users_of_a_real_django_on_this_runs_backend_keep_their_keys() {
    real_users_keep_their_keys(&RealDjango::on_this_runs_backend()).await;
}

#[test]
fn a_later_import_finds_the_accounts_by_djangos_key() {
    let (django, target) = (django_with_uuids(), ImportTarget::new());
    let options = ["--table", "shop_user"];
    let dry = target.import(&django, &["--table", "shop_user", "--dry-run"]);
    assert_eq!(counts(&dry, 0), [2, 0, 0, 0]);
    assert!(target.users().is_empty());
    let first = target.import(&django, &options);
    assert_eq!(counts(&first, 0), [2, 0, 0, 0]);
    let ada = user(&target, ADA);
    assert_eq!(
        (ada.email.as_str(), ada.imported),
        ("ada@example.com", true)
    );

    let row = stored(&django, ADA);
    django.run(&format!(
        "UPDATE shop_user SET email = 'lovelace@example.com' WHERE id = '{row}'"
    ));
    let second = target.import(&django, &options);
    assert_eq!(counts(&second, 0), [0, 1, 1, 0]);
    let changed = user(&target, ADA);
    assert_eq!(
        (changed.id, changed.email.as_str()),
        (ada.id, "lovelace@example.com")
    );

    target.change(|conn| diesel::delete(users::table.find(ada.id)).execute(conn));
    let third = target.import(&django, &options);
    assert_eq!(counts(&third, 0), [0, 0, 1, 1]);
    let line = format!("account was deleted here since: {ADA}");
    assert!(third.stdout.contains(&line), "{third:#?}");
    assert_eq!(target.users().len(), 1);
}

#[test]
fn refusals_name_djangos_key() {
    let (django, target) = (django_with_uuids(), ImportTarget::new());
    add(
        &django,
        "00000000-0000-4000-8000-00000000000c",
        "ADA@example.com",
    );
    let options = ["--table", "shop_user", "--dry-run"];
    let dry = target.import(&django, &options);
    assert_eq!(counts(&dry, 0), [2, 0, 0, 1]);
    let refused = "email belongs to another account: 00000000-0000-4000-8000-00000000000c";
    let line = format!("{refused} (by another row)");
    assert!(dry.stdout.contains(&line), "{dry:#?}");
    let output = target.import(&django, &options[..2]);
    assert_eq!(counts(&output, 0), [2, 0, 0, 1]);
    let line = format!("{refused} (by {})", user(&target, ADA).id);
    assert!(output.stdout.contains(&line), "{output:#?}");
}

#[test]
fn blacklisted_tokens_belong_to_the_accounts_with_djangos_keys() {
    let (django, target) = (django_with_uuids(), ImportTarget::new());
    for (id, owner, jti) in [
        (1, ADA, "aa"),
        (2, "00000000-0000-4000-8000-00000000000f", "bb"),
    ] {
        let owner = format!("'{}'", stored(&django, owner));
        django.blacklist(id, &owner, jti, "2999-01-01 00:00:00");
    }
    let output = target.import(&django, &["--table", "shop_user"]);
    assert_eq!(counts(&output, 1), [2, 0, 0, 0]);
    let tokens = target.tokens();
    let owners: Vec<_> = tokens.iter().map(|row| row.user_id).collect();
    assert_eq!(owners, [Some(user(&target, ADA).id), None]);
}

/// A row whose key is the id that another row of its table was given.
#[test]
fn a_row_with_the_id_of_another_account_disturbs_no_other_row() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run("CREATE TABLE people (id varchar(40), password text, email text, is_active bool)");
    let add = |key: &str, name: &str| {
        django.run(&format!(
            "INSERT INTO people VALUES ('{key}', 'made-up', '{name}@example.com', true)"
        ));
    };
    add("ada", "ada");
    let options = ["--table", "people"];
    target.import(&django, &options);
    let ada = user(&target, "ada");
    add(&ada.id.to_string(), "number");
    add("007", "agent");
    let output = target.import(&django, &options);
    assert_eq!(counts(&output, 0), [1, 0, 1, 1]);
    let line = format!("id belongs to another account: {}", ada.id);
    assert!(output.stdout.contains(&line), "{output:#?}");
    assert_eq!(user(&target, "ada"), ada);
    assert_eq!(user(&target, "007").email, "agent@example.com");
}

/// For simplejwt's `USER_ID_FIELD`.
#[test]
fn another_column_than_the_primary_key_may_hold_the_keys() {
    let (django, target) = (Django::new().with_blacklist(), ImportTarget::new());
    django.add(1, "ada@example.com");
    django.run("ALTER TABLE auth_user ADD COLUMN public_id varchar(40)");
    django.set(1, "public_id = 'u-ada'");
    django.blacklist(1, "1", "aa", "2999-01-01 00:00:00");
    let output = target.import(&django, &["--column", "id=public_id"]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 0]);
    assert_eq!(user(&target, "u-ada").email, "ada@example.com");
    // The blacklist has the primary key, which is not the id here.
    assert_eq!(counts(&output, 1), [1, 0, 0, 0]);
    assert_eq!(target.tokens()[0].user_id, None);
}

/// Foreign keys refer to the primary key, whatever column has the keys of the accounts.
#[test]
fn rows_of_other_tables_belong_to_the_primary_key() {
    let (django, target) = (Django::new().with_blacklist(), ImportTarget::new());
    for (id, name) in [(1, "ada"), (2, "ben"), (3, "cleo")] {
        django.add(id, &format!("{name}@example.com"));
    }
    django.run(
        "ALTER TABLE auth_user ADD COLUMN number integer; UPDATE auth_user SET number = 4 - id; \
         CREATE TABLE account_emailaddress (id integer NOT NULL PRIMARY KEY, email varchar(254) NOT NULL, \
             verified bool NOT NULL, user_id integer NOT NULL REFERENCES auth_user (id))",
    );
    django.run("INSERT INTO account_emailaddress VALUES (1, 'ada.further@example.com', true, 1)");
    target.import(&django, &["--column", "id=number"]);
    let owner: Vec<UserId> = target.rows(|conn| {
        account_addresses::table
            .select(account_addresses::user_id)
            .load(conn)
    });
    assert_eq!(owner, [user(&target, "3").id]);
    assert_eq!(user(&target, "3").email, "ada@example.com");
}

/// The users of two projects: an id that was given to an account with a text as key is no other project's key.
#[test]
fn an_integer_does_not_find_an_account_with_a_text_as_key() {
    let (texts, target) = (django_with_uuids(), ImportTarget::new());
    target.import(&texts, &["--table", "shop_user"]);
    let ada = user(&target, ADA);
    let integers = Django::new();
    integers.add(ada.id.into(), "ada@example.com");
    let output = target.import(&integers, &[]);
    assert_eq!(counts(&output, 0), [0, 0, 0, 1]);
    let line = format!(
        "key of an account that was imported from another table: {} (of shop_user)",
        ada.id
    );
    assert!(output.stdout.contains(&line), "{output:#?}");
    let by_id = target.rows(|conn| User::by_key(conn, &UserKey::Id(ada.id)));
    assert_eq!(by_id, None, "nor does a token with its id");
    assert_eq!(user(&target, ADA), ada);
    let records: Vec<Option<String>> = target.rows(|conn| {
        django_imports::table
            .select(django_imports::django_id)
            .load(conn)
    });
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(Option::is_some));
}

/// Ids are given to the other texts, and later to new accounts, above these integers.
#[test]
fn integers_among_keys_of_texts_keep_their_ids() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(
        "CREATE TABLE people (id varchar(40) NOT NULL PRIMARY KEY, password varchar(128), \
             email varchar(254), is_active bool NOT NULL)",
    );
    for key in ["1", "2", "abc", "007", "4"] {
        django.run(&format!(
            "INSERT INTO people VALUES ('{key}', 'made-up', '{key}@example.com', true)"
        ));
    }
    let output = target.import(&django, &["--table", "people"]);
    assert_eq!(counts(&output, 0), [5, 0, 0, 0]);
    for id in [1, 2, 4] {
        assert_eq!(target.user(id).email, format!("{id}@example.com"));
    }
    for text in ["abc", "007"] {
        assert!(i64::from(user(&target, text).id) > 1_000_000, "{text}");
    }
}

/// A UUIDField in a column that is not declared as one: nothing tells whether tokens have hyphens. On SQLite,
/// Django declares it as char(32); on PostgreSQL it has a type of its own.
#[test]
fn keys_without_the_hyphens_of_a_uuid_are_named() {
    for (declared, is_told) in [
        ("varchar(32)", true),
        ("char(32)", TestDatabase::is_postgres_run()),
    ] {
        let (django, target) = (Django::empty(), ImportTarget::new());
        django.run(&format!(
            "CREATE TABLE people (id {declared} PRIMARY KEY, password text, email text, is_active bool); \
             INSERT INTO people VALUES ('0b5c2d3e000040008000000000000007', 'a', 'ada@example.com', true), \
                 ('ada', 'a', 'bob@example.com', true)"
        ));
        let output = target.import(&django, &["--table", "people"]);
        assert_eq!(counts(&output, 0), [2, 0, 0, 0]);
        let told = "1 key of 32 hexadecimal digits without hyphens";
        let line = output.stdout.lines().find(|line| line.contains(told));
        assert_eq!(line.is_some(), is_told, "{output:#?}");
        assert!(line.is_none_or(|line| line.ends_with(": 0b5c2d3e000040008000000000000007")));
    }
}
