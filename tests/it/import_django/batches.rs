//! The result of an import does not depend on the size of its batches and on the order of its rows.

use std::collections::BTreeMap;

use diesel::prelude::*;
use vestibule::accounts::User;
use vestibule::clock::Clock;
use vestibule::db::schema::{django_imports, users};
use vestibule::db::source::ForeignDatabase;
use vestibule::django_import::{ImportOptions, ImportSource, import};
use vestibule::settings::{DatabaseSettings, DatabaseUrl, LoginField, PasswordLogin, Source};

use crate::django_differential::random::Random;
use crate::support::django::{Django, ImportTarget, counts};

const SEED: u64 = 20_261_130;
/// `IMPORT_CASES` sets another number.
const DEFAULT_CASES: usize = 2;
/// The accounts and the emails of a case are few, so that many collide.
const ACCOUNTS: usize = 9;
const EMAILS: usize = 7;
/// The number of an email that is none.
const NONE: usize = EMAILS;
/// Google's issuer.
pub(super) const GOOGLE: &str = "https://accounts.google.com";
pub(super) const SIZES: [usize; 3] = [1, 3, 1000];

/// A row of Django's.
#[derive(Clone, Debug)]
struct Row {
    id: usize,
    email: usize,
    username: usize,
    is_active: bool,
    /// The WorkOS user.
    workos: Option<usize>,
}

/// What is done here between two imports.
#[derive(Clone, Copy, Debug)]
enum Change {
    Close(usize),
    Link(usize),
    Rename(usize),
}

/// `links`: whether some rows have WorkOS users.
fn rows(random: &mut Random, links: bool) -> Vec<Row> {
    let mut usernames: Vec<usize> = (0..ACCOUNTS + 3).collect();
    let mut rows = Vec::new();
    for id in 1..=ACCOUNTS {
        if random.one_in(4) {
            continue;
        }
        let at = random.below(usernames.len());
        rows.push(Row {
            id,
            email: random.below(EMAILS + 1),
            username: usernames.swap_remove(at),
            is_active: !random.one_in(3),
            workos: (links && random.one_in(3)).then(|| 1 + random.below(ACCOUNTS)),
        });
    }
    rows
}

/// Some of the rows differ.
fn changed(random: &mut Random, before: &[Row], links: bool) -> Vec<Row> {
    let other = rows(random, links);
    let by_id: BTreeMap<usize, &Row> = before.iter().map(|row| (row.id, row)).collect();
    let mut free: Vec<usize> = (0..ACCOUNTS + 3).collect();
    let mut rows: Vec<Row> = Vec::new();
    for row in other {
        let mut row = match by_id.get(&row.id).filter(|_| !random.one_in(3)) {
            Some(known) => (*known).clone(),
            None => row,
        };
        if !free.contains(&row.username) {
            row.username = free[0];
        }
        free.retain(|name| *name != row.username);
        rows.push(row);
    }
    rows
}

fn address(email: usize) -> String {
    match email {
        NONE => String::new(),
        number => format!("e{number}@example.com"),
    }
}

fn write(django: &Django, rows: impl Iterator<Item = Row>) {
    let values = rows.map(|row| {
        let Row { id, email, username, is_active, workos } = row;
        let email = address(email);
        let workos = workos.map_or("NULL".to_owned(), |id| format!("'user_{id}'"));
        format!(
            "({id}, 'made-up${id}', NULL, false, 'name{username}', 'First', 'Last', '{email}', false, \
                 {is_active}, '2026-01-02 03:04:05.67{id}', {workos})"
        )
    });
    let values = values.collect::<Vec<_>>().join(", ");
    django.run("DELETE FROM auth_user");
    if !values.is_empty() {
        django.run(&format!("INSERT INTO auth_user VALUES {values}"));
    }
}

fn make(target: &ImportTarget, change: Change) {
    target.change(|conn| {
        let (Change::Close(id) | Change::Link(id) | Change::Rename(id)) = change;
        let user = users::table.find(i64::try_from(id).unwrap());
        match change {
            Change::Close(_) => diesel::update(user)
                .set(users::is_active.eq(false))
                .execute(conn),
            Change::Link(_) => {
                let user_id = format!("here_{id}");
                diesel::update(user)
                    .set(users::workos_user_id.eq(user_id))
                    .execute(conn)
            }
            Change::Rename(_) => diesel::update(user)
                .set(users::first_name.eq("Here"))
                .execute(conn),
        }
    });
}

