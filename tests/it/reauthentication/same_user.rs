//! Another user signs in than the one who was asked to.

use reqwest::StatusCode;

use super::{ADA, authenticate_again, open_sessions};
use crate::account_sessions::{eventually, sign_out_everywhere};
use crate::support::app::{TestApp, location};
use crate::support::steps::error_page;

#[tokio::test]
async fn another_user_is_not_signed_in_and_nothing_is_done() {
    let app = TestApp::start();
    let phone = app.signed_in(ADA).await;
    let laptop = app.signed_in(ADA).await;
    app.advance(3_600);
    sign_out_everywhere(&laptop).await;
    let response = authenticate_again(&laptop, "no.name@example.com").await;
    let page = error_page(response, StatusCode::FORBIDDEN).await;
    assert!(page.contains("That was another account"), "{page}");
    assert!(page.contains("reauthenticate=1"), "{page}");
    assert!(phone.is_signed_in().await);
    assert!(laptop.page("/account").await.contains(ADA));
    assert_eq!(open_sessions(&app), 2);
    let accounts = app.users();
    assert!(
        accounts.iter().all(|user| user.email == ADA),
        "{accounts:?}"
    );
    // WorkOS would go on to sign the other user in without credentials.
    let id = |email| app.workos().user(email).unwrap().id;
    let (other, own) = (id("no.name@example.com"), id(ADA));
    eventually(async || app.workos().sessions_of(&other).is_empty()).await;
    assert_eq!(app.workos().sessions_of(&own).len(), 2);
}

/// The same through a further step, which is answered in another request.
#[tokio::test]
async fn another_user_is_not_signed_in_after_a_further_step() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    // Twyla chooses one of two organisations on this site.
    let response = authenticate_again(&ada, "twyla@example.com").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let step = location(&response);
    let organization = app.organization("Tandem Cycles");
    let answer = ada
        .submit(&step, &[("organization_id", &organization)])
        .await;
    error_page(answer, StatusCode::FORBIDDEN).await;
    assert!(ada.page("/account").await.contains(ADA));
    assert_eq!(open_sessions(&app), 1);
}
