//! The clocks of the replicas and of the database differ, or a clock was wrong for a while.

use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::accounts::{revoke_all_sessions, sessions_ended_since};
use vestibule::clock::{Clock, Timestamp};
use vestibule::db::schema::sessions;
use vestibule::sessions::{LeaseCondition, RevocationCache, RevocationStatus, SessionRow};
use vestibule::tokens::TokenGrant;

use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, TestAppBuilder};
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

/// An app with the system's clock and an idle time-out, and a replica of it whose clock is wrong.
fn with_wrong_replica(wrong_by: TimeDelta) -> (TestApp, TestApp) {
    let start = |builder: TestAppBuilder| {
        let rotating = builder.setting("ROTATE_REFRESH_TOKENS", "true");
        rotating.setting("SESSION_IDLE_TIMEOUT", "1800").start()
    };
    let app = start(TestApp::builder().system_clock());
    let wrong = app.replica().clock(app.clock.wrong_by(wrong_by));
    let wrong = start(wrong);
    (app, wrong)
}

/// Whether a page of this app takes the cookies for those of a signed-in user.
async fn accepts(app: &TestApp, cookies: &str) -> bool {
    let page = app.visitor().get_with_cookies("/account", cookies).await;
    page.status() == StatusCode::OK
}

fn created_before(app: &TestApp, minutes: i64) {
    let at = app.now().plus(-TimeDelta::minutes(minutes));
    let change = diesel::update(sessions::table).set(sessions::created_at.eq(at));
    app.change(|conn| change.execute(conn));
}

#[tokio::test]
async fn a_replica_whose_clock_is_ahead_ends_no_session_that_is_in_use() {
    let (app, ahead) = with_wrong_replica(HOUR);
    let cookies = app.signed_in(ADA).await.cookies("/");
    assert!(accepts(&ahead, &cookies).await);
    let log_in = ahead.visitor();
    log_in.get_with_cookies("/auth/login", &cookies).await;
    assert_eq!(app.only_session().revoked_at, None);
    assert!(accepts(&app, &cookies).await);
    // One that was not used for so long ends at either.
    created_before(&app, 31);
    app.change(|conn| {
        let unseen = sessions::last_seen_at.eq(None::<Timestamp>);
        diesel::update(sessions::table).set(unseen).execute(conn)
    });
    assert!(!accepts(&ahead, &cookies).await);
    let ended = app.only_session().revoked_at.unwrap();
    assert!(!ended.is_from_future(app.now()), "{ended}");
}

#[tokio::test]
async fn a_session_that_is_used_at_a_replica_whose_clock_is_behind_is_not_idle() {
    let (app, behind) = with_wrong_replica(-HOUR);
    let cookies = app.signed_in(ADA).await.cookies("/");
    created_before(&app, 20);
    let before = app.now();
    assert!(accepts(&behind, &cookies).await);
    let used_at = app.only_session().last_used_at();
    assert!(used_at.plus(TimeDelta::seconds(10)) > before, "{used_at}");
    assert!(accepts(&app, &cookies).await);
    let cookies = behind.signed_in("olive@example.com").await.cookies("/");
    assert!(accepts(&behind, &cookies).await);
    for session in app.sessions() {
        assert!(session.last_used_at().plus(TimeDelta::seconds(10)) > before);
    }
}

#[tokio::test]
async fn a_session_that_expires_within_the_error_of_a_clock_stays_open() {
    let (app, ahead) = with_wrong_replica(HOUR);
    let cookies = app.signed_in(ADA).await.cookies("/");
    let end = app.now().plus(TimeDelta::minutes(20));
    let change = diesel::update(sessions::table).set(sessions::expires_at.eq(end));
    app.change(|conn| change.execute(conn));
    assert!(!accepts(&ahead, &cookies).await);
    assert_eq!(app.only_session().revoked_at, None);
    assert!(accepts(&app, &cookies).await);
}

#[tokio::test]
async fn a_refresh_token_is_repeated_whatever_clock_a_replica_has() {
    for wrong_by in [HOUR, -HOUR] {
        let (app, wrong) = with_wrong_replica(wrong_by);
        let user = app.add_user(ADA, true);
        for (first, second) in [(&app, &wrong), (&wrong, &app)] {
            let issued = app.issue_tokens(&user, TokenGrant::default());
            let mut pairs = Vec::new();
            for replica in [first, second] {
                let visitor = replica.visitor();
                let answer = visitor
                    .post_refresh_token("/api/token/refresh", &issued.refresh)
                    .await;
                assert_eq!(answer.status, StatusCode::OK, "{wrong_by}: {answer:?}");
                pairs.push(answer.text("refresh"));
            }
            assert_eq!(pairs[0], pairs[1]);
        }
    }
}
