//! An impersonated session: the user's list shows it, and the impersonator does not see the list.

use authkit_emulator::Seed;
use serde_json::json;

use super::{FIREFOX, IPHONE, newest, signed_in_with};
use crate::support::app::TestApp;
use crate::support::exchange::{WORKOS, code_for, post, signed_in};

const IMOGEN: &str = "imogen@example.com";
const BY_SUPPORT: &str = "Impersonated by support@example.com, from 127.0.0.1";

/// Makes Imogen's next sign-ins her own, or impersonated ones.
fn impersonate(app: &TestApp, on: bool) {
    let seeded = Seed::default().users.into_iter();
    let seeded = seeded.clone().find(|user| user.email == IMOGEN);
    let mut user = app.workos().user(IMOGEN).expect("seeded");
    user.impersonator = seeded.and_then(|user| user.impersonator).filter(|_| on);
    app.workos().put_user(user);
}

#[tokio::test]
async fn the_user_sees_the_impersonator_who_sees_no_other_session() {
    let app = TestApp::start();
    impersonate(&app, false);
    let imogen = signed_in_with(&app, FIREFOX, IMOGEN).await;
    let own = newest(&app).id;
    impersonate(&app, true);
    let support = signed_in_with(&app, IPHONE, IMOGEN).await;
    app.advance(1);
    signed_in(
        post(
            &app,
            WORKOS,
            &json!({ "code": code_for(&app, IMOGEN).await }),
        )
        .await,
    )
    .await;

    let page = imogen.page("/account").await;
    assert_eq!(page.matches(BY_SUPPORT).count(), 2, "{page}");
    assert_eq!(page.matches("WorkOS, from 127.0.0.1").count(), 1, "{page}");
    assert_eq!(page.matches(r#"name="session_id""#).count(), 3, "{page}");

    let page = support.page("/account").await;
    assert!(page.contains("This browser") && page.contains("Safari on iPhone"));
    assert_eq!(page.matches(BY_SUPPORT).count(), 1, "{page}");
    assert_eq!(page.matches(r#"name="session_id""#).count(), 1, "{page}");
    assert!(!page.contains("Firefox") && !page.contains(&*own), "{page}");
    assert!(!page.contains("Log out there"), "{page}");
}

#[tokio::test]
async fn an_impersonator_does_not_see_the_number_of_sessions() {
    let app = TestApp::start();
    let support = signed_in_with(&app, IPHONE, IMOGEN).await;
    let user_id = app.only_session().user_id;
    for number in 0..60 {
        super::add_session(&app, user_id, &format!("other-{number}"));
    }
    let page = support.page("/account").await;
    assert_eq!(page.matches(r#"name="session_id""#).count(), 1, "{page}");
    assert!(!page.contains("There are more"), "{page}");
}
