//! A session that began with a local password: its row and its account are checked, without WorkOS.

use diesel::prelude::*;
use vestibule::db::schema::users;

use crate::support::api::PASSWORD;
use crate::support::app::TestApp;
use crate::support::steps::set_cookie;

#[tokio::test]
async fn the_account_is_checked_every_five_minutes() {
    let app = TestApp::start();
    let user = app.add_password_user("pat@example.com");
    let pat = app.visitor();
    pat.log_in("pat@example.com", PASSWORD).await;
    app.change(|conn| {
        diesel::update(users::table.find(user.id))
            .set(users::first_name.eq("Patricia"))
            .execute(conn)
    });
    app.advance(299);
    assert!(!pat.page("/account").await.contains("Patricia"));
    app.advance(2);
    let response = pat.get("/account").await;
    assert!(set_cookie(&response, "sessionid").is_some());
    assert!(response.text().await.unwrap().contains("Patricia"));
    assert_eq!(app.renewals(), 0);
    assert_eq!(app.workos().requests().len(), 0, "WorkOS is not asked");
    app.change(|conn| diesel::delete(users::table.find(user.id)).execute(conn));
    app.advance(301);
    assert!(!pat.is_signed_in().await);
}

#[tokio::test]
async fn a_local_session_continues_during_an_outage_of_workos() {
    let app = TestApp::builder()
        .setting("SESSION_STALE_GRACE", "0")
        .start();
    app.add_password_user("pat@example.com");
    let pat = app.visitor();
    pat.log_in("pat@example.com", PASSWORD).await;
    app.make_workos_unavailable();
    for _ in 0..5 {
        app.advance(3_600);
        assert!(pat.is_signed_in().await);
    }
}
