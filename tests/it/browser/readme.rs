//! The README's pictures. `UPDATE_SCREENSHOTS=1 cargo test --test it readmes_pictures` takes them
//! anew.

use std::path::Path;

use authkit_emulator::Seed;
use chrono::{TimeZone as _, Utc};
use vestibule::clock::{Clock, Timestamp};

use super::steps::WELCOME_ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

/// A reader of the README may have a slow line.
const MOST_BYTES: usize = 60_000;

#[tokio::test]
async fn the_readmes_pictures_are_of_the_pages_as_they_are() {
    // Always the same moment and few people, so that the pictures stay small and change seldom.
    let moment = Utc.with_ymd_and_hms(2026, 11, 21, 19, 10, 9).unwrap();
    let clock = Clock::standing_at(Timestamp::from(moment));
    let mut seed = Seed::default();
    seed.users.truncate(3);
    let left: Vec<_> = seed
        .users
        .iter()
        .map(|user| Some(user.email.clone()))
        .collect();
    for organization in &mut seed.organizations {
        organization
            .memberships
            .retain(|one| left.contains(&one.email));
    }
    let app = TestApp::builder().clock(clock).seed(seed).start();

    let phone = Browser::open(Screen::Phone, Scheme::Light).await;
    phone.visit(&format!("{}/account", app.url)).await;
    phone.see("Sign in").await;
    keep(&phone, "sign-in").await;
    phone.choose("olive@example.com").await;
    phone.see("Your account").await;
    keep(&phone, "account-phone").await;

    let desktop = Browser::open(Screen::Desktop, Scheme::Light).await;
    desktop.visit(&format!("{}/auth/login", app.url)).await;
    desktop.choose("ada@example.com").await;
    desktop.see(WELCOME_ADA).await;
    keep(&desktop, "home").await;
}

async fn keep(browser: &Browser, name: &str) {
    assert!(browser.pictures().await.iter().all(|shown| *shown));
    let taken = browser.screenshot().await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screenshots");
    let path = folder.join(name).with_extension("png");
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
        std::fs::create_dir_all(&folder).expect("a folder for the pictures");
        std::fs::write(&path, &taken).expect("the picture is kept");
    }
    let kept = std::fs::read(&path).expect("the README's picture");
    assert!(kept.len() < MOST_BYTES, "{name} has {} bytes", kept.len());
    // Every machine draws letters its own way, so the pictures are not compared dot by dot.
    let outdated = "UPDATE_SCREENSHOTS=1 takes it anew";
    assert_eq!(size(&kept), size(&taken), "{name}: {outdated}");
}

/// Width and height, as a PNG's header has them.
fn size(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}
