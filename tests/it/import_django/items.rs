//! Further addresses and identities that several accounts have: the result does not depend on the size of the batches
//! and on the order of the rows, and closed accounts take nothing from open ones.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use vestibule::accounts::User;
use vestibule::db::schema::{
    account_addresses, django_import_items, django_imports, identities, users,
};
use vestibule::settings::LoginField;

use super::batches::{GOOGLE, SIZES, cases, run};
use crate::django_differential::random::Random;
use crate::support::django::{Django, ImportTarget};

const SEED: u64 = 20_261_129;
/// Few, so that many collide.
const ACCOUNTS: usize = 6;
const EMAILS: usize = 7;
const SUBJECTS: usize = 3;

/// A row of Django's, with its rows in allauth's tables.
#[derive(Clone, Debug)]
struct Row {
    id: usize,
    email: usize,
    is_active: bool,
    /// Whether the own address is verified.
    is_verified: bool,
    further: BTreeSet<usize>,
    subjects: BTreeSet<usize>,
}

/// What is done here between two imports.
#[derive(Clone, Copy, Debug)]
enum Change {
    Close(usize),
    Open(usize),
    Password(usize),
    RemoveItems(usize),
}

pub(super) const ALLAUTH: &str = "CREATE TABLE account_emailaddress (id integer PRIMARY KEY, email text, verified bool, \
    user_id integer REFERENCES auth_user (id)); \
    CREATE TABLE socialaccount_socialaccount (id integer PRIMARY KEY, provider text, uid text, extra_data text, \
    user_id integer REFERENCES auth_user (id))";

fn random_row(random: &mut Random, id: usize) -> Row {
    let mut some = |of: usize, most: usize| -> BTreeSet<usize> {
        let number = random.below(most + 1);
        (0..number).map(|_| random.below(of)).collect()
    };
    let (further, subjects) = (some(EMAILS, 2), some(SUBJECTS, 1));
    Row {
        id,
        email: random.below(EMAILS),
        is_active: !random.one_in(3),
        is_verified: random.one_in(2),
        further,
        subjects,
    }
}

fn random_rows(random: &mut Random, before: &[Row]) -> Vec<Row> {
    let mut rows = Vec::new();
    for id in 1..=ACCOUNTS {
        let known = before.iter().find(|row| row.id == id);
        let mut row = random_row(random, id);
        if let Some(known) = known.filter(|_| !random.one_in(3)) {
            let changed = row;
            row = known.clone();
            match random.below(5) {
                0 => row.further = changed.further,
                1 => row.subjects = changed.subjects,
                2 => row.is_active = changed.is_active,
                3 => (row.email, row.is_verified) = (changed.email, changed.is_verified),
                _ => {}
            }
        }
        if !random.one_in(6) {
            rows.push(row);
        }
    }
    rows
}

fn write<'a>(django: &Django, rows: impl Iterator<Item = &'a Row>) {
    let mut statements = vec![
        "DELETE FROM account_emailaddress; DELETE FROM socialaccount_socialaccount; DELETE FROM auth_user".to_owned(),
    ];
    for row in rows {
        let Row {
            id,
            email,
            is_active,
            is_verified,
            ..
        } = row;
        statements.push(format!(
            "INSERT INTO auth_user VALUES ({id}, 'made-up${id}', NULL, false, 'name{id}', 'First', 'Last', \
                 'e{email}@example.com', false, {is_active}, '2026-01-02 03:04:05.67{id}')"
        ));
        let further = row.further.iter().map(|email| (*email, true));
        for (address, verified) in further.chain([(*email, *is_verified)]) {
            let number = statements.len();
            statements.push(format!(
                "INSERT INTO account_emailaddress VALUES ({number}, 'e{address}@example.com', {verified}, {id})"
            ));
        }
        for subject in &row.subjects {
            let number = statements.len();
            statements.push(format!(
                "INSERT INTO socialaccount_socialaccount VALUES ({number}, 'google', 's{subject}', '{{}}', {id})"
            ));
        }
    }
    django.run(&statements.join("; "));
}

fn make(target: &ImportTarget, change: Change) {
    let (Change::Close(id) | Change::Open(id) | Change::Password(id) | Change::RemoveItems(id)) =
        change;
    let id = i64::try_from(id).unwrap();
    target.change(|conn| {
        let user = diesel::update(users::table.find(id));
        match change {
            Change::Close(_) => user.set(users::is_active.eq(false)).execute(conn),
            Change::Open(_) => user.set(users::is_active.eq(true)).execute(conn),
            Change::Password(_) => user.set(users::password.eq("changed here")).execute(conn),
            Change::RemoveItems(_) => {
                let theirs = account_addresses::table.filter(account_addresses::user_id.eq(id));
                diesel::delete(theirs).execute(conn)?;
                let theirs = identities::table.filter(identities::user_id.eq(id));
                diesel::delete(theirs).execute(conn)
            }
        }
    });
}

/// The accounts, their further addresses and their identities.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    accounts: BTreeMap<i64, (String, bool, bool)>,
    addresses: BTreeMap<String, i64>,
    identities: BTreeMap<String, i64>,
}

fn content(target: &ImportTarget) -> Content {
    let user = |user: User| {
        let account = (user.email_key, user.email_verified, user.is_active);
        (user.id.into(), account)
    };
    let addresses: Vec<(String, i64)> = target.rows(|conn| account_addresses::table.load(conn));
    let links: Vec<(String, String, i64)> = target.rows(|conn| identities::table.load(conn));
    let links = links.into_iter().map(|(issuer, subject, id)| {
        assert_eq!(issuer, GOOGLE);
        (subject, id)
    });
    Content {
        accounts: target.users().into_iter().map(user).collect(),
        addresses: addresses.into_iter().collect(),
        identities: links.collect(),
    }
}

