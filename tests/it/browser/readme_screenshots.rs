//! The README's screenshots. `UPDATE_SCREENSHOTS=1 cargo test --test it readme_screenshots` updates them.

use std::path::Path;

use authkit_emulator::Seed;
use chrono::{TimeZone as _, Utc};
use vestibule::clock::{Clock, Timestamp};

use super::steps::WELCOME_ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

/// Readers of the README may have a slow connection.
const MOST_BYTES: usize = 60_000;

#[tokio::test]
async fn the_readme_screenshots_match_the_pages() {
    // A fixed time and few users, so that the screenshots stay small and rarely change.
    let moment = Utc.with_ymd_and_hms(2026, 11, 21, 19, 10, 9).unwrap();
    let clock = Clock::standing_at(Timestamp::from(moment));
    let mut seed = Seed::default();
    seed.users.truncate(3);
    let remaining: Vec<_> = seed
        .users
        .iter()
        .map(|user| Some(user.email.clone()))
        .collect();
    for organization in &mut seed.organizations {
        organization
            .memberships
            .retain(|one| remaining.contains(&one.email));
    }
    let app = TestApp::builder().clock(clock).seed(seed).start();

    let phone = Browser::open(Screen::Phone, Scheme::Light).await;
    phone.visit(&format!("{}/account", app.url)).await;
    phone.wait_for_heading("Sign in").await;
    compare(&phone, "sign-in").await;
    phone.choose_user("olive@example.com").await;
    phone.wait_for_heading("Your account").await;
    compare(&phone, "account-phone").await;

    let desktop = Browser::open(Screen::Desktop, Scheme::Light).await;
    desktop.visit(&format!("{}/auth/login", app.url)).await;
    desktop.choose_user("ada@example.com").await;
    desktop.wait_for_heading(WELCOME_ADA).await;
    compare(&desktop, "home").await;
}

async fn compare(browser: &Browser, name: &str) {
    assert!(browser.images_loaded().await.iter().all(|shown| *shown));
    let taken = browser.screenshot().await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screenshots");
    let path = folder.join(name).with_extension("png");
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
        std::fs::create_dir_all(&folder).expect("a folder for the screenshots");
        std::fs::write(&path, &taken).expect("the screenshot is written");
    }
    let kept = std::fs::read(&path).expect("the README's screenshot");
    assert!(kept.len() < MOST_BYTES, "{name} has {} bytes", kept.len());
    // Machines render fonts differently, so the screenshots are not compared pixel by pixel.
    let outdated = "UPDATE_SCREENSHOTS=1 updates it";
    assert_eq!(size(&kept), size(&taken), "{name}: {outdated}");
}

/// Width and height, as a PNG's header has them.
fn size(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}
