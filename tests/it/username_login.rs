//! `LOGIN_FIELD=username`: accounts sign in with a username, and with their email at `/login` too.

mod commands;
mod limits;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::api_schema::committed;
use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, TestAppBuilder, Visitor};
use crate::support::program::Program;
use crate::support::tokens::token_part;

const PASSWORD: &str = "Correct-horse-9";
const EMAIL: &str = "Ada.Sample@example.com";
const REFUSED: &str = "Please enter a correct username or email address and password.";
/// A username that Django stores in NFKC, and as it is typed.
const ZOE: (&str, &str) = ("Zo\u{eb}", "Zoe\u{308}");

fn builder() -> TestAppBuilder {
    TestApp::builder().setting("LOGIN_FIELD", "username")
}

/// An app with Ada, who has a username and an email.
fn start() -> TestApp {
    let app = builder().start();
    app.add_user_with_username("Ada", EMAIL, PASSWORD);
    app
}

async fn tokens(app: &TestApp, name: &str) -> ApiResponse {
    let body = json!({ "username": name, "password": PASSWORD });
    app.visitor().post_json("/api/token", &body).await
}

async fn logs_in(visitor: &Visitor, name: &str) -> bool {
    let fields = [("username", name), ("password", PASSWORD)];
    let response = visitor.submit("/login", &fields).await;
    match response.status() {
        StatusCode::FOUND => true,
        status => {
            assert_eq!(status, StatusCode::OK, "{name}");
            let page = response.text().await.unwrap();
            assert!(page.contains(REFUSED), "{page}");
            false
        }
    }
}

#[tokio::test]
async fn api_token_takes_the_exact_username() {
    let app = start();
    app.add_user_with_username(ZOE.0, "", PASSWORD);
    for name in ["Ada", "  Ada ", ZOE.0] {
        assert_eq!(tokens(&app, name).await.status, 200, "{name}");
    }
    for name in ["ada", EMAIL, ZOE.1, "\u{ff21}da", "nobody"] {
        tokens(&app, name).await.assert_is(
            401,
            r#"{"detail":"No active account found with the given credentials"}"#,
        );
    }
    let by_email = json!({ "email": EMAIL, "password": "" });
    let answer = app.visitor().post_json("/api/token", &by_email).await;
    answer.assert_is(
        400,
        r#"{"username":["This field is required."],"password":["This field may not be blank."]}"#,
    );
}

#[tokio::test]
async fn the_form_takes_the_username_and_the_email() {
    let app = start();
    app.add_user_with_username(ZOE.0, "", PASSWORD);
    for name in ["Ada", "\u{ff21}da", EMAIL, "ada.sample@example.com", ZOE.1] {
        assert!(logs_in(&app.visitor(), name).await, "{name}");
    }
    for name in ["ada", "nobody", "nobody@example.com"] {
        assert!(!logs_in(&app.visitor(), name).await, "{name}");
    }
    let page = app.visitor().page("/login").await;
    for part in [
        r#"<label for="username">Username or email</label>"#,
        r#"<input id="username" name="username" type="text""#,
        r#"autocomplete="username""#,
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("inputmode"), "{page}");
}

