//! Sign-ups and invitations.

use reqwest::{Method, Response, StatusCode, Url};

use super::{CODE, led_to};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::{assert_nobody_signed_in, error_page, query, with_query};

const IVY: &str = "ivy@example.com";
const INVITED: &str = "/auth/login?invitation_token=demo-invitation&next=/account";

/// Signs up at WorkOS. Returns the callback's URL.
async fn sign_up(visitor: &Visitor, authorize: &Url, email: &str) -> String {
    let fields = [
        ("email", email),
        ("password", "new-demo-password"),
        ("first_name", "New"),
        ("sign_up", "1"),
    ];
    let request = visitor.request(Method::POST, authorize.as_str());
    location(&request.form(&fields).send().await.unwrap())
}

async fn arrives(app: &TestApp, ivy: &Visitor, response: &Response) {
    led_to(response, "/account");
    let account = ivy.page("/account").await;
    assert!(
        account.contains(&app.organization("Example Orchards")),
        "{account}"
    );
    assert!(app.user(IVY).email_verified);
}

#[tokio::test]
async fn a_new_user_signs_up_and_verifies_the_address() {
    let app = TestApp::start();
    let nora = app.visitor();
    let home = nora.page("/").await;
    assert!(
        home.contains(r#"href="/auth/login?screen_hint=sign-up""#),
        "{home}"
    );
    let authorize = nora
        .start_login("/auth/login?screen_hint=sign-up&next=/account")
        .await;
    assert_eq!(query(&authorize, "screen_hint"), "sign-up");
    let callback = sign_up(&nora, &authorize, "nora@example.com").await;
    let response = nora.get(&callback).await;
    let step = location(&response);
    assert!(nora.page(&step).await.contains("nora@example.com"));
    led_to(&nora.submit(&step, &[("code", CODE)]).await, "/account");
    assert!(nora.is_signed_in().await);
    assert_eq!(app.user("nora@example.com").first_name, "New");
}

#[tokio::test]
async fn an_invitation_creates_an_account_and_a_membership() {
    let app = TestApp::start();
    let ivy = app.visitor();
    let authorize = ivy.start_login(INVITED).await;
    assert_eq!(query(&authorize, "invitation_token"), "demo-invitation");
    let page = ivy.page(authorize.as_str()).await;
    assert!(page.contains("Sign up") && page.contains(IVY), "{page}");
    let callback = sign_up(&ivy, &authorize, IVY).await;
    arrives(&app, &ivy, &ivy.get(&callback).await).await;
}

#[tokio::test]
async fn a_link_with_a_code_and_no_state_signs_in_with_its_invitation() {
    let app = TestApp::start();
    let ivy = app.visitor();
    // WorkOS's link leads to a callback with a code that this browser did not request.
    let foreign = "/auth/callback?code=of-a-dashboard&invitation_token=demo-invitation";
    let response = ivy.get(foreign).await;
    led_to(&response, "/auth/login?invitation_token=demo-invitation");
    let authorize = ivy.start_login(&location(&response)).await;
    let callback = sign_up(&ivy, &authorize, IVY).await;
    led_to(&ivy.get(&callback).await, "/");
    assert!(ivy.page("/").await.contains("Welcome, ivy@example.com!"));

    // Without an invitation, for a user whom AuthKit knows, no page is shown in between.
    ivy.post("/auth/logout").await;
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let stateless = with_query(&callback, "state", None);
    let authorize = ada
        .start_login(&location(&ada.get(stateless.as_str()).await))
        .await;
    let callback = location(&ada.get(authorize.as_str()).await);
    led_to(&ada.get(&callback).await, "/");
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn invitation_errors_of_the_callback_are_explained() {
    let app = TestApp::start();
    let ivy = app.visitor();
    let afresh = r#"href="/auth/login?next=%2Faccount""#;
    let as_another = r#"href="/auth/login?max_age=0&#38;next=%2Faccount""#;
    for (code, says, way_on) in [
        ("invitation_invalid", "Please ask for a new one.", afresh),
        (
            "invitation_cannot_be_used_for_email",
            "Sign in with the address that it was sent to.",
            as_another,
        ),
        (
            "sign_up_not_allowed",
            "You need an invitation to sign up here.",
            as_another,
        ),
        (
            "user_mismatch",
            "reported a problem (user_mismatch)",
            afresh,
        ),
    ] {
        let authorize = ivy.start_login("/auth/login?next=/account").await;
        let state = query(&authorize, "state");
        let back = format!("/auth/callback?error={code}&state={state}");
        let page = error_page(ivy.get(&back).await, StatusCode::BAD_REQUEST).await;
        assert!(page.contains(says), "{page}");
        assert!(page.contains(way_on), "{page}");
    }
    assert_nobody_signed_in(&app, &ivy).await;
}

#[tokio::test]
async fn an_invalid_invitation_is_explained() {
    let app = TestApp::start();
    let ivy = app.visitor();
    let authorize = ivy
        .start_login("/auth/login?invitation_token=made-up")
        .await;
    let back = ivy.get(authorize.as_str()).await;
    let page = error_page(ivy.get(&location(&back)).await, StatusCode::BAD_REQUEST).await;
    let says =
        "This invitation was used or withdrawn, or it has expired. Please ask for a new one.";
    assert!(page.contains(says), "{page}");
    assert_nobody_signed_in(&app, &ivy).await;

    let authorize = ivy.start_login(INVITED).await;
    let fields = [
        ("email", "ada@example.com"),
        ("password", "ada-demo-password"),
    ];
    let request = ivy.request(Method::POST, authorize.as_str()).form(&fields);
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("for another email address"), "{page}");

    let callback = sign_up(&ivy, &authorize, IVY).await;
    arrives(&app, &ivy, &ivy.get(&callback).await).await;
    let again = app.visitor();
    let authorize = again.start_login(INVITED).await;
    let back = location(&again.get(authorize.as_str()).await);
    assert!(back.contains("error=invitation_invalid"), "{back}");
}
