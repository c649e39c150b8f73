//! The setting `PASSWORD_LOGIN`: who can sign in with a password.

use futures_util::future::join_all;
use reqwest::StatusCode;

use super::PASSWORD;
use crate::support::app::{TestApp, location};
use crate::support::steps::error_page;

#[tokio::test]
async fn each_policy_allows_the_right_accounts() {
    // In this order: unlinked, linked, unlinked superuser, linked superuser.
    for (policy, lets_in) in [
        ("unlinked", [true, false, true, true]),
        ("superusers", [false, false, true, true]),
        ("all", [true, true, true, true]),
    ] {
        let app = TestApp::builder().setting("PASSWORD_LOGIN", policy).start();
        let attempts = lets_in.into_iter().enumerate().map(|(number, expected)| {
            let email = format!("person{number}@example.com");
            let user = app.add_user_with_password(&email, PASSWORD);
            if number % 2 == 1 {
                app.link_to_workos(user.id, &format!("user_{number}"));
            }
            if number >= 2 {
                app.set_superuser(user.id);
            }
            let visitor = app.visitor();
            async move {
                let response = visitor.log_in(&email, PASSWORD).await;
                let came_in = response.status() == StatusCode::FOUND;
                assert_eq!(came_in, expected, "{policy} {number}");
                assert_eq!(visitor.is_signed_in().await, expected, "{policy} {number}");
                // The form for changing the password is shown to the same users.
                let account = visitor.page("/account").await;
                assert_eq!(account.contains("old_password"), expected, "{policy}");
            }
        });
        join_all(attempts.collect::<Vec<_>>()).await;
        let page = app.visitor().page("/login").await;
        assert!(page.contains(r#"name="password""#), "{page}");
    }
}

#[tokio::test]
async fn with_passwords_off_there_is_no_form_and_nothing_is_hashed() {
    let app = TestApp::builder()
        .setting("PASSWORD_LOGIN", "off")
        .hashing_threads(1)
        .start();
    let user = app.add_user_with_password("root@example.com", PASSWORD);
    app.set_superuser(user.id);
    let visitor = app.visitor();
    let page = visitor.page("/login?next=/account").await;
    assert!(
        !page.contains("<form") && !page.contains("Forgot"),
        "{page}"
    );
    let way = r#"href="/auth/login?next=%2Faccount">Continue with WorkOS</a>"#;
    assert!(page.contains(way), "{page}");

    let fields = [
        ("email", "root@example.com"),
        ("password", PASSWORD),
        ("next", "/account"),
    ];
    // More than fit into the queue. If they were hashed, some would get 503.
    let visitors: Vec<_> = (0..100).map(|_| app.visitor()).collect();
    let attempts = join_all(visitors.iter().map(|one| one.submit("/login", &fields))).await;
    for response in attempts {
        let page = error_page(response, StatusCode::FORBIDDEN).await;
        assert!(page.contains(way), "{page}");
    }
    assert!(app.sessions().is_empty());
    let authorize = visitor.start_login("/auth/login?next=/account").await;
    let callback = visitor.authorize(&authorize, "ada@example.com").await;
    assert_eq!(location(&visitor.get(callback.as_str()).await), "/account");
}
