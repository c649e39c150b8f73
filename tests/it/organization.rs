//! `POST /auth/organization`: switches a session to another organisation of its user.

mod list;
mod refusals;

use authkit_emulator::{Seed, SeedMembership};
use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::{Response, StatusCode};
use serde_json::json;
use vestibule::db::schema::sessions;
use vestibule::sessions::SessionRow;

use crate::support::app::{TestApp, Visitor, location};
use crate::support::log::{capture, count_lines, open_when};
use crate::support::steps::{AUTHENTICATE, LOG_OUT_LINK, error_page, retry_after, set_cookie};
use crate::support::tokens::token_part;

pub(crate) const TWYLA: &str = "twyla@example.com";
const ROUTE: &str = "/auth/organization";
pub(crate) const ORCHARDS: &str = "Example Orchards";
pub(crate) const TANDEM: &str = "Tandem Cycles";
const HARBOUR: &str = "Harbour Trust";

/// A browser in which this user has signed in to this organisation.
pub(crate) async fn in_organization(app: &TestApp, email: &str, name: &str) -> Visitor {
    let visitor = app.visitor();
    let id = app.organization(name);
    let authorize = visitor
        .start_login(&format!(
            "/auth/login?provider=authkit&organization_id={id}"
        ))
        .await;
    let callback = visitor.authorize(&authorize, email).await;
    let answer = visitor.get(callback.as_str()).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    visitor
}

pub(crate) async fn switch(app: &TestApp, visitor: &Visitor, name: &str) -> Response {
    let id = app.organization(name);
    visitor.submit(ROUTE, &[("organization_id", &id)]).await
}

fn session(app: &TestApp, id: &str) -> SessionRow {
    let mut rows = app.sessions().into_iter();
    rows.find(|row| *row.id == *id).expect("the session")
}

#[tokio::test]
async fn the_account_page_offers_the_organisations_and_switches() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let before = app.only_session();
    let page = twyla.page("/account").await;
    for name in [ORCHARDS, TANDEM, ">admin<"] {
        assert!(page.contains(name), "{name} in {page}");
    }
    let choice = |name| format!(r#"value="{}""#, app.organization(name));
    assert!(page.contains(&choice(TANDEM)), "{page}");
    assert!(
        !page.contains(&choice(ORCHARDS)),
        "not the current one: {page}"
    );
    assert!(!page.contains(HARBOUR), "{page}");

    let answer = switch(&app, &twyla, TANDEM).await;
    assert_eq!(location(&answer), "/account?notice=organization-switched");
    assert!(set_cookie(&answer, "sessionid").is_some());
    assert_eq!(app.renewals(), 1);
    let page = twyla.page(&location(&answer)).await;
    assert!(page.contains("You are now in Tandem Cycles."), "{page}");
    assert!(page.contains(">member<"), "the role follows: {page}");

    let after = app.only_session();
    assert_eq!(after.id, before.id);
    assert_eq!(after.organization_id, Some(app.organization(TANDEM).into()));
    assert_eq!(after.role.as_deref(), Some("member"));
    assert_eq!(after.workos_sid, before.workos_sid);
    assert_eq!(after.renewing_until, None);
    assert_ne!(
        app.workos_refresh_token(&after),
        app.workos_refresh_token(&before)
    );
    assert_eq!(app.renewals(), 1, "no request renews the session again");
}

#[tokio::test]
async fn choosing_the_current_organisation_sends_workos_nothing() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let answer = switch(&app, &twyla, ORCHARDS).await;
    assert_eq!(location(&answer), "/account?notice=organization-unchanged");
    let page = twyla.page(&location(&answer)).await;
    assert!(page.contains("You are in Example Orchards."), "{page}");
    assert!(!page.contains("You are now in"), "nothing changed: {page}");
    let id = app.organization(ORCHARDS);
    let form = [("organization_id", id.as_str()), ("next", "/?from=here")];
    let answer = twyla.submit(ROUTE, &form).await;
    assert_eq!(location(&answer), "/?from=here");
    assert_eq!(app.renewals(), 0);
}

