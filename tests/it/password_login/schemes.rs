//! Passwords of all of Django's schemes are accepted, and rehashed if the current parameters are
//! stronger.

use diesel::prelude::*;
use futures_util::future::join_all;
use vestibule::accounts::passwords;
use vestibule::db::schema::users;

use super::{PASSWORD, assert_logs_in, refused};
use crate::support::app::TestApp;

/// Hashes of [`PASSWORD`] with cheap parameters, made by Django 5.2.
const WEAKER: [&str; 6] = [
    "pbkdf2_sha256$1$seasalt$Ic/q6O7anGS3lBPjJO/afdYW6a5xuGPSQ7iD5xoe4Uk=",
    "pbkdf2_sha1$1000$seasalt$kEK2ogLYeTy8TzVNTyF8BK1Zsoc=",
    "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuQaffA7IYMELBl5eAPyIGgTwEirYbt/q",
    "bcrypt$$2b$04$abcdefghijklmnopqrstuuyZuPnD.u7L3fcm9FHm7XjD4EiTJCDlu",
    "scrypt$1024$seasalt$8$5$7ZZPLpEDJ6KEasRTh3GpWmXxjXnKkpauiVs48TAFy49GP4LgxwsYG+TYbHCHL7iGKVRgzPcFzKM6jBElKiemIA==",
    "argon2$argon2id$v=19$m=512,t=2,p=2$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw",
];
/// A hash with Django's Argon2 parameters, which cost more than ours.
const STRONGER: &str = "argon2$argon2id$v=19$m=102400,t=2,p=8$c2Vhc2FsdDJzZWFzYWx0MnNlYXNhbA$l8tdAcxrs/9Mdvym8eDyo94DhqMI2oTidSr8EIf7w4g";

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

#[tokio::test]
async fn a_weaker_hash_is_replaced_at_the_sign_in_without_revoking_sessions() {
    let app = TestApp::start();
    for (number, stored) in WEAKER.into_iter().enumerate() {
        let user = app.add_user_with_stored_password(&email(number), stored);
        let (first, second) = (app.visitor(), app.visitor());
        assert_logs_in(&first, &user.email, PASSWORD).await;
        let upgraded = app.user(&user.email);
        let ours = "argon2$argon2id$v=19$m=19456,t=2,p=1$";
        assert!(upgraded.password.starts_with(ours), "{stored}");
        assert!(passwords::verify(PASSWORD, &upgraded.password), "{stored}");
        assert_eq!(upgraded.token_version % 65_536, 0, "{stored}");

        // The old hash again, with an active session. A rehash is not a change of the password.
        app.change(|conn| {
            diesel::update(users::table.find(user.id))
                .set(users::password.eq(stored))
                .execute(conn)
        });
        assert_logs_in(&second, &user.email, PASSWORD).await;
        assert!(first.is_signed_in().await, "{stored}");
        assert_logs_in(&app.visitor(), &user.email, PASSWORD).await;
    }
    let ended = app
        .sessions()
        .into_iter()
        .filter(|row| row.revoked_at.is_some());
    assert_eq!(ended.count(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_refused_for_every_scheme_and_rehashes_nothing() {
    let app = TestApp::start();
    let all = WEAKER.into_iter().chain([STRONGER]).enumerate();
    let all: Vec<_> = all
        .map(|(number, stored)| app.add_user_with_stored_password(&email(number), stored))
        .collect();
    let visitor = app.visitor();
    join_all(
        all.iter()
            .map(|user| refused(&visitor, &user.email, "Correct-horse-8")),
    )
    .await;
    for user in all {
        assert_eq!(app.user(&user.email), user);
    }
}

#[tokio::test]
async fn stronger_and_current_hashes_are_not_replaced() {
    let app = TestApp::start();
    app.add_user_with_stored_password(&email(0), STRONGER);
    app.add_user_with_password(&email(1), PASSWORD);
    for number in 0..2 {
        let before = app.user(&email(number)).password;
        assert_logs_in(&app.visitor(), &email(number), PASSWORD).await;
        assert_eq!(app.user(&email(number)).password, before);
    }
}

#[tokio::test]
async fn concurrent_sign_ins_with_a_weaker_hash_all_succeed() {
    let app = TestApp::start();
    let user = app.add_user_with_stored_password(&email(0), WEAKER[0]);
    let visitors: Vec<_> = (0..6).map(|_| app.visitor()).collect();
    join_all(
        visitors
            .iter()
            .map(|one| assert_logs_in(one, &user.email, PASSWORD)),
    )
    .await;
    assert_eq!(app.sessions().len(), 6);
    let stored = app.user(&user.email).password;
    assert!(passwords::verify(PASSWORD, &stored) && !passwords::needs_upgrade(&stored));
}
