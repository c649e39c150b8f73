//! `/static/…`: cache headers, content types, and paths that are not served.

use reqwest::{Method, Response, StatusCode};

use crate::support::app::TestApp;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "public, no-cache";

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name)?;
    Some(value.to_str().expect("text"))
}

async fn get(app: &TestApp, target: &str, tag: Option<&str>) -> Response {
    let mut request = app.visitor().request(Method::GET, target);
    if let Some(tag) = tag {
        request = request.header("if-none-match", tag);
    }
    request.send().await.unwrap()
}

/// The URL of the style sheet in a page.
async fn style(app: &TestApp) -> String {
    let page = app.visitor().page("/").await;
    let link = page.split("rel=\"stylesheet\" href=\"").nth(1).unwrap();
    link.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn files_that_pages_link_to_are_immutable() {
    let app = TestApp::start();
    let page = app.visitor().page("/").await;
    let mut links: Vec<_> = page
        .split('"')
        .filter(|part| part.starts_with("/static/"))
        .collect();
    links.sort_unstable();
    links.dedup();
    assert_eq!(links.len(), 2, "{links:?}");
    for link in links {
        let response = get(&app, link, None).await;
        assert_eq!(response.status(), StatusCode::OK, "{link}");
        assert_eq!(
            header(&response, "cache-control"),
            Some(IMMUTABLE),
            "{link}"
        );
        assert!(!response.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_file_is_immutable_only_with_its_own_hash_in_the_url() {
    let app = TestApp::start();
    let style = style(&app).await;
    let (path, hash) = style.split_once("?v=").unwrap();
    assert_eq!(hash.len(), 16);
    let mut wrong = hash.to_owned();
    wrong.replace_range(..1, if wrong.starts_with('0') { "1" } else { "0" });
    for query in [
        String::new(),
        "?".to_owned(),
        "?v=".to_owned(),
        format!("?v={wrong}"),
        format!("?v={}", &hash[..15]),
        format!("?w={hash}"),
        format!("?{hash}"),
    ] {
        let response = get(&app, &format!("{path}{query}"), None).await;
        assert_eq!(response.status(), StatusCode::OK, "{query}");
        assert_eq!(
            header(&response, "cache-control"),
            Some(REVALIDATE),
            "{query}"
        );
        assert_eq!(
            header(&response, "etag"),
            Some(&*format!("W/\"{hash}\"")),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_matching_etag_gets_304_without_a_body() {
    let app = TestApp::start();
    let style = style(&app).await;
    let tag = format!("\"{}\"", style.split_once("?v=").unwrap().1);
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        for target in ["/static/style.css", &style] {
            let response = get(&app, target, Some(&known)).await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(
                header(&response, "etag"),
                Some(&*format!("W/{tag}")),
                "{known}"
            );
            let cache = if target == style {
                IMMUTABLE
            } else {
                REVALIDATE
            };
            assert_eq!(header(&response, "cache-control"), Some(cache), "{known}");
            assert_eq!(response.bytes().await.unwrap().len(), 0, "{known}");
        }
    }
    for unknown in ["\"other\"", "nonsense", "", "\""] {
        let response = get(&app, "/static/style.css", Some(unknown)).await;
        assert_eq!(response.status(), StatusCode::OK, "{unknown}");
    }
}

#[tokio::test]
async fn every_file_has_its_content_type_with_and_without_a_trailing_slash() {
    let app = TestApp::builder().demo().start();
    for (file, content_type) in [
        ("style.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("spa.html", "text/html; charset=utf-8"),
        ("spa.js", "text/javascript; charset=utf-8"),
    ] {
        for target in [format!("/static/{file}"), format!("/static/{file}/")] {
            let response = get(&app, &target, None).await;
            assert_eq!(response.status(), StatusCode::OK, "{target}");
            assert_eq!(
                header(&response, "content-type"),
                Some(content_type),
                "{target}"
            );
            assert_eq!(header(&response, "set-cookie"), None, "{target}");
            let expected = std::fs::read(format!("static/{file}")).unwrap();
            assert_eq!(response.bytes().await.unwrap(), expected, "{target}");
        }
    }
}

#[tokio::test]
async fn the_example_application_is_served_only_by_the_demo() {
    let app = TestApp::start();
    for file in ["spa.html", "spa.js"] {
        for target in [format!("/static/{file}"), format!("/static/{file}/")] {
            let response = get(&app, &target, None).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{target}");
        }
    }
}

#[tokio::test]
async fn nothing_outside_the_folder_is_served() {
    let app = TestApp::start();
    for target in [
        "/static/",
        "/static/Cargo.toml",
        "/static/../Cargo.toml",
        "/static/%2e%2e/Cargo.toml",
        "/static/..%2fCargo.toml",
        "/static/STYLE.CSS",
        "/static//style.css",
        "/static/style.css%00",
        "/static/./style.css%20",
    ] {
        let host = format!("Host: {}", app.url.trim_start_matches("http://"));
        let request = format!("GET {target} HTTP/1.1\r\n{host}\r\n\r\n");
        let answer = crate::support::raw::ask(&app.url, request.as_bytes()).unwrap();
        assert_eq!(answer.status, 404, "{target}");
        assert_eq!(
            answer.header("cache-control"),
            Some("max-age=0, no-cache, no-store, must-revalidate, private"),
            "{target}"
        );
    }
}
