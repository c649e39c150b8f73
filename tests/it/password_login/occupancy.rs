//! For how long a refused password occupies a hashing thread. Otherwise the waiting times of concurrent
//! passwords would show which accounts exist, and how old their hashes are.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Response, StatusCode};
use serde_json::json;
use vestibule::accounts::passwords::{Hasher, SlotClock};
use vestibule::accounts::unusable_password;

use super::PASSWORD;
use crate::password_change::{NEW, change};
use crate::support::app::{TestApp, Visitor};

/// A hash with twice the iterations of Django 5.2: more than twenty times the work of a new hash.
const SLOW_PBKDF2: &str =
    "pbkdf2_sha256$2000000$seasalt2seasalt2seasalt$Eieg3MnpMY7C8JSCJjQwVxuhJ24men+HK2urK/0zaxY=";
const BCRYPT: &str = "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuOtpIlRD.AVjVtoIZaQgsFAj6fS/sgBK";
const CHEAP_PBKDF2: &str = "pbkdf2_sha256$1000$Salz-ü$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
/// What every comparison takes on the recording clock while it is computed.
const MEASURED: Duration = Duration::from_millis(7);

/// Counts the comparisons that it measures, and records the waits of hashing threads instead of
/// waiting.
#[derive(Default)]
struct RecordingClock {
    readings: Mutex<u32>,
    waits: Mutex<Vec<Duration>>,
}

impl SlotClock for RecordingClock {
    fn cpu_time(&self) -> Duration {
        Duration::ZERO
    }

    /// Each comparison reads the clock twice.
    fn elapsed(&self) -> Duration {
        let mut readings = self.readings.lock();
        *readings += 1;
        MEASURED * *readings
    }

    fn sleep(&self, duration: Duration) {
        self.waits.lock().push(duration);
    }
}

fn app() -> (TestApp, Arc<RecordingClock>) {
    let clock = Arc::new(RecordingClock::default());
    let hasher = Hasher::with_clock(1, Arc::clone(&clock) as Arc<dyn SlotClock>);
    let app = TestApp::builder().hasher(hasher.expect("threads")).start();
    (app, clock)
}

/// Accounts with all kinds of stored passwords, and an address without an account.
fn add_accounts(app: &TestApp) -> Vec<String> {
    let stored = [
        ("pbkdf2", SLOW_PBKDF2.to_owned()),
        ("bcrypt", BCRYPT.to_owned()),
        ("cheap", CHEAP_PBKDF2.to_owned()),
        ("unusable", unusable_password().unwrap()),
        ("broken", "argon2$made-up".to_owned()),
    ];
    let mut emails = vec!["unknown@example.com".to_owned()];
    for (name, stored) in stored {
        let email = format!("{name}@example.com");
        app.add_user_with_stored_password(&email, &stored);
        emails.push(email);
    }
    let closed = app.add_user_with_password("closed@example.com", PASSWORD);
    app.set_active(closed.id, false);
    app.add_user_with_password("current@example.com", "Another-horse-9");
    emails.extend([closed.email, "current@example.com".to_owned()]);
    emails
}

async fn at_the_form(visitor: Visitor, email: String) -> Response {
    visitor.log_in(&email, "wrong").await
}

async fn at_the_api(visitor: Visitor, email: String) -> Response {
    let body = json!({ "email": email, "password": "wrong" });
    let request = visitor.request(reqwest::Method::POST, "/api/token");
    request.json(&body).send().await.unwrap()
}

#[tokio::test]
async fn every_refused_password_fills_one_quantum_whatever_is_stored() {
    let (app, clock) = app();
    let emails = add_accounts(&app);
    for email in &emails {
        let (visitor, other) = (app.visitor(), app.visitor());
        let (form, api) = tokio::join!(
            at_the_form(visitor, email.clone()),
            at_the_api(other, email.clone())
        );
        assert_eq!(form.status(), StatusCode::OK, "{email}");
        assert_eq!(api.status(), StatusCode::UNAUTHORIZED, "{email}");
        let waits = std::mem::take(&mut *clock.waits.lock());
        assert_eq!(waits, [Duration::from_millis(50) - MEASURED; 2], "{email}");
    }
}

#[tokio::test]
async fn a_refused_password_change_fills_one_quantum_too() {
    let (app, clock) = app();
    app.add_user_with_password("current@example.com", PASSWORD);
    let grace = app.visitor();
    super::assert_logs_in(&grace, "current@example.com", PASSWORD).await;
    assert!(
        clock.waits.lock().is_empty(),
        "a right password waits for nothing"
    );
    change(&grace, "wrong", [NEW, NEW]).await;
    let waits = std::mem::take(&mut *clock.waits.lock());
    assert_eq!(waits, [Duration::from_millis(50) - MEASURED]);
    change(&grace, PASSWORD, [NEW, NEW]).await;
    assert!(clock.waits.lock().is_empty());
}

#[tokio::test]
async fn the_quantum_is_longer_than_the_dearest_hash_of_the_table() {
    let app = TestApp::start();
    app.add_user_with_stored_password("old@example.com", SLOW_PBKDF2);
    app.add_user_with_stored_password("older@example.com", CHEAP_PBKDF2);
    app.add_user_with_stored_password("bcrypt@example.com", BCRYPT);
    app.add_user_with_password("current@example.com", PASSWORD);
    app.add_user_with_stored_password("unusable@example.com", &unusable_password().unwrap());
    let dearest = app.rows(vestibule::accounts::dearest_hashes);
    assert_eq!(dearest, [SLOW_PBKDF2, BCRYPT]);
    // Twice the CPU time of two million iterations.
    let hasher = Hasher::with_threads(1).unwrap();
    let before = hasher.quantum();
    vestibule::accounts::measure_password_costs(&app.database, &hasher).unwrap();
    assert!(hasher.quantum() > before, "{:?}", hasher.quantum());
}
