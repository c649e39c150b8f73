//! Routes: slash forms, methods, unknown pages, JSON under `/api/`, and escaping.

mod log_out_link;
mod notices;

use std::collections::BTreeSet;

use authkit_emulator::Seed;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::support::app::{TestApp, location};

const READS: &str = "GET, HEAD, OPTIONS";
/// Routes, each with its status for a visitor who is not signed in and with its `Allow` header.
const ROUTES: [(&str, u16, &str); 14] = [
    ("/", 200, READS),
    ("/account", 302, READS),
    ("/account/addresses/remove", 405, "POST, OPTIONS"),
    ("/account/authenticator", 302, "GET, HEAD, POST, OPTIONS"),
    ("/account/password", 405, "POST, OPTIONS"),
    ("/account/sessions/revoke", 405, "POST, OPTIONS"),
    ("/login", 200, "GET, HEAD, POST, OPTIONS"),
    ("/login/code", 302, "GET, HEAD, POST, OPTIONS"),
    ("/signin", 302, READS),
    ("/auth/login", 302, READS),
    ("/auth/callback", 400, READS),
    ("/auth/logout", 302, "GET, HEAD, POST, OPTIONS"),
    ("/healthz", 200, READS),
    ("/static/style.css", 200, READS),
];

fn text<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name)?;
    Some(value.to_str().expect("text"))
}

async fn send(app: &TestApp, method: Method, target: &str) -> Response {
    let request = app.visitor().request(method, target);
    request.send().await.unwrap()
}

/// The names of the headers, and the values of those that describe the content.
fn shape(response: &Response) -> (BTreeSet<String>, [Option<String>; 3]) {
    let names = response.headers().keys();
    let names = names.map(ToString::to_string).collect();
    let kind = ["content-type", "content-length", "cache-control"];
    (
        names,
        kind.map(|name| text(response, name).map(str::to_owned)),
    )
}

#[tokio::test]
async fn every_route_answers_with_and_without_its_slash() {
    let app = TestApp::start();
    for (path, status, _) in ROUTES {
        let plain = send(&app, Method::GET, path).await;
        assert_eq!(plain.status(), status, "{path}");
        if path == "/" {
            continue;
        }
        let slashed = send(&app, Method::GET, &format!("{path}/")).await;
        assert_eq!(slashed.status(), status, "{path}/");
        assert_eq!(
            text(&slashed, "content-type"),
            text(&plain, "content-type"),
            "{path}/"
        );
        if status == 302 {
            // Both forms redirect to the same target, not to each other.
            let (there, here) = (location(&slashed), location(&plain));
            let bare = |url: &str| url.split('?').next().unwrap_or_default().to_owned();
            assert_eq!(bare(&there), bare(&here), "{path}/");
        }
    }
}

