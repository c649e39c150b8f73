//! The further addresses on the account page: their owner sees and removes them.

use diesel::prelude::*;
use reqwest::{Method, StatusCode};
use serde_json::json;
use vestibule::db::schema::account_addresses;
use vestibule::ids::UserId;

use crate::audit::{detail, events};
use crate::support::app::{TestApp, location};
use crate::support::steps::error_page;

const REMOVE: &str = "/account/addresses/remove";
const REMOVED: &str = "/account?notice=address-removed";
const ADA: &str = "ada@example.com";
const OLD: &str = "ada@old.example";

/// Gives these further addresses to an account.
pub(crate) fn add_addresses(app: &TestApp, user_id: UserId, addresses: &[&str]) {
    for address in addresses {
        let row = (
            account_addresses::email_key.eq(address),
            account_addresses::user_id.eq(user_id),
        );
        app.change(|conn| {
            diesel::insert_into(account_addresses::table)
                .values(row)
                .execute(conn)
        });
    }
}

fn addresses(app: &TestApp) -> Vec<String> {
    app.rows(|conn| {
        let all = account_addresses::table.order(account_addresses::email_key);
        all.select(account_addresses::email_key).load(conn)
    })
}

#[tokio::test]
async fn the_owner_sees_and_removes_an_address() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    assert!(!ada.page("/account").await.contains("Further email"));
    let id = app.user(ADA).id;
    add_addresses(&app, id, &[OLD, "ada@work.example"]);
    let other = app.add_user("grace@example.com", true).id;
    add_addresses(&app, other, &["grace@old.example"]);
    let page = ada.page("/account").await;
    for part in [
        "Further email addresses",
        "<strong>ada@old.example</strong> <span class=\"badge success\">Verified</span>",
        "<strong>ada@work.example</strong>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("grace@"), "{page}");

    let response = ada.submit(REMOVE, &[("address", OLD)]).await;
    assert_eq!(location(&response), REMOVED);
    let page = ada.page(REMOVED).await;
    assert!(page.contains("The address was removed"), "{page}");
    assert!(!page.contains(OLD), "{page}");
    assert_eq!(addresses(&app), ["ada@work.example", "grace@old.example"]);
    let removals = || {
        let mut all = events(&app);
        all.retain(|event| event.event == "address_removed");
        all
    };
    let [removal] = &removals()[..] else {
        panic!("one event");
    };
    assert_eq!(removal.user_id, Some(id));
    assert_eq!(detail(removal), json!({ "address": OLD, "by": "owner" }));

    // The same again, somebody else's, one's own, and none.
    for address in [OLD, "grace@old.example", ADA, "", "ada@work\0.example"] {
        let response = ada.submit(REMOVE, &[("address", address)]).await;
        assert_eq!(location(&response), REMOVED, "{address:?}");
    }
    assert_eq!(location(&ada.submit(REMOVE, &[]).await), REMOVED);
    assert_eq!(addresses(&app), ["ada@work.example", "grace@old.example"]);
    assert_eq!(removals().len(), 1);
    assert_eq!(app.user(ADA).email, ADA);
}

#[tokio::test]
async fn an_old_log_in_removes_nothing() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    add_addresses(&app, app.user(ADA).id, &[OLD]);
    app.advance(15 * 60);
    let response = ada.submit(REMOVE, &[("address", OLD)]).await;
    let page = error_page(response, StatusCode::FORBIDDEN).await;
    assert!(page.contains("next=%2Faccount\""), "{page}");
    assert_eq!(addresses(&app), [OLD]);
}

#[tokio::test]
async fn only_a_signed_in_users_form_of_this_site_removes_an_address() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    add_addresses(&app, app.user(ADA).id, &[OLD]);
    let fields = [("address", OLD)];
    for path in [REMOVE, "/account/addresses/remove/"] {
        let nobody = app.visitor().submit(path, &fields).await;
        assert_eq!(location(&nobody), "/auth/login?next=%2Faccount");
        for site in ["cross-site", "same-site"] {
            let form = ada.request(Method::POST, path).form(&fields);
            let response = form.header("Sec-Fetch-Site", site).send().await.unwrap();
            error_page(response, StatusCode::FORBIDDEN).await;
        }
    }
    assert_eq!(addresses(&app), [OLD]);
    // A session that was ended elsewhere.
    app.change(|conn| {
        use vestibule::db::schema::sessions;
        diesel::delete(sessions::table).execute(conn)
    });
    let response = ada.submit(REMOVE, &fields).await;
    assert_eq!(location(&response), "/auth/login?next=%2Faccount");
    assert_eq!(addresses(&app), [OLD]);
}

#[tokio::test]
async fn an_impersonator_neither_sees_nor_removes_addresses() {
    let app = TestApp::start();
    let support = app.signed_in("imogen@example.com").await;
    let id = app.user("imogen@example.com").id;
    add_addresses(&app, id, &["imogen@old.example"]);
    let page = support.page("/account").await;
    assert!(!page.contains("imogen@old.example"), "{page}");
    let fields = [("address", "imogen@old.example")];
    let page = error_page(support.submit(REMOVE, &fields).await, StatusCode::FORBIDDEN).await;
    assert!(page.contains("Not in an impersonated session"), "{page}");
    assert_eq!(addresses(&app), ["imogen@old.example"]);
}
