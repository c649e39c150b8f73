//! Addresses that go from one person to another at WorkOS.

use authkit_emulator::Impersonator;
use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::accounts::User;
use vestibule::db::schema::account_addresses;

use crate::support::app::{TestApp, Visitor};
use crate::support::exchange::{json_of, post, refused, signed_in};
use crate::support::oidc_provider::{OidcProvider, REDIRECT_URI, WithOidcIssuer, verified};
use crate::support::steps::{assert_signs_in, error_page};
use crate::webhooks::{SECRET, send_event};

const ADA: &str = "ada@example.com";
const OLIVE: &str = "olivia@example.com";

/// How the app learns of a change at WorkOS.
#[derive(Clone, Copy, Debug)]
enum Way {
    SignIn,
    Renewal,
    Event,
}

const WAYS: [Way; 3] = [Way::SignIn, Way::Renewal, Way::Event];

struct People {
    app: TestApp,
    ada: Visitor,
    olive: Visitor,
    ada_before: User,
    olive_before: User,
}

/// The users that these tests have put at WorkOS.
fn users_at_workos(app: &TestApp) -> Vec<authkit_emulator::User> {
    let all = [ADA, OLIVE, "moving@example.com", "new@example.com"];
    let users = all.into_iter().filter_map(|email| app.workos().user(email));
    users.collect()
}

/// Gives a user of WorkOS another address, this long after the other changes.
fn change_address(app: &TestApp, id: &str, email: &str, seconds: i64) {
    let mut users = users_at_workos(app).into_iter();
    let mut user = users.find(|user| user.id == id).unwrap();
    let name = email.split('@').next().unwrap();
    user.password = Some(format!("{name}-demo-password"));
    user.email = email.to_owned();
    user.updated_at += seconds * 1_000;
    app.workos().put_user(user);
}

fn put_user(app: &TestApp, id: &str, email: &str) {
    let mut user = users_at_workos(app).remove(0);
    id.clone_into(&mut user.id);
    email.clone_into(&mut user.email);
    let name = email.split('@').next().unwrap();
    user.password = Some(format!("{name}-demo-password"));
    app.workos().put_user(user);
}

/// Ada and Olive have signed in.
async fn people(app: TestApp) -> People {
    put_user(&app, "user_01OLIVE", OLIVE);
    let ada = app.signed_in(ADA).await;
    let olive = app.signed_in(OLIVE).await;
    People {
        ada_before: app.user(ADA),
        olive_before: app.user(OLIVE),
        app,
        ada,
        olive,
    }
}

impl People {
    async fn learn(&self, way: Way, visitor: &Visitor, email: &str) {
        let app = &self.app;
        match way {
            Way::SignIn => assert_signs_in(&app.visitor(), email).await,
            Way::Renewal => {
                app.expire_workos_tokens();
                assert_eq!(visitor.get("/account").await.status(), StatusCode::OK);
            }
            Way::Event => {
                let user = app.workos().user(email).unwrap();
                let at = chrono::DateTime::from_timestamp_millis(user.updated_at).unwrap();
                let data = json!({
                    "object": "user",
                    "id": user.id,
                    "email": user.email,
                    "email_verified": user.email_verified,
                    "first_name": user.first_name,
                    "last_name": user.last_name,
                    "profile_picture_url": null,
                    "created_at": at.to_rfc3339(),
                    "updated_at": at.to_rfc3339(),
                });
                send_event(app, &format!("event_{email}"), "user.updated", data).await;
            }
        }
    }

    fn user(&self, before: &User) -> User {
        let id = before.id;
        self.app
            .rows(|conn| User::by_id(conn, id))
            .expect("the account")
    }
}

fn app() -> TestApp {
    TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start()
}

#[tokio::test]
async fn an_address_is_handed_over_by_every_way_in_either_order() {
    for way in WAYS {
        for ada_first in [true, false] {
            let people = people(app()).await;
            change_address(&people.app, "user_01OLIVE", "moving@example.com", 1);
            let ada_id = people.ada_before.workos_user_id.clone().unwrap();
            change_address(&people.app, &ada_id, OLIVE, 2);
            if ada_first {
                people.learn(way, &people.ada, OLIVE).await;
                people.learn(way, &people.olive, "moving@example.com").await;
            } else {
                people.learn(way, &people.olive, "moving@example.com").await;
                people.learn(way, &people.ada, OLIVE).await;
            }
            let (ada, olive) = (
                people.user(&people.ada_before),
                people.user(&people.olive_before),
            );
            assert_eq!(ada.email, OLIVE, "{way:?} {ada_first}");
            assert_eq!(olive.email, "moving@example.com", "{way:?} {ada_first}");
        }
    }
}

