//! Sign-ins with further addresses and identities that were imported from django-allauth.

use authkit_emulator::Seed;
use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::{Value, json};
use vestibule::db::schema::account_addresses;

use super::sign_in::import;
use crate::support::app::TestApp;
use crate::support::exchange::{post, refused, signed_in};
use crate::support::oidc_provider::{OidcProvider, REDIRECT_URI, WithOidcIssuer};
use crate::support::real_django::RealAllauth;

const OKTA: &str = "/api/auth/okta";

async fn exchange(app: &TestApp) -> reqwest::Response {
    let body = json!({ "code": "made-up-code", "redirect_uri": REDIRECT_URI });
    post(app, OKTA, &body).await
}

/// Claims of a person at Okta.
fn person(subject: &str, email: &str) -> Value {
    json!({ "claims": { "sub": subject, "email": email, "email_verified": true } })
}

/// The people of WorkOS.
const PEOPLE: &str = r#"{"users": [
    {"email": "ada@work.example", "email_verified": true, "password": "ada-demo-password"},
    {"email": "root@work.example", "email_verified": true, "password": "root-demo-password"}
]}"#;

async fn imported() -> (OidcProvider, TestApp) {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .seed(Seed::from_json(PEOPLE).unwrap())
        .start();
    let (django, _) = RealAllauth::on_this_runs_backend();
    let okta = format!("okta={}", provider.issuer());
    import(&app, &django, &["--issuer", &okta]);
    (provider, app)
}

fn further_addresses(app: &TestApp) -> Vec<String> {
    app.rows(|conn| {
        let all = account_addresses::table.order(account_addresses::email_key);
        all.select(account_addresses::email_key).load(conn)
    })
}

#[tokio::test]
async fn identities_and_further_addresses_sign_in() {
    let (provider, app) = imported().await;
    // Linked in Django.
    provider
        .configure(person("00u1", "other@example.com"))
        .await;
    let carol = signed_in(exchange(&app).await).await;
    assert_eq!(carol["user"]["id"], 4);
    // A further verified address. The account stays as it is.
    provider.configure(person("00u2", "Ada@work.example")).await;
    let ada = signed_in(exchange(&app).await).await;
    assert_eq!(ada["user"]["id"], 1);
    assert_eq!(ada["user"]["email"], "ada@example.com");
    let user = app.user("ada@example.com");
    assert_eq!(
        (user.token_version, user.password.starts_with("pbkdf2")),
        (0, true)
    );
    // An unverified one, and a superuser's.
    for address in ["ada@old.example", "root@work.example"] {
        provider.configure(person("00u3", address)).await;
        refused(
            exchange(&app).await,
            StatusCode::NOT_FOUND,
            "account_not_found",
        )
        .await;
    }
    assert_eq!(app.users().len(), 9);
}

#[tokio::test]
async fn a_further_address_of_a_superuser_links_nobody_at_workos() {
    let (_provider, app) = imported().await;
    app.signed_in("root@work.example").await;
    let stranger = app.user("root@work.example");
    assert!(!stranger.is_superuser && i64::from(stranger.id) > 9);
    assert_eq!(app.user("root@example.com").workos_user_id, None);
    // It is the own address of an account now.
    let others = ["ada@work.example", "bob@example.com"];
    assert_eq!(further_addresses(&app), others);
}

#[tokio::test]
async fn a_further_address_links_the_account_at_workos() {
    let (_provider, app) = imported().await;
    app.signed_in("ada@work.example").await;
    let ada = app.user("ada@work.example");
    assert_eq!(i64::from(ada.id), 1);
    assert!(ada.workos_user_id.is_some() && ada.password.starts_with("pbkdf2"));
    assert_eq!(app.users().len(), 9);
}

/// Ada has verified Bob's own address in Django, and Bob has not.
#[tokio::test]
async fn a_proof_leads_to_the_account_that_has_verified_the_address() {
    let (provider, app) = imported().await;
    let bob = app.user("bob@example.com");
    provider.configure(person("00u4", "bob@example.com")).await;
    let ada = signed_in(exchange(&app).await).await;
    assert_eq!(ada["user"]["id"], 1);
    assert_eq!(app.user("bob@example.com"), bob);
}

/// Whoever registered the account in Django may have given it a further address of their own.
#[tokio::test]
async fn the_owner_of_an_unverified_address_does_not_share_the_account() {
    let (provider, app) = imported().await;
    app.change(|conn| {
        diesel::delete(account_addresses::table.find("bob@example.com")).execute(conn)?;
        let row = (
            account_addresses::email_key.eq("attacker@example.org"),
            account_addresses::user_id.eq(2_i64),
        );
        diesel::insert_into(account_addresses::table)
            .values(row)
            .execute(conn)
    });
    provider.configure(person("00u4", "bob@example.com")).await;
    let bob = signed_in(exchange(&app).await).await;
    assert_eq!(bob["user"]["id"], 2);
    provider
        .configure(person("00u5", "attacker@example.org"))
        .await;
    refused(
        exchange(&app).await,
        StatusCode::NOT_FOUND,
        "account_not_found",
    )
    .await;
}
