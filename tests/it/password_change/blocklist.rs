//! A new password that the blocklist lists.

use std::fs;

use reqwest::StatusCode;
use vestibule::accounts::passwords;

use super::{NEW, change, refused_change, signed_in};
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::TestApp;
use crate::support::blocklist::BREACHED;

#[tokio::test]
async fn a_breached_password_is_refused_and_another_one_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocklist.txt");
    fs::write(&path, crate::support::blocklist::content()).unwrap();
    let app = TestApp::builder()
        .setting("PASSWORD_BLOCKLIST_FILE", path.to_str().unwrap())
        .start();
    let grace = signed_in(&app).await;
    let page = refused_change(&grace, PASSWORD, [BREACHED, BREACHED]).await;
    assert!(
        page.contains("This password has appeared in a data breach."),
        "{page}"
    );
    // The old password is not compared for a form that would change nothing.
    assert_eq!(
        page,
        refused_change(&grace, "wrong", [BREACHED, BREACHED]).await
    );
    assert!(passwords::verify(PASSWORD, &app.user(EMAIL).password));
    let response = change(&grace, PASSWORD, [NEW, NEW]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
}