#[tokio::test]
async fn a_swap_ends_right_by_any_two_ways_in_either_order() {
    for first in WAYS {
        for second in WAYS {
            for ada_first in [true, false] {
                let people = people(app()).await;
                let ada_id = people.ada_before.workos_user_id.clone().unwrap();
                change_address(&people.app, &ada_id, "moving@example.com", 1);
                change_address(&people.app, "user_01OLIVE", ADA, 2);
                change_address(&people.app, &ada_id, OLIVE, 2);
                if ada_first {
                    people.learn(first, &people.ada, OLIVE).await;
                    people.learn(second, &people.olive, ADA).await;
                } else {
                    people.learn(first, &people.olive, ADA).await;
                    people.learn(second, &people.ada, OLIVE).await;
                }
                let (ada, olive) = (
                    people.user(&people.ada_before),
                    people.user(&people.olive_before),
                );
                let case = format!("{first:?} {second:?} {ada_first}");
                assert_eq!(
                    (ada.email.as_str(), olive.email.as_str()),
                    (OLIVE, ADA),
                    "{case}"
                );
                assert_eq!(ada.token_version, people.ada_before.token_version, "{case}");
                assert!(people.ada.is_signed_in().await, "{case}");
                assert!(people.olive.is_signed_in().await, "{case}");
            }
        }
    }
}

/// A local account with a further address.
fn with_further_address(app: &TestApp, email: &str) -> User {
    let local = app.add_user("local@example.com", true);
    app.change(|conn| {
        let address = (
            account_addresses::email_key.eq(email),
            account_addresses::user_id.eq(i64::from(local.id)),
        );
        diesel::insert_into(account_addresses::table)
            .values(address)
            .execute(conn)
    });
    local
}

/// Whether WorkOS has verified the address. The emulator, like WorkOS, signs in an unverified user only by
/// impersonation.
fn set_verified(app: &TestApp, email: &str, verified: bool) {
    let mut user = app.workos().user(email).unwrap();
    user.email_verified = verified;
    user.impersonator = (!verified).then(|| Impersonator {
        email: "support@example.com".to_owned(),
        reason: None,
    });
    user.updated_at += 1_000;
    app.workos().put_user(user);
}

#[tokio::test]
async fn an_unverified_address_takes_no_further_address_by_any_way() {
    const CLAIMED: &str = "new@example.com";
    for way in WAYS {
        let people = people(app()).await;
        let app = &people.app;
        let local = with_further_address(app, CLAIMED);
        change_address(app, "user_01OLIVE", CLAIMED, 1);
        set_verified(app, CLAIMED, false);
        for _ in 0..2 {
            match way {
                Way::SignIn => {
                    let response = app.visitor().sign_in(CLAIMED).await;
                    assert_eq!(response.status(), StatusCode::FOUND);
                }
                _ => people.learn(way, &people.olive, CLAIMED).await,
            }
            let olive = people.user(&people.olive_before);
            assert_eq!((olive.email.as_str(), olive.email_verified), ("", false));
            assert_eq!(app.count_rows("FROM account_addresses"), 1, "{way:?}");
        }
        assert!(people.olive.is_signed_in().await, "{way:?}");
        set_verified(app, CLAIMED, true);
        assert_signs_in(&app.visitor(), CLAIMED).await;
        assert_eq!(app.user(CLAIMED).id, people.olive_before.id);
        assert_eq!(app.count_rows("FROM account_addresses"), 0);
        assert_eq!(people.user(&local), local);
    }
}

#[tokio::test]
async fn a_first_sign_in_without_a_proof_takes_no_further_address() {
    for is_staff in [true, false] {
        let app = app();
        let local = with_further_address(&app, ADA);
        if is_staff {
            app.set_superuser(local.id);
        }
        set_verified(&app, ADA, false);
        for _ in 0..2 {
            let refused = app.visitor().sign_in(ADA).await;
            error_page(refused, StatusCode::FORBIDDEN).await;
        }
        assert_eq!(app.count_rows("FROM account_addresses"), 1);
        assert_eq!(app.users().len(), 1);
        set_verified(&app, ADA, true);
        assert_signs_in(&app.visitor(), ADA).await;
        assert_eq!(app.user(ADA).id == local.id, !is_staff);
        assert_eq!(app.count_rows("FROM account_addresses"), 0);
    }
}