/// Runs an import in this process, and returns its report. If the table has a column `workos`, it links accounts.
pub(super) fn run(
    target: &ImportTarget,
    django: &Django,
    batch: usize,
    field: LoginField,
    dry_run: bool,
) -> String {
    let settings = Source::from_pairs([("DATABASE_URL", target.url())]);
    let settings = DatabaseSettings::from_source(&settings).unwrap();
    let url = DatabaseUrl::parse(django.url()).unwrap();
    let mut source = ForeignDatabase::open(&url).unwrap();
    let columns = source.columns("\"auth_user\"").unwrap();
    let has_links = columns.iter().any(|column| column.name == "workos");
    drop(source);
    let options = ImportOptions {
        from: ImportSource::Database(url),
        table: "auth_user".to_owned(),
        view_of: None,
        renamed_from: None,
        columns: BTreeMap::new(),
        active_columns: Vec::new(),
        closed_columns: Vec::new(),
        active_until_columns: Vec::new(),
        closed_until_columns: Vec::new(),
        factors: Vec::new(),
        no_factors: Vec::new(),
        all_active: false,
        workos_id_column: has_links.then(|| "workos".to_owned()),
        login_field: field,
        password_login: PasswordLogin::Unlinked,
        emails_verified: false,
        legacy_hashers: false,
        issuers: BTreeMap::new(),
        known_issuers: BTreeMap::from([("google".to_owned(), GOOGLE.to_owned())]),
        require_totp: false,
        batch,
        dry_run,
    };
    let report = import(&settings, &options, None, &Clock::system(), &mut |_| {}).unwrap();
    let report = report
        .to_string()
        .replace(", had this not been a dry run", "");
    let (_, report) = report.split_once('\n').unwrap();
    report.to_owned()
}

type Account = (i64, String, String, Option<String>, bool);

fn accounts(target: &ImportTarget) -> Vec<Account> {
    let users = target.users().into_iter();
    let account = |user: User| {
        assert_eq!(user.email.is_empty(), user.email_key.starts_with("NONE:"));
        (
            user.id.into(),
            user.email,
            user.first_name,
            user.username,
            user.is_active,
        )
    };
    users.map(account).collect()
}

/// The targets of all sizes, each with the database that it reads.
fn targets() -> Vec<(usize, ImportTarget, Django)> {
    let sizes = SIZES.into_iter();
    sizes
        .map(|size| (size, ImportTarget::new(), Django::new()))
        .collect()
}

fn import_everywhere(
    targets: &[(usize, ImportTarget, Django)],
    rows: &[Row],
    field: LoginField,
    case: &str,
) {
    let mut first: Option<(String, Vec<Account>)> = None;
    for (size, target, django) in targets {
        // The rows are stored in one order or the other.
        match size % 2 {
            0 => write(django, rows.iter().cloned()),
            _ => write(django, rows.iter().rev().cloned()),
        }
        let dry = run(target, django, *size, field, true);
        let real = run(target, django, *size, field, false);
        assert_eq!(dry, real, "{case}: a dry run with batches of {size}");
        let result = (real, accounts(target));
        match &first {
            None => first = Some(result),
            Some(first) => assert_eq!(*first, result, "{case}: batches of {size}: {rows:?}"),
        }
    }
}

/// What holds after an import, however the rows collide.
fn check_rules(
    target: &ImportTarget,
    before: &[Account],
    rows: &[Row],
    changes: &[Change],
    case: &str,
) {
    let after = accounts(target);
    let find = |accounts: &[Account], id: usize| {
        let id = i64::try_from(id).unwrap();
        accounts.iter().find(|account| account.0 == id).cloned()
    };
    let is_changed_here = |id: usize| {
        let mut changes = changes.iter();
        changes.any(|change| matches!(change, Change::Link(at) | Change::Rename(at) if *at == id))
    };
    for change in changes {
        let Change::Close(id) = change else { continue };
        let (Some(old), Some(new)) = (find(before, *id), find(&after, *id)) else {
            continue;
        };
        assert!(!new.4, "{case}: account {id} was closed here");
        let row = rows.iter().find(|row| row.id == *id);
        let keeps = row.is_some_and(|row| row.is_active && old.1 == address(row.email));
        if keeps {
            assert_eq!(
                old.1, new.1,
                "{case}: account {id} is open in Django and keeps its email"
            );
        }
    }
    for row in rows {
        let Some(account) = find(&after, row.id) else {
            continue;
        };
        assert!(
            row.is_active || !account.4,
            "{case}: {row:?} is closed in Django"
        );
        let email = address(row.email);
        if email.is_empty() || !account.4 || account.1 == email || is_changed_here(row.id) {
            continue;
        }
        // An open account lacks its email only because of another one that is open, or not Django's to change.
        let holder = after.iter().find(|other| other.1 == email);
        let holder = holder.unwrap_or_else(|| panic!("{case}: nobody has the email of {row:?}"));
        let id = usize::try_from(holder.0).unwrap();
        let theirs = rows.iter().find(|row| row.id == id);
        let keeps = holder.4 || is_changed_here(id) || theirs.is_some_and(|row| row.is_active);
        assert!(keeps, "{case}: {holder:?} keeps the email of {row:?}");
    }
}

