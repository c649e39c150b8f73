//! The clocks of the replicas and of the database differ, or a clock was wrong for a while.

use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::accounts::{revoke_all_sessions, sessions_ended_since};
use vestibule::clock::Clock;
use vestibule::sessions::{LeaseCondition, RevocationCache, RevocationStatus, SessionRow};
use vestibule::tokens::TokenGrant;

use crate::support::api::PASSWORD;
use crate::support::app::TestApp;
use crate::support::log;
use crate::support::readings::{becomes_true, happens_soon};

const ADA: &str = "ada@example.com";
const HOUR: TimeDelta = TimeDelta::hours(1);

#[tokio::test]
async fn a_log_out_at_a_replica_whose_clock_is_behind_takes_effect_everywhere() {
    let app = TestApp::start();
    let behind = app
        .replica()
        .clock(Clock::standing_at(app.now().plus(-HOUR)));
    let behind = behind.start();
    let cookies = app.signed_in(ADA).await.cookies("/");
    let is_accepted = async || {
        let page = app.visitor().get_with_cookies("/account", &cookies).await;
        page.status() == StatusCode::OK
    };
    assert!(is_accepted().await);
    let visitor = behind.visitor();
    let logged_out = visitor.post_with_cookies("/auth/logout", &cookies).await;
    assert_eq!(logged_out.status(), StatusCode::FOUND);
    assert!(app.only_session().revoked_at < Some(app.now().plus(-TimeDelta::minutes(59))));
    assert!(happens_soon(&app, async || !is_accepted().await).await);
}

#[tokio::test]
async fn one_reading_finds_changes_whatever_clock_made_them() {
    for wrong_by in [-HOUR, HOUR] {
        let app = TestApp::start();
        app.signed_in(ADA).await;
        let row = app.only_session();
        let replica = RevocationCache::default();
        replica.refresh(&app.database, app.now()).await.unwrap();
        let wrong = app.now().plus(wrong_by);
        let changed = app.change(|conn| SessionRow::increment_generation(conn, &row.id, wrong));
        replica.refresh(&app.database, app.now()).await.unwrap();
        assert_eq!(replica.generation(&row.id), changed.unwrap().generation);
        assert_eq!(replica.status(&row.id), RevocationStatus::NotRevoked);
        app.change(|conn| SessionRow::revoke(conn, &row.id, wrong));
        replica.refresh(&app.database, app.now()).await.unwrap();
        assert_eq!(replica.status(&row.id), RevocationStatus::Revoked);
    }
}

/// The app's clock is an hour ahead for a while. The clocks of WorkOS and the database are right.
#[tokio::test]
async fn what_was_issued_while_the_clock_was_ahead_works_at_once_when_it_is_right_again() {
    let app = TestApp::builder()
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .setting("SESSION_IDLE_TIMEOUT", "3600")
        .start();
    app.clock.advance(HOUR);
    let ada = app.signed_in(ADA).await;
    let user = app.user(ADA);
    let issued = app.issue_tokens(&user, TokenGrant::default());
    let visitor = app.visitor();
    let refresh = async |token: &str| {
        let answer = visitor
            .post_refresh_token("/api/token/refresh", token)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        (answer.text("access"), answer.text("refresh"))
    };
    let (access, next) = refresh(&issued.refresh).await;
    let lease = app.now().plus(TimeDelta::seconds(20));
    let (id, now) = (app.only_session().id, app.now());
    assert!(app.change(|conn| SessionRow::take_lease(conn, &id, now, lease, LeaseCondition::Free)));

    app.clock.advance(-HOUR);
    let renewals = app.renewals();
    assert!(ada.is_signed_in().await);
    assert_eq!(
        app.renewals(),
        renewals + 1,
        "WorkOS is asked now, not in an hour"
    );
    let row = app.only_session();
    assert!(row.renew_after < Some(app.now().plus(TimeDelta::minutes(5))));
    assert!(
        row.last_used_at() <= app.now(),
        "the idle time counts from now"
    );
    assert!(ada.is_signed_in().await);
    assert_eq!(app.renewals(), renewals + 1, "once");
    assert_eq!(
        visitor.get_me_with_token(&access).await.status,
        StatusCode::OK
    );
    let (access, _) = refresh(&next).await;
    assert_eq!(
        visitor.get_me_with_token(&access).await.status,
        StatusCode::OK
    );
    let body = json!({ "token": access });
    let verified = visitor.post_json("/api/token/verify", &body).await;
    assert_eq!(verified.status, StatusCode::OK);
}

#[tokio::test]
async fn a_password_session_from_the_future_is_compared_with_its_account_at_once() {
    let app = TestApp::start();
    app.add_user_with_password("pat@example.com", PASSWORD);
    app.clock.advance(HOUR);
    let pat = app.visitor();
    pat.log_in("pat@example.com", PASSWORD).await;
    app.clock.advance(-HOUR);
    let before = pat.cookie("/", "sessionid");
    assert!(pat.is_signed_in().await);
    let compared = pat.cookie("/", "sessionid");
    assert_ne!(compared, before, "the cookie has the right time");
    // Credentials that were entered in the future are not recent for more than an hour.
    let answer = pat
        .submit("/account/sessions/revoke", &[("all", "1")])
        .await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_clock_that_differs_from_the_databases_is_logged() {
    log::capture();
    // The numbers are no other test's.
    for (seconds, side) in [(12_345, "ahead of"), (-54_321, "behind")] {
        let now = Clock::system().now().plus(TimeDelta::seconds(seconds));
        let _app = TestApp::builder().clock(Clock::standing_at(now)).start();
        let number = format!("clock is {}", seconds.abs() / 10);
        let is_logged = async || log::has_line_with(&number, &format!("s {side} the database's"));
        assert!(becomes_true(is_logged).await, "{seconds}");
    }
}

#[tokio::test]
async fn an_end_of_all_sessions_in_the_future_prevents_no_sign_in() {
    let app = TestApp::start();
    let user = app.add_user(ADA, true);
    let ahead = app.now().plus(HOUR);
    app.change(|conn| revoke_all_sessions(conn, user.id, ahead));
    let ended = |now| app.rows(|conn| sessions_ended_since(conn, user.id, app.now(), now));
    assert!(ended(ahead));
    assert!(!ended(app.now()));
}
