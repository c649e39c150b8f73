//! Floods of wrong passwords that use up the limits or the hashing threads.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use parking_lot::{Condvar, Mutex};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::mpsc;
use vestibule::accounts::passwords::{Hasher, SlotClock};

use super::{EMAIL, PASSWORD, assert_logs_in};
use crate::support::app::{TestApp, Visitor};
use crate::support::steps::set_cookie;

/// The passwords that wait for one hashing thread.
const QUEUE: usize = 32;

/// A clock on which a refused password occupies its thread until the test opens the gate.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock() = true;
        self.opened.notify_all();
    }
}

impl SlotClock for Gate {
    fn cpu_time(&self) -> Duration {
        Duration::ZERO
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) {
        let mut is_open = self.is_open.lock();
        while !*is_open {
            self.opened.wait(&mut is_open);
        }
    }
}

/// Sends the log-in form from this address.
async fn log_in_from(visitor: &Visitor, from: &str, email: &str, password: &str) -> Response {
    let request = visitor.request(Method::POST, "/login");
    let fields = [("email", email), ("password", password)];
    let request = request.header("x-forwarded-for", from).form(&fields);
    request.send().await.unwrap()
}

#[tokio::test]
async fn an_ipv6_48_that_fills_the_queue_keeps_out_neither_other_networks_nor_known_browsers() {
    let gate = Arc::new(Gate::default());
    let hasher = Hasher::with_clock(1, Arc::clone(&gate) as Arc<dyn SlotClock>);
    let app = TestApp::builder()
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .hasher(hasher.expect("threads"))
        .start();
    let root = app.add_user_with_password("root@example.com", PASSWORD);
    app.set_superuser(root.id);
    app.add_user_with_password(EMAIL, PASSWORD);
    let superuser = app.visitor();
    let signed_in = log_in_from(&superuser, "192.0.2.1", "root@example.com", PASSWORD).await;
    assert_eq!(signed_in.status(), StatusCode::FOUND);

    let first = log_in_from(&app.visitor(), "2001:db8::1", "nobody@example.com", "x").await;
    assert_eq!(first.status(), StatusCode::OK, "its thread is occupied now");
    let (rejected, mut rejections) = mpsc::unbounded_channel();
    for network in 1..=QUEUE + 8 {
        let (visitor, rejected) = (app.visitor(), rejected.clone());
        tokio::spawn(async move {
            let from = format!("2001:db8:0:{network:x}::1");
            let answer = log_in_from(&visitor, &from, "nobody@example.com", "x").await;
            if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                rejected.send(()).unwrap_or_default();
            }
        });
    }
    for _ in 0..8 {
        rejections.recv().await.expect("the queue is full");
    }
    let other = {
        let visitor = app.visitor();
        tokio::spawn(async move {
            log_in_from(&visitor, "198.51.100.7", EMAIL, PASSWORD)
                .await
                .status()
        })
    };
    rejections
        .recv()
        .await
        .expect("the other network's password replaces one");
    // All threads but the reserved one are occupied, and the queue is full.
    let again = log_in_from(&superuser, "192.0.2.1", "root@example.com", PASSWORD).await;
    assert_eq!(again.status(), StatusCode::FOUND);
    gate.open();
    assert_eq!(other.await.unwrap(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_neighbour_cannot_use_up_the_limits_of_a_known_browser() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "2/min")
        .start();
    let root = app.add_user_with_password("root@example.com", PASSWORD);
    app.set_superuser(root.id);
    app.add_user_with_password(EMAIL, PASSWORD);
    let known = app.visitor();
    assert_logs_in(&known, "root@example.com", PASSWORD).await;
    app.clock.advance(TimeDelta::seconds(61));
    let attacker = app.visitor();
    for _ in 0..2 {
        attacker.log_in("root@example.com", "wrong").await;
    }
    let throttled = attacker.log_in("root@example.com", "wrong").await;
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
    // Both the sign-ins of the address and the wrong passwords for this account are used up.
    assert_logs_in(&known, "root@example.com", PASSWORD).await;
    let another_account = known.log_in(EMAIL, PASSWORD).await;
    assert_eq!(another_account.status(), StatusCode::TOO_MANY_REQUESTS);
    let forged = app.visitor().request(Method::POST, "/login");
    let forged = forged.header("cookie", "vestibule_browser=made-up");
    let fields = [("email", "root@example.com"), ("password", PASSWORD)];
    let forged = forged.form(&fields).send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_known_browser_cannot_guess_without_limit() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "2/min")
        .start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let known = app.visitor();
    assert_logs_in(&known, EMAIL, PASSWORD).await;
    for _ in 0..2 {
        app.clock.advance(TimeDelta::seconds(61));
        let wrong = known.log_in(EMAIL, "wrong").await;
        assert_eq!(wrong.status(), StatusCode::OK);
    }
    app.clock.advance(TimeDelta::seconds(61));
    let throttled = known.log_in(EMAIL, PASSWORD).await;
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
}

/// The cookie stays in a browser after the log-out, for whoever uses it next.
#[tokio::test]
async fn a_known_browser_does_not_use_up_the_limits_of_another() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "2/min")
        .start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let (own, kiosk) = (app.visitor(), app.visitor());
    for browser in [&own, &kiosk] {
        assert_logs_in(browser, EMAIL, PASSWORD).await;
        browser.post("/auth/logout").await;
    }
    let log_in = async |browser: &Visitor, password: &str| {
        app.clock.advance(TimeDelta::seconds(61));
        browser.log_in(EMAIL, password).await.status()
    };
    for _ in 0..2 {
        assert_eq!(log_in(&kiosk, "wrong").await, StatusCode::OK);
    }
    assert_eq!(
        log_in(&kiosk, PASSWORD).await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(log_in(&own, PASSWORD).await, StatusCode::FOUND);
}

#[tokio::test]
async fn the_cookie_of_a_known_browser_signs_nobody_in_and_names_nobody() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    let refused = grace.log_in(EMAIL, "wrong").await;
    assert_eq!(set_cookie(&refused, "vestibule_browser"), None);
    let response = grace.log_in(EMAIL, PASSWORD).await;
    let line = set_cookie(&response, "vestibule_browser").unwrap();
    for part in [
        "HttpOnly",
        "Path=/login",
        "SameSite=Lax",
        "Max-Age=34560000",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.to_lowercase().contains("olive"), "{line}");
    let value = grace.cookie("/login", "vestibule_browser").unwrap();
    let alone = format!("vestibule_browser={value}");
    let home = grace.get_with_cookies("/", &alone).await;
    assert!(!home.text().await.unwrap().contains("Welcome, "));
}