/// What holds after an import, however the rows collide.
fn check_rules(after: &Content, rows: &[Row], case: &str) {
    for (key, holder) in &after.addresses {
        let owner = after
            .accounts
            .iter()
            .find(|(_, (email, is_verified, _))| email == key && *is_verified);
        assert_eq!(
            owner, None,
            "{case}: {key} is a further address of {holder}"
        );
    }
    let is_open = |id: i64| after.accounts.get(&id).is_some_and(|account| account.2);
    for row in rows {
        let id = i64::try_from(row.id).unwrap();
        if !is_open(id) {
            continue;
        }
        for subject in &row.subjects {
            let holder = after.identities.get(&format!("s{subject}"));
            let Some(holder) = holder.filter(|holder| **holder != id) else {
                continue;
            };
            // A closed account keeps what it has only if Django does not know that it is closed.
            let row = rows.iter().find(|row| row.id as i64 == *holder);
            let keeps = row.is_none_or(|row| row.is_active);
            assert!(
                is_open(*holder) || keeps,
                "{case}: {holder} has s{subject} of {id}"
            );
        }
        if !row.is_verified || !is_open(id) {
            continue;
        }
        let own = format!("e{}@example.com", row.email);
        if after.accounts[&id].0 == own {
            assert!(!after.addresses.contains_key(&own), "{case}: {own} of {id}");
        }
    }
}

fn check_cases(cases: usize) {
    let targets = SIZES.map(|size| {
        let django = Django::new();
        django.run(ALLAUTH);
        (size, ImportTarget::new(), django)
    });
    for number in 0..cases {
        let random = &mut Random::new(SEED, number);
        for (_, target, _) in &targets {
            target.change(|conn| {
                diesel::delete(django_import_items::table).execute(conn)?;
                diesel::delete(django_imports::table).execute(conn)?;
                diesel::delete(users::table).execute(conn)
            });
        }
        let mut rows = Vec::new();
        for turn in 1..=3 {
            rows = random_rows(random, &rows);
            let mut changes = Vec::new();
            for id in (1..=ACCOUNTS).filter(|_| turn > 1) {
                match random.below(14) {
                    0 => changes.push(Change::Close(id)),
                    1 => changes.push(Change::Open(id)),
                    2 => changes.push(Change::Password(id)),
                    3 => changes.push(Change::RemoveItems(id)),
                    _ => {}
                }
            }
            let case = format!("case {number}, import {turn}, {changes:?}, {rows:#?}");
            let mut first: Option<(String, Content)> = None;
            for (size, target, django) in &targets {
                changes.iter().for_each(|change| make(target, *change));
                match size % 2 {
                    0 => write(django, rows.iter()),
                    _ => write(django, rows.iter().rev()),
                }
                let before = content(target);
                let dry = run(target, django, *size, LoginField::Email, true);
                let real = run(target, django, *size, LoginField::Email, false);
                assert_eq!(
                    dry, real,
                    "a dry run with batches of {size}: {before:#?} {case}"
                );
                let result = (real, content(target));
                match &first {
                    None => first = Some(result),
                    Some(first) => {
                        assert_eq!(*first, result, "batches of {size}: {before:#?} {case}");
                    }
                }
            }
            let (_, after) = first.unwrap();
            check_rules(&after, &rows, &case);
            // Nothing arrives later.
            let (size, target, django) = &targets[0];
            let again = run(target, django, *size, LoginField::Email, false);
            assert_eq!(
                after,
                content(target),
                "the same import again: {again} {case}"
            );
            for (size, target, django) in &targets[1..] {
                run(target, django, *size, LoginField::Email, false);
            }
        }
    }
}

#[test]
fn batches_of_any_size_give_the_same_items() {
    check_cases(cases());
}

/// The account 5 keeps the address that 2 gets, because a third one has its new one. 2 was opened here, so that its row
/// comes before that of 5.
#[test]
fn an_address_that_a_closed_account_keeps_counts_as_not_verified() {
    let row = |id: usize, email: usize, is_active: bool, is_verified: bool| Row {
        id,
        email,
        is_active,
        is_verified,
        further: BTreeSet::new(),
        subjects: BTreeSet::new(),
    };
    for size in SIZES {
        let (django, target) = (Django::new(), ImportTarget::new());
        django.run(ALLAUTH);
        let import = |rows: &[Row]| {
            write(&django, rows.iter());
            run(&target, &django, size, LoginField::Email, false)
        };
        import(&[
            row(2, 0, false, true),
            row(3, 3, true, true),
            row(5, 2, true, true),
        ]);
        make(&target, Change::Open(2));
        let mut taker = row(2, 0, false, true);
        taker.further.insert(2);
        let rows = [taker, row(3, 3, true, true), row(5, 3, false, true)];
        for again in [false, true] {
            let report = import(&rows);
            let after = content(&target);
            let kept = ("e2@example.com".to_owned(), false, false);
            assert_eq!(after.accounts[&5], kept, "{size}, {again}: {report}");
            assert_eq!(
                after.addresses["e2@example.com"], 2,
                "{size}, {again}: {report}"
            );
            check_rules(&after, &rows, "closed");
            // As an earlier version has left it.
            target.change(|conn| {
                diesel::update(users::table.find(5))
                    .set(users::email_verified.eq(true))
                    .execute(conn)
            });
        }
    }
}
