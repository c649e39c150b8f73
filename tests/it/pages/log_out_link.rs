//! Error pages of a signed-in session offer to log out.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::support::app::{TestApp, Visitor};
use crate::support::steps::{LOG_OUT_LINK, error_page};

/// Requests that a page refuses, each with the status.
const REFUSED: [(Method, &str, StatusCode); 4] = [
    (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
    (Method::PUT, "/account", StatusCode::METHOD_NOT_ALLOWED),
    (Method::GET, "/auth/callback", StatusCode::BAD_REQUEST),
    (Method::GET, "/auth/step", StatusCode::BAD_REQUEST),
];

async fn refused(visitor: &Visitor, method: Method, path: &str, status: StatusCode) -> String {
    let response = visitor.request(method, path).send().await.unwrap();
    error_page(response, status).await
}

#[tokio::test]
async fn error_pages_of_a_signed_in_user_offer_to_log_out() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = ada.cookies("/");
    for (method, path, status) in REFUSED {
        let page = refused(&ada, method, path, status).await;
        assert!(page.contains(LOG_OUT_LINK), "{path}: {page}");
        assert!(page.contains("Ada Example"), "{path}: {page}");
    }
    ada.post("/auth/logout").await;
    for (method, path, status) in REFUSED {
        let page = refused(&ada, method, path, status).await;
        assert!(!page.contains("Log out"), "{path}: {page}");
    }
    // The session of a copied cookie has ended.
    let page = app.visitor().get_with_cookies("/nowhere", &cookies).await;
    let page = error_page(page, StatusCode::NOT_FOUND).await;
    assert!(!page.contains("Log out") && !page.contains("Ada"), "{page}");
}

#[tokio::test]
async fn an_error_page_names_the_impersonator() {
    let app = TestApp::start();
    let imogen = app.signed_in("imogen@example.com").await;
    let page = refused(&imogen, Method::GET, "/nowhere", StatusCode::NOT_FOUND).await;
    assert!(page.contains(LOG_OUT_LINK), "{page}");
    assert!(page.contains("Impersonated session."), "{page}");
}

/// These are the same for everybody.
#[tokio::test]
async fn errors_of_static_files_and_of_the_api_name_nobody() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let status = StatusCode::NOT_FOUND;
    let page = refused(&ada, Method::GET, "/static/nothing.css", status).await;
    assert!(!page.contains("Log out") && !page.contains("Ada"), "{page}");
    let answer = ada.get("/api/nowhere").await;
    assert_eq!(answer.status(), status);
    let json: Value = answer.json().await.unwrap();
    assert!(json["detail"].is_string(), "{json}");
}
