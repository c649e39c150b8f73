//! Repeated imports of changed passwords.

use diesel::prelude::*;
use secrecy::SecretString;
use vestibule::accounts::passwords::{Hasher, PasswordSource};
use vestibule::accounts::{LoginName, authenticate};
use vestibule::db::DbError;
use vestibule::db::schema::{totp_factors, users};
use vestibule::settings::{LoginField, PasswordLogin};

use super::again::{imported, is_signed_in, sign_in};
use super::allauth_factors::factors;
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::real_django::RealDjango;

/// A hash of "Correct-horse-9", made by Django's hasher with cheap parameters.
const CHEAP: &str = "pbkdf2_sha256$1000$Salz-ü$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
/// A hash of " spaced ", made the same way.
const OTHER: &str = "pbkdf2_sha256$1000$Salz-ü$hd9wLxdmk32welMODxwVFKriaAsMCn0jgzlyxcb1s/s=";

fn set_password(target: &ImportTarget, id: i64, password: &str) {
    target.change(|conn| {
        diesel::update(users::table.find(id))
            .set(users::password.eq(password))
            .execute(conn)
    });
}

#[test]
fn a_password_changed_in_django_is_imported_and_revokes_sessions() {
    let (django, target) = imported();
    for id in 1..=2 {
        sign_in(&target, id);
    }
    django.set(1, "password = 'changed$there'");
    target.import(&django, &[]);
    let user = target.user(1);
    assert_eq!(
        (user.password.as_str(), user.token_version),
        ("changed$there", 1)
    );
    assert!(!is_signed_in(&target, 1) && is_signed_in(&target, 2));
    // Sign-ins that wait for a further step end too.
    assert!(user.sessions_ended_at.is_some());
    assert_eq!(target.user(2).sessions_ended_at, None);
    // A second change is compared with the first one.
    django.set(1, "password = ''");
    target.import(&django, &[]);
    let user = target.user(1);
    assert!(
        user.password.starts_with('!') && user.token_version == 2,
        "{user:?}"
    );
    let last = target.import(&django, &[]);
    assert_eq!(counts(&last, 0), [0, 0, 3, 0]);
}

#[test]
fn a_password_changed_here_is_never_overwritten() {
    let (django, target) = imported();
    set_password(&target, 1, "changed$here");
    set_password(&target, 2, "changed$here");
    django.set(1, "password = 'changed$there'");
    django.set(2, "password = ''");
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 3, 0]);
    for id in 1..=2 {
        let user = target.user(id);
        assert_eq!(
            (user.password.as_str(), user.token_version),
            ("changed$here", 0)
        );
    }
}

#[test]
fn a_password_changed_in_django_is_imported_even_after_a_rehash() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "ada@example.com");
    django.set(1, &format!("password = '{CHEAP}'"));
    target.import(&django, &[]);
    assert!(signs_in_with(&target, "Correct-horse-9"));
    assert!(target.user(1).password.starts_with("argon2$"), "rehashed");

    let unchanged = target.import(&django, &[]);
    assert_eq!(counts(&unchanged, 0), [0, 0, 1, 0]);
    assert!(signs_in_with(&target, "Correct-horse-9"));

    django.set(1, &format!("password = '{OTHER}'"));
    let changed = target.import(&django, &[]);
    assert_eq!(counts(&changed, 0), [0, 1, 0, 0]);
    assert!(!signs_in_with(&target, "Correct-horse-9"));
    assert!(signs_in_with(&target, " spaced "));
}

/// Django replaces a hash at a sign-in when its parameters are no longer the current ones.
#[test]
fn a_hash_that_django_replaced_ends_no_session() {
    let (django, target) = imported();
    let stored = |iterations: u32| format!("password = 'pbkdf2_sha256${iterations}$salt$AAAA'");
    for id in 1..=3 {
        django.set(id, &stored(260_000));
    }
    target.import(&django, &[]);
    for id in 1..=3 {
        sign_in(&target, id);
    }
    let versions = [1, 2, 3].map(|id| target.user(id).token_version);
    let ended_at = target.user(1).sessions_ended_at;
    django.set(1, &stored(600_000));
    django.set(2, "password = 'pbkdf2_sha256$260000$other$BBBB'");
    django.set(3, "password = ''");
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [0, 3, 0, 0]);
    assert!(
        output.stdout.contains("1 hash replaced in Django"),
        "{output:#?}"
    );
    assert!(is_signed_in(&target, 1) && !is_signed_in(&target, 2) && !is_signed_in(&target, 3));
    let after = [1, 2, 3].map(|id| target.user(id).token_version);
    assert_eq!(after, [versions[0], versions[1] + 1, versions[2] + 1]);
    assert_eq!(target.user(1).sessions_ended_at, ended_at);
    assert!(target.user(2).sessions_ended_at > ended_at);
    assert!(target.user(1).password.starts_with("pbkdf2_sha256$600000$"));
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 3, 0]);
}

#[test]
fn a_hash_that_a_real_django_replaced_ends_no_session() {
    let ((django, made), target) = (RealDjango::on_this_runs_backend(), ImportTarget::new());
    target.import(&django, &[]);
    let (id, hash) = made.rehashed;
    sign_in(&target, id);
    assert_ne!(target.user(id).password, hash);
    django.set(id, &format!("password = '{hash}'"));
    let output = target.import(&django, &[]);
    let noted = format!(
        "1 hash replaced in Django, perhaps for the same password; the sessions of this account stay: {id}"
    );
    assert!(output.stdout.contains(&noted), "{output:#?}");
    assert!(is_signed_in(&target, id));
    assert_eq!(target.user(id).password, hash);
}

