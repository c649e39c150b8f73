//! The headers of the families `x-auth-request` and `remote`, by which applications tell their users apart.

use diesel::prelude::*;
use vestibule::accounts::User;
use vestibule::db::schema::{account_groups, users};

use super::{OLIVE, VERIFY, ask, header};
use crate::organization::ORCHARDS;
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor};

fn start(family: &str) -> TestApp {
    TestApp::builder()
        .setting("FORWARD_AUTH_HEADERS", family)
        .start()
}

async fn remote(visitor: &Visitor, name: &str) -> String {
    let answer = ask(visitor, VERIFY, &[]).await;
    header(&answer, name).to_owned()
}

fn set_verified(app: &TestApp, user: &User, is_verified: bool) {
    app.change(|conn| {
        diesel::update(users::table.find(user.id))
            .set(users::email_verified.eq(is_verified))
            .execute(conn)
    });
}

async fn logged_in(app: &TestApp, user: &User) -> Visitor {
    let visitor = app.visitor();
    visitor.log_in(&user.email, PASSWORD).await;
    visitor
}

#[tokio::test]
async fn the_names_of_the_headers_are_chosen() {
    for (family, names) in [
        (
            "x-auth-request",
            [
                "x-auth-request-preferred-username",
                "x-auth-request-email",
                "x-auth-request-groups",
                "x-auth-request-user",
            ],
        ),
        (
            "remote",
            [
                "remote-user",
                "remote-email",
                "remote-groups",
                "remote-name",
            ],
        ),
    ] {
        let app = start(family);
        let olive = app.signed_in(OLIVE).await;
        let answer = ask(&olive, VERIFY, &[]).await;
        let groups = format!("{}:admin", app.organization(ORCHARDS));
        let [user, email, role, other] = names.map(|name| header(&answer, name));
        assert_eq!([user, email, role], [OLIVE, OLIVE, groups.as_str()]);
        assert!(!other.is_empty(), "{answer:?}");
        assert!(!header(&answer, "x-auth-token").is_empty());
        assert_eq!(header(&answer, "x-auth-email"), "");
    }
}

#[tokio::test]
async fn a_username_cannot_be_another_account() {
    let app = start("remote");
    let victim = app.add_password_user("boss@example.com");
    let unverified = app.add_password_user("carol@example.com");
    set_verified(&app, &unverified, false);
    let mallory = |number: usize, username: &str| {
        let email = format!("mallory{number}@example.net");
        let user = app.add_user_with_username(username, &email, PASSWORD);
        set_verified(&app, &user, false);
        user
    };
    let of_address = mallory(1, "boss@example.com");
    let of_id = mallory(2, &unverified.id.to_string());
    let usual = mallory(3, "mallory");
    let mut named = Vec::new();
    for user in [&victim, &unverified, &of_address, &of_id, &usual] {
        named.push(remote(&logged_in(&app, user).await, "remote-user").await);
    }
    let id = |user: &User| user.id.to_string();
    let expected = [
        "boss@example.com".to_owned(),
        id(&unverified),
        id(&of_address),
        id(&of_id),
        "mallory".to_owned(),
    ];
    assert_eq!(named, expected);
    // A verified address of its own counts instead of the username.
    set_verified(&app, &of_address, true);
    let visitor = logged_in(&app, &of_address).await;
    assert_eq!(remote(&visitor, "remote-user").await, of_address.email);
}

#[tokio::test]
async fn a_django_group_is_no_role_of_an_organisation() {
    let app = start("remote");
    let user = app.add_password_user("ada@example.com");
    let orchards = app.organization(ORCHARDS);
    for group in ["admin", "org_team", &format!("{orchards}:admin")] {
        app.change(|conn| {
            diesel::insert_into(account_groups::table)
                .values((
                    account_groups::user_id.eq(user.id),
                    account_groups::name.eq(group),
                ))
                .execute(conn)
        });
    }
    let ada = logged_in(&app, &user).await;
    assert_eq!(remote(&ada, "remote-groups").await, "admin,org_team");
}