/// As in Django, where the field is compared with usernames alone.
#[tokio::test]
async fn a_username_comes_before_an_email_of_the_same_text() {
    const OTHER: &str = "Other-horse-7";
    let app = start();
    let named = app.add_user_with_username(EMAIL, "other@example.com", OTHER);
    assert!(!logs_in(&app.visitor(), EMAIL).await, "the email's owner");
    let log_in = |password: &str| {
        let fields = [("username", EMAIL), ("password", password)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let visitor = app.visitor();
        async move {
            let fields: Vec<_> = fields
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            visitor.submit("/login", &fields).await.status()
        }
    };
    assert_eq!(log_in(OTHER).await, StatusCode::FOUND);
    assert_eq!(app.only_session().user_id, named.id);
    // Another spelling is no username, and `/login` takes it as the email.
    assert!(logs_in(&app.visitor(), "ADA.Sample@example.com").await);
    let token = |password: &str| {
        let body = json!({ "username": EMAIL, "password": password });
        let visitor = app.visitor();
        async move { visitor.post_json("/api/token", &body).await }
    };
    assert_eq!(token(PASSWORD).await.status, 401);
    let claims = token_part(&token(OTHER).await.text("access"), 1);
    assert_eq!(claims["user_id"], named.id.to_string());
    // A closed account with the name takes no log-ins from the email's owner on the page; at /api/token the text is a
    // username, and nothing else.
    run_command(&app, &["deactivate", "other@example.com"]);
    assert!(logs_in(&app.visitor(), EMAIL).await);
    for password in [PASSWORD, OTHER] {
        assert_eq!(token(password).await.status, 401);
    }
}

fn run_command(app: &TestApp, arguments: &[&str]) {
    let program = Program::new(arguments).env("DATABASE_URL", app.database_url());
    program.run().exits_with(0);
}

#[tokio::test]
async fn without_the_setting_usernames_do_not_sign_in() {
    let app = TestApp::start();
    app.add_user_with_username("Ada", EMAIL, PASSWORD);
    let refused = app.visitor().log_in("Ada", PASSWORD).await;
    assert_eq!(refused.status(), StatusCode::OK);
    let body = json!({ "email": "Ada", "password": PASSWORD });
    let refused = app.visitor().post_json("/api/token", &body).await;
    assert_eq!(refused.status, 401);
    let body = json!({ "username": "Ada", "password": PASSWORD });
    let missing = app.visitor().post_json("/api/token", &body).await;
    missing.assert_is(400, r#"{"email":["This field is required."]}"#);
}

#[tokio::test]
async fn pages_and_api_show_an_account_without_an_email() {
    let app = start();
    app.add_user_with_username("bob", "", PASSWORD);
    let bob = app.visitor();
    assert!(logs_in(&bob, "bob").await);
    assert!(bob.page("/").await.contains("Welcome, bob!"));
    let account = bob.page("/account").await;
    assert!(account.contains("<p>bob</p>"), "{account}");
    assert!(account.contains("No email address"), "{account}");
    let again = bob.page("/login").await;
    assert!(again.contains("You are signed in as bob."), "{again}");
    let access = tokens(&app, "bob").await.text("access");
    let me = app.visitor().get_me_with_token(&access).await;
    assert_eq!(me.json["email"], "");
    // Nobody reaches the account through an address.
    for text in ["", "NONE:bob", "none:bob"] {
        assert_eq!(tokens(&app, text).await.status.as_u16() / 100, 4, "{text}");
    }
}

#[tokio::test]
async fn the_document_names_the_username() {
    let served = builder().start();
    let request = served.visitor().request(Method::GET, "/api/schema");
    let served_document = ApiResponse::of_request(request).await;
    let printed = Program::new(&["openapi"])
        .env("LOGIN_FIELD", "username")
        .run();
    let printed = printed.exits_with(0).stdout;
    for document in [&served_document.body, &printed] {
        assert!(document.contains(r#""username""#), "{document}");
        assert!(
            !document.contains("Compared case-insensitively"),
            "{document}"
        );
    }
    assert!(!committed().to_string().contains(r#""username""#));
    let page = served.visitor().page("/api/docs").await;
    assert!(
        page.contains("Tokens for a username and a password"),
        "{page}"
    );
}

/// An account's own email as its username is no ambiguity, in any spelling.
#[tokio::test]
async fn an_own_email_as_a_username_signs_in() {
    let app = builder().start();
    app.add_user_with_username("eve@example.com", "Eve@example.com", PASSWORD);
    for name in ["eve@example.com", "EVE@example.com"] {
        assert!(logs_in(&app.visitor(), name).await, "{name}");
    }
    assert_eq!(tokens(&app, "eve@example.com").await.status, 200);
}