#[tokio::test]
async fn an_old_cookie_is_updated_on_both_replicas() {
    let app = TestApp::start();
    let replica = app.replica().start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let copy = twyla.cookies("/");
    switch(&app, &twyla, TANDEM).await;
    for app in [&app, &replica] {
        let began = std::time::Instant::now();
        loop {
            let page = app.visitor().get_with_cookies("/account", &copy).await;
            if page.text().await.unwrap().contains(">member<") {
                break;
            }
            assert!(began.elapsed().as_secs() < 20, "it follows");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    assert_eq!(app.renewals(), 1);
}

#[tokio::test]
async fn the_sessions_tokens_stay_valid() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let tokens = twyla.post_json("/api/auth/session", &json!({})).await;
    let refresh = json!({ "refresh": tokens.text("refresh_token") });
    switch(&app, &twyla, TANDEM).await;
    let next = twyla.post_json("/api/token/refresh", &refresh).await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    assert_eq!(token_part(&next.text("access"), 1)["sid"], json!(sid));
}

#[tokio::test]
async fn next_is_followed_on_this_site_only() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let id = app.organization(TANDEM);
    for (next, leads_to) in [
        ("/?from=here", "/?from=here"),
        (
            "https://evil.example/",
            "/account?notice=organization-switched",
        ),
        ("//evil.example", "/account?notice=organization-switched"),
    ] {
        switch(&app, &twyla, ORCHARDS).await;
        let form = [("organization_id", id.as_str()), ("next", next)];
        let answer = twyla.submit(ROUTE, &form).await;
        assert_eq!(location(&answer), leads_to, "{next}");
    }
}

#[tokio::test]
async fn an_organisation_with_single_sign_on_requires_a_new_sign_in() {
    let mut seed = Seed::default();
    let harbour = seed.organizations.iter_mut().find(|one| one.sso_required);
    harbour.unwrap().memberships.push(SeedMembership {
        email: Some(TWYLA.to_owned()),
        ..SeedMembership::default()
    });
    let app = TestApp::builder().seed(seed).start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let before = app.only_session();
    let answer = switch(&app, &twyla, HARBOUR).await;
    assert_eq!(answer.status(), StatusCode::OK, "no redirect after a form");
    let page = answer.text().await.unwrap();
    assert!(page.contains(LOG_OUT_LINK), "{page}");
    let same = app.only_session();
    assert_eq!(same.organization_id, before.organization_id);
    assert_eq!(same.renewing_until, None, "the lease is free");
    assert!(twyla.is_signed_in().await);

    let link = page.split(r#"<a class="button" href=""#).nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let fresh = twyla.start_login(&link).await;
    let callback = twyla.authorize(&fresh, TWYLA).await;
    let back = twyla.get(callback.as_str()).await;
    assert_eq!(location(&back), "/account");
    let page = twyla.page("/account").await;
    assert!(page.contains(&app.organization(HARBOUR)), "{page}");
    assert!(session(&app, &before.id).revoked_at.is_some(), "replaced");
}

#[tokio::test]
async fn a_switch_waits_for_a_running_renewal() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    capture();
    app.advance(245);
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let (renewing, switching) = tokio::join!(twyla.get("/"), async {
        gate.reached().await.unwrap();
        let id = app.only_session().id;
        let waits = format!("a switch of session {id} waits for a renewal");
        open_when(
            &gate,
            || count_lines(&waits) > 0,
            switch(&app, &twyla, TANDEM),
        )
        .await
    });
    assert_eq!(renewing.status(), StatusCode::OK);
    assert_eq!(switching.status(), StatusCode::FOUND);
    assert_eq!(app.renewals(), 2);
    assert_eq!(
        app.only_session().organization_id,
        Some(app.organization(TANDEM).into())
    );
}

#[tokio::test]
async fn a_lease_that_is_not_released_is_a_503() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let lease = app.now().plus(TimeDelta::seconds(20));
    app.change(|conn| {
        diesel::update(sessions::table)
            .set(sessions::renewing_until.eq(lease))
            .execute(conn)
    });
    let answer = switch(&app, &twyla, TANDEM).await;
    assert!(retry_after(answer.headers()).is_some());
    error_page(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(app.renewals(), 0);
    app.advance(20);
    let answer = switch(&app, &twyla, TANDEM).await;
    assert_eq!(answer.status(), StatusCode::FOUND, "its holder has died");
}