#[tokio::test]
async fn a_sign_in_and_log_out_work_with_trailing_slashes() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login/?next=/account/").await;
    let mut callback = ada.authorize(&authorize, "ada@example.com").await;
    callback.set_path("/auth/callback/");
    let response = ada.get(callback.as_str()).await;
    assert_eq!(location(&response), "/account/");
    assert_eq!(ada.get("/account/").await.status(), StatusCode::OK);
    let response = ada.post("/auth/logout/").await;
    assert!(location(&response).contains("/sessions/logout"));
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::start();
    for (path, status, _) in ROUTES {
        let get = send(&app, Method::GET, path).await;
        let head = send(&app, Method::HEAD, path).await;
        assert_eq!(head.status(), status, "{path}");
        assert_eq!(shape(&head), shape(&get), "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
    for path in ["/no/such/page", "/static/no-such-file", "/api/none"] {
        let get = send(&app, Method::GET, path).await;
        let head = send(&app, Method::HEAD, path).await;
        assert_eq!(head.status(), 404, "{path}");
        assert_eq!(shape(&head), shape(&get), "{path}");
    }
}

#[tokio::test]
async fn options_responds_with_the_allowed_methods() {
    let app = TestApp::start();
    for (path, _, allow) in ROUTES {
        for path in [path.to_owned(), format!("{}/", path.trim_end_matches('/'))] {
            let response = send(&app, Method::OPTIONS, &path).await;
            assert_eq!(response.status(), 204, "{path}");
            assert_eq!(text(&response, "allow"), Some(allow), "{path}");
        }
    }
}

#[tokio::test]
async fn another_method_gets_405_and_the_allowed_methods() {
    let app = TestApp::start();
    for (path, _, allow) in ROUTES {
        for method in ["POST", "PUT", "PATCH", "DELETE", "INVENTED"] {
            if allow.contains(method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let response = send(&app, method.clone(), path).await;
            assert_eq!(response.status(), 405, "{method} {path}");
            assert_eq!(text(&response, "allow"), Some(allow), "{method} {path}");
            let page = response.text().await.unwrap();
            assert!(page.contains("That is not possible here"), "{page}");
        }
    }
}

#[tokio::test]
async fn an_unknown_address_is_a_page_that_links_to_home() {
    let app = TestApp::start();
    for target in [
        "/no/such/page",
        "/account/x",
        "/auth",
        "/auth/",
        "/index.html",
        "/apis",
        "/API/x",
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let response = send(&app, method.clone(), target).await;
            assert_eq!(response.status(), 404, "{method} {target}");
            assert_eq!(
                text(&response, "content-type"),
                Some("text/html; charset=utf-8")
            );
            let page = response.text().await.unwrap();
            assert!(page.contains("<h1>Page not found</h1>"), "{page}");
            assert!(
                page.contains(r#"<a class="button" href="/">Go home</a>"#),
                "{page}"
            );
        }
    }
}

#[tokio::test]
async fn under_api_every_error_is_json() {
    let app = TestApp::start();
    for target in ["/api", "/api/", "/api/none", "/api/none/", "/api/users?x=1"] {
        let response = send(&app, Method::GET, target).await;
        assert_eq!(response.status(), 404, "{target}");
        assert_eq!(text(&response, "content-type"), Some("application/json"));
        assert_eq!(response.text().await.unwrap(), r#"{"detail":"Not found."}"#);
    }
    let visitor = app.visitor();
    let request = visitor.request(Method::POST, "/api/none");
    let request = request.header("origin", "https://elsewhere.example");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 403);
    let body: Value = response.json().await.unwrap();
    assert!(
        body["detail"].as_str().unwrap().contains("another site"),
        "{body}"
    );
    let request = visitor.request(Method::GET, "/api/none");
    let response = request
        .header("host", "elsewhere.example")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    let body: Value = response.json().await.unwrap();
    assert!(
        body["detail"].as_str().unwrap().contains("ALLOWED_HOSTS"),
        "{body}"
    );
}

/// A user whose fields all contain markup.
const HOSTILE: &str = r#"{"users": [{
    "email": "mallory@example.com",
    "password": "mallory-demo-password",
    "email_verified": true,
    "first_name": "<script>alert(1)</script>",
    "last_name": "\" onmouseover='alert(2)' x=\"",
    "profile_picture_url": "https://pictures.example/\"><img src=x onerror=alert(3)>",
    "impersonator": {"email": "<b>staff</b>@example.com", "reason": "</p><iframe src=//evil.example>"}
}]}"#;

#[tokio::test]
async fn the_fields_of_a_workos_user_are_escaped() {
    let app = TestApp::builder()
        .seed(Seed::from_json(HOSTILE).unwrap())
        .start();
    let mallory = app.signed_in("mallory@example.com").await;
    for target in ["/", "/account"] {
        let page = mallory.page(target).await;
        assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
        assert!(page.contains("&#60;b&#62;staff"), "{page}");
        for markup in [
            "<script",
            "onmouseover='",
            "\" onmouseover",
            "<b>",
            "<iframe",
            "<img src=x",
        ] {
            assert!(!page.contains(markup), "{markup} in {page}");
        }
    }
}

#[tokio::test]
async fn markup_in_an_address_is_escaped() {
    let app = TestApp::start();
    let ada = app.visitor();
    let markup = "%3Cscript%3Ealert(1)%3C/script%3E";
    for target in [
        format!("/{markup}"),
        format!("/?notice={markup}&next={markup}"),
        format!("/auth/callback?error={markup}&error_description={markup}"),
        format!("/auth/callback?code={markup}&state={markup}"),
        format!("/static/{markup}"),
        "/<script>alert(1)</script>".to_owned(),
    ] {
        let page = ada.page(&target).await;
        assert!(page.contains("<html"), "{page}");
        assert!(!page.contains("alert(1)"), "{target}: {page}");
    }
}

#[tokio::test]
async fn no_page_has_a_script_or_an_inline_style() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for target in [
        "/",
        "/account",
        "/no/such/page",
        "/auth/callback?code=x&state=y",
    ] {
        let page = ada.page(target).await;
        for forbidden in ["<script", "<style", " style=", " onclick=", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden} in {target}");
        }
    }
}

#[tokio::test]
async fn home_and_account_show_the_large_picture() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for target in ["/", "/account"] {
        let page = ada.page(target).await;
        assert!(page.contains(r#"class="avatar large""#), "{target}: {page}");
        let picture = format!(r#"src="{}/pictures/ada.svg""#, app.emulator.base_url());
        assert!(page.contains(&picture), "{target}: {page}");
    }
}