/// A sign-in here has replaced the hash, so the old one cannot be compared with Django's new one.
#[test]
fn after_a_rehash_here_a_sign_in_in_django_tells_a_rehash_from_a_change() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "ada@example.com");
    django.set(1, &format!("password = '{CHEAP}'"));
    target.import(&django, &[]);
    assert!(signs_in_with(&target, "Correct-horse-9"));
    django.set(
        1,
        &format!("password = '{OTHER}', last_login = '2026-11-21 01:02:03'"),
    );
    target.import(&django, &[]);
    assert_eq!(target.user(1).token_version, 0);
    django.set(1, &format!("password = '{CHEAP}'"));
    target.import(&django, &[]);
    assert_eq!(target.user(1).token_version, 1);
}

/// A hash that no password matches is none of the same password: Django's staff shuts accounts out with one.
#[test]
fn an_unusable_or_unknown_hash_is_no_rehash() {
    let hashes = [
        format!("!{}", "a".repeat(40)),
        format!("X{CHEAP}"),
        String::new(),
    ];
    for (id, hash) in (1..).zip(hashes) {
        let (django, target) = (Django::new(), ImportTarget::new());
        django.add(id, "ada@example.com");
        django.set(id, &format!("password = '{CHEAP}'"));
        target.import(&django, &[]);
        assert!(signs_in_with(&target, "Correct-horse-9"));
        sign_in(&target, id);
        let changes = format!("password = '{hash}', last_login = '2999-11-21 01:02:03'");
        django.set(id, &changes);
        let output = target.import(&django, &[]);
        assert!(!output.stdout.contains("hash replaced"), "{output:#?}");
        let user = target.user(id);
        assert!(!is_signed_in(&target, id), "{hash}");
        assert!(user.token_version == 1 && user.sessions_ended_at.is_some());
        assert!(!signs_in_with(&target, "Correct-horse-9"));
    }
}

/// Checks a password and confirms it as a sign-in does.
fn signs_in_with(target: &ImportTarget, password: &str) -> bool {
    let password = SecretString::from(password);
    let hasher = Hasher::with_threads(1).unwrap();
    let database = target.database.clone();
    actix_web::rt::System::new().block_on(async move {
        let email = "ada@example.com";
        let source = PasswordSource::KnownBrowser {
            account: "1".to_owned(),
            browser: String::new(),
        };
        let policy = PasswordLogin::All;
        let name = LoginName::of_form(LoginField::Email, email);
        let checked = authenticate(&database, &hasher, policy, &name, password, source).await;
        let Ok(checked) = checked else {
            return false;
        };
        let confirmed = database.write(move |conn| Ok::<_, DbError>(checked.confirm(conn)?));
        confirmed.await.unwrap().is_some()
    })
}

fn add_factor(target: &ImportTarget, id: i64) {
    target.change(|conn| {
        let now = vestibule::clock::Clock::system().now();
        let values = (
            totp_factors::user_id.eq(vestibule::ids::UserId::from(id)),
            totp_factors::secret.eq(vec![0_u8; 48]),
            totp_factors::created_at.eq(now),
            totp_factors::last_step.eq(0_i64),
        );
        diesel::insert_into(totp_factors::table)
            .values(values)
            .execute(conn)
    });
}

#[test]
fn an_import_keeps_the_second_factor_unless_it_verifies_the_address() {
    let (django, target) = imported();
    add_factor(&target, 1);
    django.set(1, "password = 'changed$there'");
    target.import(&django, &[]);
    assert_eq!(target.user(1).password, "changed$there");
    assert_eq!(factors(&target), [1]);
    target.import(&django, &["--emails-verified"]);
    assert!(target.user(1).email_verified);
    assert_eq!(factors(&target), [0_i64; 0]);
}

/// Nobody can have registered the account with an address of another person.
#[test]
fn what_was_set_up_without_an_email_stays_when_django_has_one() {
    let (django, target) = (Django::new(), ImportTarget::new());
    let import = |options: &[&str]| {
        let options = [options, &["--emails-verified"]].concat();
        let program = target.program(django.url(), &options);
        program.env("LOGIN_FIELD", "username").run().exits_with(0)
    };
    django.add(1, "");
    import(&[]);
    set_password(&target, 1, "changed$here");
    add_factor(&target, 1);
    sign_in(&target, 1);
    django.set(1, "email = 'ada@example.com'");
    let dry = import(&["--dry-run"]);
    let output = import(&[]);
    for output in [&dry, &output] {
        assert!(!output.stdout.contains("set here"), "{output:#?}");
        assert!(!output.stdout.contains("set up here"), "{output:#?}");
    }
    let user = target.user(1);
    assert_eq!(
        (user.email.as_str(), user.email_verified),
        ("ada@example.com", true)
    );
    assert_eq!(
        (user.password.as_str(), user.token_version),
        ("changed$here", 0)
    );
    assert_eq!(factors(&target), [1]);
    assert!(is_signed_in(&target, 1));
}
