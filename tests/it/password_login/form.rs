//! The log-in form.

use authkit_emulator::{Effect, Fault};
use reqwest::{Method, StatusCode};

use super::{EMAIL, PASSWORD, refused};
use crate::support::app::{TestApp, location};
use crate::support::steps::{AUTHENTICATE, error_page};

#[tokio::test]
async fn the_page_offers_both_sign_in_methods_and_keeps_next_in_each() {
    let app = TestApp::start();
    let page = app.visitor().page("/login?next=/account?a=1%26b").await;
    for part in [
        r#"<form method="post" action="/login">"#,
        r#"<label for="email">Email</label>"#,
        r#"autocomplete="username""#,
        r#"<label for="password">Password</label>"#,
        r#"autocomplete="current-password""#,
        r#"<input type="hidden" name="next" value="/account?a=1&#38;b">"#,
        r#"href="/auth/login?next=%2Faccount%3Fa%3D1%26b">Continue with WorkOS</a>"#,
        r#"href="/auth/login?next=%2Faccount%3Fa%3D1%26b">Forgot your password?</a>"#,
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("role=\"alert\"") && !page.contains("aria-invalid"));
    let page = app.visitor().page("/login?next=//evil.example").await;
    assert!(!page.contains("evil.example"), "{page}");
}

#[tokio::test]
async fn the_email_is_kept_in_the_form_and_the_password_is_not() {
    let app = TestApp::start();
    let typed = r#""><script>@example.com"#;
    let fields = [
        ("email", typed),
        ("password", "a-secret-that-is-wrong"),
        ("next", "/account"),
    ];
    let response = app.visitor().submit("/login", &fields).await;
    let page = response.text().await.unwrap();
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("a-secret-that-is-wrong"), "{page}");
    for part in [
        r#"value="&#34;&#62;&#60;script&#62;@example.com""#,
        r#"id="refusal" role="alert">"#,
        r#"aria-invalid="true" aria-describedby="refusal""#,
        r#"name="next" value="/account">"#,
        "login_hint=%22%3E%3Cscript%3E%40example.com&#38;next=%2Faccount\">Forgot",
        "<title>Error: Log in",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[tokio::test]
async fn an_empty_field_has_djangos_message() {
    let app = TestApp::start();
    const REQUIRED: &str = "This field is required.";
    const NULL: &str = "Null characters are not allowed.";
    for (email, password, complaints) in [
        ("", "", vec![REQUIRED, REQUIRED]),
        ("  ", "x", vec![REQUIRED]),
        (EMAIL, "", vec![REQUIRED]),
        ("a\0@example.com", "x", vec![NULL]),
        (EMAIL, "x\0", vec![NULL]),
    ] {
        let response = app.visitor().log_in(email, password).await;
        assert_eq!(response.status(), StatusCode::OK);
        let page = response.text().await.unwrap();
        let messages = [REQUIRED, NULL].map(|sentence| page.matches(sentence).count());
        assert_eq!(messages.iter().sum::<usize>(), complaints.len(), "{page}");
        assert!(page.contains(complaints[0]), "{page}");
        assert!(!page.contains(super::REFUSED), "{page}");
    }
    let page = app.visitor().post("/login").await.text().await.unwrap();
    assert_eq!(page.matches(REQUIRED).count(), 2, "{page}");
}

#[tokio::test]
async fn a_signed_in_user_sees_a_link_to_continue_beside_the_form() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let page = ada.page("/login?next=/account").await;
    let on = r#"You are signed in as ada@example.com. <a href="/account">Continue</a>"#;
    assert!(page.contains(on), "{page}");
    assert!(page.contains(r#"action="/login""#), "{page}");
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn the_form_is_served_on_the_host_of_the_cookie() {
    let app = TestApp::start();
    let other_host = app.url.replace("localhost", "127.0.0.1");
    let response = app
        .visitor()
        .get(&format!("{other_host}/login?next=/account"))
        .await;
    assert_eq!(
        location(&response),
        format!("{}/login?next=%2Faccount&moved=1", app.url).replace("%2F", "/")
    );
}

#[tokio::test]
async fn the_home_page_and_the_page_of_a_workos_outage_link_to_the_form() {
    let off = TestApp::builder().setting("PASSWORD_LOGIN", "off").start();
    for (app, expected) in [(TestApp::start(), true), (off, false)] {
        let visitor = app.visitor();
        let home = visitor.page("/").await;
        let link = r#"href="/login">Log in with a password</a>"#;
        assert_eq!(home.contains(link), expected, "{home}");
        let authorize = visitor.start_login("/auth/login?next=/account").await;
        let callback = visitor.authorize(&authorize, "ada@example.com").await;
        app.workos().inject(Fault::once(
            AUTHENTICATE,
            Effect::Status {
                status: 503,
                body: serde_json::Value::Null,
                retry_after: None,
            },
        ));
        let response = visitor.get(callback.as_str()).await;
        let page = error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
        let link = r#"href="/login?next=%2Faccount">Log in with a password</a>"#;
        assert_eq!(page.contains(link), expected, "{page}");
        assert!(page.contains(">Try again</a>"), "{page}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let request = app.visitor().request(Method::POST, "/login");
        let fields = [("email", EMAIL), ("password", PASSWORD)];
        let response = request.header(name, value).form(&fields).send().await;
        let response = response.unwrap();
        assert_eq!(response.headers().get("set-cookie"), None);
        error_page(response, StatusCode::FORBIDDEN).await;
    }
    assert!(app.sessions().is_empty());
}

#[tokio::test]
async fn a_body_that_is_not_a_form_is_refused() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    for kind in [
        "application/json",
        "text/plain",
        "multipart/form-data",
        "application/x-www-form-urlencoded; charset=zlib",
        "",
    ] {
        let request = app.visitor().request(Method::POST, "/login");
        let request = request.header("content-type", kind);
        let body = format!("email={EMAIL}&password={PASSWORD}");
        let response = request.body(body).send().await.unwrap();
        error_page(response, StatusCode::BAD_REQUEST).await;
    }
    // Django decodes invalid UTF-8 leniently: this is a wrong password and no server error.
    for body in [
        format!("email={EMAIL}&password=%ff%fe").into_bytes(),
        [b"email=".as_slice(), b"\xff\xc3&password=\xff"].concat(),
        b"=&=&&%&email=%&password=%zz".to_vec(),
    ] {
        let request = app.visitor().request(Method::POST, "/login");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.text().await.unwrap().contains(super::REFUSED));
    }
}

/// As a script sends a form with `fetch` and `FormData`. Files are ignored, as in Django.
#[tokio::test]
async fn a_multipart_form_signs_in() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let visitor = app.visitor();
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n")
    };
    let body = [
        part("name=\"username\"", EMAIL),
        part("name=\"password\"", PASSWORD),
        part("name=\"password\"; filename=\"a.txt\"", "wrong"),
        "--b--\r\n".to_owned(),
    ];
    let request = visitor.request(Method::POST, "/login");
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    let response = request.body(body.concat()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(visitor.is_signed_in().await);
}

#[tokio::test]
async fn an_overlong_email_is_kept_in_the_form_and_not_passed_to_workos() {
    let app = TestApp::start();
    let endless = format!("{}@example.com", "a".repeat(300));
    let page = refused(&app.visitor(), &endless, "wrong").await;
    assert!(page.contains(&format!(r#"value="{endless}""#)), "{page}");
    assert!(!page.contains("login_hint"), "{page}");
}
