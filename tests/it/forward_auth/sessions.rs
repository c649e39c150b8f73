//! Whose request `/auth/verify` says it is, and what it says of the session.

use std::time::Duration;

use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::db::schema::users;

use super::{OLIVE, VERIFY, ask, header, status};
use crate::organization::{ORCHARDS, TANDEM, TWYLA, in_organization, switch};
use crate::renewal::late::{allow_confirmations, refuse_confirmations};
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor};
use crate::support::readings::{becomes_true, happens_soon};
use crate::support::steps::AUTHENTICATE;
use crate::support::tokens::token_claims;

/// The access token in the policy's cookie lasts five minutes, the session days.
#[tokio::test]
async fn a_session_counts_whatever_the_policys_cookie_holds() {
    let app = TestApp::builder()
        .setting("AUTH_COOKIE_NAME", "tofu-web")
        .start();
    let olive = app.signed_in(OLIVE).await;
    olive.post_json("/api/auth/session", &json!({})).await;
    let token = olive.cookie("/", "tofu-web").unwrap();
    let session = olive.cookie("/", "sessionid").unwrap();
    assert_eq!(status(&olive, VERIFY).await, 200);
    let ada = app.signed_in("ada@example.com").await;
    ada.post_json("/api/auth/session", &json!({})).await;
    let foreign = ada.cookie("/", "tofu-web").unwrap();
    app.advance(301);
    for token in [token.as_str(), foreign.as_str(), "nonsense"] {
        let cookies = format!("sessionid={session}; tofu-web={token}");
        let page = app.visitor().get_with_cookies("/account", &cookies).await;
        assert_eq!(page.status(), StatusCode::OK);
        let answer = app.visitor().get_with_cookies(VERIFY, &cookies).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(header(&answer, "x-auth-email"), OLIVE);
    }
    // Without a session the token decides.
    for (token, expected) in [(&token, 401), (&ada_again(&app, &ada).await, 200)] {
        let cookies = format!("tofu-web={token}");
        let answer = app.visitor().get_with_cookies(VERIFY, &cookies).await;
        assert_eq!(answer.status().as_u16(), expected);
    }
    // What has ended counts for neither.
    let current = olive.cookies("/");
    olive.post("/auth/logout").await;
    let answer = app.visitor().get_with_cookies(VERIFY, &current).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

/// A new access token in the policy's cookie.
async fn ada_again(app: &TestApp, ada: &Visitor) -> String {
    assert!(ada.is_signed_in().await, "{}", app.url);
    ada.post_json("/api/auth/session", &json!({})).await;
    ada.cookie("/", "tofu-web").unwrap()
}

/// An address that nobody has verified may be another person's.
#[tokio::test]
async fn an_address_that_is_not_verified_is_left_out() {
    for (family, email, login) in [
        ("x-auth", "x-auth-email", None),
        (
            "x-auth-request",
            "x-auth-request-email",
            Some("x-auth-request-preferred-username"),
        ),
        ("remote", "remote-email", Some("remote-user")),
    ] {
        let (app, user) = TestApp::builder()
            .setting("FORWARD_AUTH_HEADERS", family)
            .setting("TOKEN_CLAIMS", "email")
            .start_with_user();
        let credentials = json!({ "email": user.email, "password": PASSWORD });
        for (is_verified, expected) in [(true, user.email.as_str()), (false, "")] {
            app.change(|conn| {
                diesel::update(users::table.find(user.id))
                    .set(users::email_verified.eq(is_verified))
                    .execute(conn)
            });
            let browser = app.visitor();
            browser.log_in(&user.email, PASSWORD).await;
            let tokens = app.visitor().post_json("/api/token", &credentials).await;
            let bearer = format!("Bearer {}", tokens.text("access"));
            let asked = [("authorization", bearer.as_str())];
            for answer in [
                ask(&browser, VERIFY, &[]).await,
                ask(&app.visitor(), VERIFY, &asked).await,
            ] {
                assert_eq!(answer.status(), StatusCode::OK);
                assert_eq!(header(&answer, email), expected, "{family}");
                let id = user.id.to_string();
                let expected = if is_verified { expected } else { &id };
                if let Some(login) = login {
                    assert_eq!(header(&answer, login), expected, "{family}");
                }
                let claims = token_claims(header(&answer, "x-auth-token"));
                assert_eq!(claims["email_verified"], is_verified, "{claims}");
            }
        }
    }
}

#[tokio::test]
async fn a_change_on_one_replica_reaches_the_others_soon() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let other = app.replica().start();
    let cookies = twyla.cookies("/");
    let there = other.visitor();
    let organization = async || {
        let answer = there.get_with_cookies(VERIFY, &cookies).await;
        assert_eq!(answer.status(), StatusCode::OK);
        header(&answer, "x-auth-organization").to_owned()
    };
    assert_eq!(organization().await, app.organization(ORCHARDS));
    switch(&app, &twyla, TANDEM).await;
    let own = app.visitor().get_with_cookies(VERIFY, &cookies).await;
    assert_eq!(
        header(&own, "x-auth-organization"),
        app.organization(TANDEM)
    );
    let is_new = async || organization().await == app.organization(TANDEM);
    assert!(happens_soon(&other, is_new).await);
}

#[tokio::test]
async fn a_renewal_that_the_database_cannot_store_counts_at_once() {
    let app = TestApp::start();
    let lifetime = Duration::from_secs(20);
    app.workos().set_access_token_lifetime(lifetime);
    app.workos().set_permissions("admin", &["posts:read"]);
    let olive = app.signed_in(OLIVE).await;
    let permissions = async |visitor: &Visitor, cookies: &str| {
        let answer = visitor.get_with_cookies(VERIFY, cookies).await;
        header(&answer, "x-auth-permissions").to_owned()
    };
    let cookies = olive.cookies("/");
    assert_eq!(permissions(&olive, &cookies).await, "posts:read");
    app.workos().set_permissions("admin", &[]);
    app.change(refuse_confirmations);
    app.advance(20);
    assert_eq!(permissions(&olive, &cookies).await, "");
    let target = format!("{VERIFY}?permission=posts:read");
    assert_eq!(status(&olive, &target).await, 403);
    app.change(allow_confirmations);
    let is_stored = async || app.only_session().renew_after.is_some();
    assert!(becomes_true(is_stored).await);
    let other = app.replica().start();
    for visitor in [&olive, &other.visitor()] {
        assert_eq!(permissions(visitor, &cookies).await, "");
    }
    assert_eq!(app.renewals(), 1);
}

/// The cookie is older than the change, and another request waits for WorkOS.
#[tokio::test]
async fn an_old_cookie_names_the_present_address_while_a_renewal_runs() {
    let app = TestApp::start();
    let olive = app.signed_in(OLIVE).await;
    let cookies = olive.cookies("/");
    let name = async |visitor: &Visitor| {
        let answer = visitor.get_with_cookies(VERIFY, &cookies).await;
        header(&answer, "x-auth-email").to_owned()
    };
    let new = "new@example.com";
    app.run_sql(&format!(
        "UPDATE users SET email = '{new}', email_key = '{new}'"
    ));
    let is_new = async || name(&app.visitor()).await == new;
    assert!(happens_soon(&app, is_new).await);
    // It is due and still valid, so only one request waits.
    app.advance(245);
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let second = async {
        gate.reached().await.unwrap();
        let name = name(&app.visitor()).await;
        gate.open();
        name
    };
    let (stranger, waits) = (app.visitor(), name);
    let (_, second) = tokio::join!(waits(&stranger), second);
    assert_eq!(second, new);
    assert_eq!(app.renewals(), 1);
}
