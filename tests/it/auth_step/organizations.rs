//! `organization_selection_required`: the user chooses an organisation.

use authkit_emulator::{Effect, Fault};
use reqwest::StatusCode;
use serde_json::json;

use super::{TWYLA, form_again, grants, led_to, stopped, with_organizations};
use crate::support::app::{TestApp, Visitor, set_cookies};
use crate::support::steps::{
    AUTHENTICATE, error_page, is_removal, obtain_callback_url, retry_after,
};

const GRANT: &str = "organization-selection";

/// The values and labels of the radio buttons, in order.
fn choices(page: &str) -> Vec<(String, String)> {
    let radios = page.split(r#"type="radio" name="organization_id" value=""#);
    radios
        .skip(1)
        .map(|rest| {
            let (id, rest) = rest.split_once('"').unwrap();
            let (_, rest) = rest.split_once('>').unwrap();
            let (name, _) = rest.split_once('<').unwrap();
            (id.to_owned(), name.to_owned())
        })
        .collect()
}

async fn choose(visitor: &Visitor, step: &str, id: &str) -> reqwest::Response {
    visitor.submit(step, &[("organization_id", id)]).await
}

#[tokio::test]
async fn an_organisation_is_chosen_and_the_return_path_is_kept() {
    let app = TestApp::start();
    let twyla = app.visitor();
    let step = stopped(&twyla, TWYLA, "/account?tab=1").await;
    let page = twyla.page(&step).await;
    let choices = choices(&page);
    let names: Vec<_> = choices.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["Example Orchards", "Tandem Cycles"]);
    assert!(
        page.contains("<legend>Your organisations</legend>"),
        "{page}"
    );
    assert!(app.sessions().is_empty());

    let response = choose(&twyla, &step, &choices[1].0).await;
    led_to(&response, "/account?tab=1");
    let cookies = set_cookies(&response);
    let removed = cookies
        .iter()
        .find(|line| line.starts_with("vestibule_step_"));
    assert!(is_removal(removed.unwrap()), "{cookies:?}");
    let account = twyla.page("/account").await;
    assert!(account.contains(&choices[1].0), "{account}");
    assert!(app.only_session().login_attempt.is_some());
    let [grant] = &grants(&app, GRANT)[..] else {
        panic!("WorkOS is asked once");
    };
    assert_eq!(grant.body["ip_address"], "127.0.0.1");
    assert!(app.pending_sign_ins().is_empty(), "the row is deleted");
}

#[tokio::test]
async fn an_invalid_choice_is_an_error_on_the_form_without_a_request_to_workos() {
    let app = TestApp::start();
    let twyla = app.visitor();
    let step = stopped(&twyla, TWYLA, "/").await;
    for fields in [
        &[][..],
        &[("organization_id", "")],
        &[("organization_id", "org_of_somebody_else")],
        &[("code", "123456")],
    ] {
        let response = twyla.submit(&step, fields).await;
        let page = form_again(response, "Choose one of your organisations.").await;
        assert_eq!(choices(&page).len(), 2);
        let (_, first) = page.split_once(r#"type="radio""#).unwrap();
        let (first, _) = first.split_once('>').unwrap();
        assert!(first.ends_with(" autofocus"), "none is checked: {page}");
    }
    let response = choose(&twyla, &step, "org\0").await;
    form_again(response, "Null characters are not allowed.").await;
    assert_eq!(grants(&app, GRANT).len(), 0);
}

#[tokio::test]
async fn a_membership_that_has_just_ended_does_not_prevent_another_choice() {
    let app = TestApp::start();
    let twyla = app.visitor();
    let step = stopped(&twyla, TWYLA, "/").await;
    let listed = choices(&twyla.page(&step).await);
    for effect in [
        Effect::status(
            404,
            json!({ "message": "Organization not found: 'org_1'." }),
        ),
        Effect::status(400, json!({ "error": "organization_membership_not_found" })),
    ] {
        app.workos().inject(Fault::once(AUTHENTICATE, effect));
        let response = choose(&twyla, &step, &listed[0].0).await;
        let page = form_again(response, "You can no longer sign in to this organisation.").await;
        let chosen = format!(r#"value="{}" required checked"#, listed[0].0);
        assert!(page.contains(&chosen), "{page}");
    }
    led_to(&choose(&twyla, &step, &listed[1].0).await, "/");
    assert!(twyla.is_signed_in().await);
}

#[tokio::test]
async fn a_member_of_two_hundred_organisations_can_choose_each() {
    let app = TestApp::builder().seed(with_organizations(198)).start();
    let twyla = app.visitor();
    let step = stopped(&twyla, TWYLA, "/account").await;
    assert!(
        twyla.cookies("/auth/step").len() < 200,
        "the cookie is small"
    );
    let listed = choices(&twyla.page(&step).await);
    assert_eq!(listed.len(), 200);
    assert!(listed.iter().any(|(_, name)| name.contains("Number 197")));
    led_to(&choose(&twyla, &step, &listed[199].0).await, "/account");
    assert!(twyla.page("/account").await.contains(&listed[199].0));
}

#[tokio::test]
async fn an_organisation_without_a_name_is_shown_by_its_id_and_a_hostile_name_as_text() {
    let app = TestApp::start();
    let twyla = app.visitor();
    let organizations =
        json!([{ "id": "org_1" }, { "id": "org_2", "name": "<script>alert(1)</script>" }]);
    let body = json!({
        "code": "organization_selection_required",
        "pending_authentication_token": "made-up-token",
        "organizations": organizations,
    });
    app.workos()
        .inject(Fault::once(AUTHENTICATE, Effect::status(403, body)));
    let step = stopped(&twyla, TWYLA, "/").await;
    let page = twyla.page(&step).await;
    assert!(page.contains(">org_1</label>"), "{page}");
    assert!(!page.contains("<script>"), "{page}");
}

/// Each sign-in that waits for a choice is a row, with a list that may be long.
#[tokio::test]
async fn a_user_leaves_a_limited_number_of_sign_ins_open() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "1/min")
        .start();
    for _ in 0..30 {
        stopped(&app.visitor(), TWYLA, "/").await;
    }
    let visitor = app.visitor();
    let callback = obtain_callback_url(&visitor, TWYLA).await;
    let refused = visitor.get(callback.as_str()).await;
    assert_eq!(retry_after(refused.headers()), Some(3_600));
    let page = error_page(refused, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(page.contains("Start again"), "{page}");
    assert_eq!(app.pending_sign_ins().len(), 30);
    let ada = app.visitor();
    assert_eq!(
        ada.sign_in("ada@example.com").await.status(),
        StatusCode::FOUND
    );
}