pub(super) fn cases() -> usize {
    let cases = std::env::var("IMPORT_CASES").ok();
    cases.map_or(DEFAULT_CASES, |cases| cases.parse().unwrap())
}

fn check_cases(field: LoginField, links: bool) {
    let targets = targets();
    for (_, _, django) in &targets {
        django.run("ALTER TABLE auth_user ADD workos text NULL");
    }
    for number in 0..cases() {
        let random = &mut Random::new(SEED, number);
        for (_, target, _) in &targets {
            target.change(|conn| diesel::delete(users::table).execute(conn));
            target.change(|conn| diesel::delete(django_imports::table).execute(conn));
        }
        let mut rows = rows(random, links);
        import_everywhere(&targets, &rows, field, &format!("case {number}, first"));
        for again in 1..=2 {
            let before = accounts(&targets[0].1);
            let is_open = |id: usize| before.iter().any(|user| user.0 == id as i64 && user.4);
            let changes = (1..=ACCOUNTS).filter_map(|id| match random.below(8) {
                0 => is_open(id).then_some(Change::Close(id)),
                1 => Some(Change::Link(id)),
                2 => Some(Change::Rename(id)),
                _ => None,
            });
            let changes: Vec<Change> = changes.collect();
            for (_, target, _) in &targets {
                changes.iter().for_each(|change| make(target, *change));
            }
            rows = changed(random, &rows, links);
            let case = format!("case {number}, later {again}, {changes:?}");
            import_everywhere(&targets, &rows, field, &case);
            if again == 1 && field == LoginField::Email && !links {
                check_rules(&targets[0].1, &before, &rows, &changes, &case);
            }
        }
    }
}

#[test]
fn batches_of_any_size_give_the_same_result() {
    check_cases(LoginField::Email, false);
}

#[test]
fn batches_of_any_size_give_the_same_result_with_usernames() {
    check_cases(LoginField::Username, false);
}

#[test]
fn batches_of_any_size_give_the_same_result_with_links() {
    check_cases(LoginField::Email, true);
}

/// The twin is in another batch of a thousand rows.
#[test]
fn an_account_that_was_closed_here_keeps_its_email_whatever_batch_its_twin_is_in() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "ada@example.com");
    target.import(&django, &[]);
    make(&target, Change::Close(1));
    let numbers = match django.file() {
        Some(_) => "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)",
        None => "WITH n AS (SELECT generate_series(2, 1500) AS i)",
    };
    django.run(&format!(
        "INSERT INTO auth_user {numbers} SELECT i, 'made-up$' || i, NULL, false, 'user' || i, 'F', 'L', \
             'user' || i || '@example.com', false, true, '2026-01-02 03:04:05.678901' FROM n"
    ));
    django.add(1501, "Ada@example.com");
    for options in [&["--dry-run"][..], &[]] {
        let output = target.import(&django, options);
        assert_eq!(counts(&output, 0), [1499, 0, 1, 1], "{output:#?}");
        let line = "1 email belongs to another account: 1501 (by 1)";
        assert!(output.stdout.contains(line), "{output:#?}");
    }
    let ada = target.user(1);
    assert_eq!(
        (ada.email.as_str(), ada.is_active),
        ("ada@example.com", false)
    );
    // A ring of all accounts, over both batches.
    django.run(
        "DELETE FROM auth_user WHERE id = 1501; \
         UPDATE auth_user SET email = 'user' || (CASE id WHEN 1500 THEN 2 ELSE id + 1 END) || '@example.com' \
             WHERE id > 1",
    );
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [0, 1499, 1, 0], "{output:#?}");
    for (id, email) in [(2, 3), (1000, 1001), (1001, 1002), (1500, 2)] {
        assert_eq!(target.user(id).email, format!("user{email}@example.com"));
    }
}