/// Olive has Ada's old address, and has not been here since.
#[tokio::test]
async fn a_new_workos_user_with_an_old_address_gets_an_account_of_their_own() {
    for ada_returns in [true, false] {
        let app = app();
        app.signed_in(ADA).await;
        let ada = app.user(ADA);
        let id = ada.workos_user_id.clone().unwrap();
        change_address(&app, &id, "moving@example.com", 1);
        if ada_returns {
            assert_signs_in(&app.visitor(), "moving@example.com").await;
        }
        put_user(&app, "user_01NEW", "new@example.com");
        change_address(&app, "user_01NEW", ADA, 2);
        assert_signs_in(&app.visitor(), ADA).await;
        let new = app.user(ADA);
        assert_ne!(new.id, ada.id);
        assert_eq!(new.workos_user_id.as_deref(), Some("user_01NEW"));
        let moved = app.user("moving@example.com");
        assert_eq!(moved.id, ada.id, "WorkOS was asked about Ada");
    }
}

#[tokio::test]
async fn a_conflict_stays_a_conflict_while_workos_cannot_be_asked() {
    let app = app();
    app.signed_in(ADA).await;
    let before = app.users();
    put_user(&app, "user_01NEW", "new@example.com");
    let id = before[0].workos_user_id.clone().unwrap();
    change_address(&app, &id, "moving@example.com", 1);
    change_address(&app, "user_01NEW", ADA, 2);
    let path = format!("/user_management/users/{id}");
    let fault =
        authkit_emulator::Fault::once(&path, authkit_emulator::Effect::status(503, json!({})));
    app.workos().inject(fault.times(9));
    let refused = app.visitor().sign_in(ADA).await;
    error_page(refused, StatusCode::CONFLICT).await;
    assert_eq!(app.users(), before);
    app.workos().clear_faults();
    assert_signs_in(&app.visitor(), ADA).await;
}

#[tokio::test]
async fn the_old_address_at_a_provider_does_not_reach_the_account() {
    for ada_returns in [true, false] {
        let provider = OidcProvider::start().await;
        let app = TestApp::builder()
            .with_oidc_issuer(provider.issuer())
            .start();
        app.signed_in(ADA).await;
        let ada = app.user(ADA);
        let id = ada.workos_user_id.clone().unwrap();
        change_address(&app, &id, "moving@example.com", 1);
        if ada_returns {
            assert_signs_in(&app.visitor(), "moving@example.com").await;
        }
        provider.configure(verified(ADA)).await;
        let body = json!({ "code": "made-up-code", "redirect_uri": REDIRECT_URI });
        let response = post(&app, "/api/auth/okta", &body).await;
        refused(response, StatusCode::NOT_FOUND, "account_not_found").await;
        // The new address links the account, since WorkOS confirms it.
        provider.configure(verified("moving@example.com")).await;
        let linked = signed_in(post(&app, "/api/auth/okta", &body).await).await;
        assert_eq!(linked["user"]["id"], i64::from(ada.id));
    }
}

#[tokio::test]
async fn a_provider_links_no_account_while_workos_cannot_be_asked() {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .start();
    app.signed_in(ADA).await;
    let id = app.user(ADA).workos_user_id.unwrap();
    provider.configure(verified(ADA)).await;
    let body = json!({ "code": "made-up-code", "redirect_uri": REDIRECT_URI });
    let path = format!("/user_management/users/{id}");
    let fault =
        authkit_emulator::Fault::once(&path, authkit_emulator::Effect::status(503, json!({})));
    app.workos().inject(fault.times(9));
    let response = post(&app, "/api/auth/okta", &body).await;
    json_of(response, StatusCode::SERVICE_UNAVAILABLE).await;
    app.workos().clear_faults();
    app.workos().delete_user(&id);
    let response = post(&app, "/api/auth/okta", &body).await;
    refused(response, StatusCode::FORBIDDEN, "account_inactive").await;
}
