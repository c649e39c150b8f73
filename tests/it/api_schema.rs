//! The OpenAPI document: the committed, the printed and the served document are the same, the document
//! is valid, and it describes every route.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::program::Program;

const COMMITTED: &str = include_str!("../../openapi.json");

/// `openapi.json`.
pub(crate) fn committed() -> Value {
    serde_json::from_str(COMMITTED).expect("openapi.json is JSON")
}

/// Path and method of every operation in the document.
pub(crate) fn operations() -> Vec<(String, Method)> {
    let document = committed();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|name| (path.clone(), name.to_ascii_uppercase().parse().unwrap()))
    });
    operations.collect()
}

/// An app with every provider and route configured.
fn app_with_providers() -> TestApp {
    TestApp::builder()
        .setting("GOOGLE_CLIENT_ID", "made-up")
        .setting("OKTA_CLIENT_ID", "made-up")
        .setting("OKTA_ISSUER", "https://okta.example.com")
        .setting("WORKOS_TOKEN_ROUTE", "true")
        .start()
}

#[test]
fn the_committed_document_is_the_one_that_the_program_prints() {
    let printed = Program::new(&["openapi"]).run().exits_with(0);
    assert_eq!(printed.stderr, "");
    assert!(
        printed.stdout == COMMITTED.trim_end(),
        "openapi.json is out of date; run `cargo run -- openapi > openapi.json`"
    );
}

#[test]
fn the_document_begins_with_the_keys_in_the_usual_order() {
    let keys: Vec<_> = COMMITTED
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split_once("\":"))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys[..4], ["openapi", "info", "servers", "paths"]);
}

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let app = app_with_providers();
    for path in ["/api/schema", "/api/schema/"] {
        let response = app.visitor().get(path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        let served: Value = response.json().await.unwrap();
        assert_eq!(served, committed());
    }
}

#[tokio::test]
async fn routes_that_are_not_configured_are_left_out() {
    const OPTIONAL: [&str; 3] = [
        "/api/auth/google",
        "/api/auth/okta",
        "/api/auth/workos/token",
    ];
    let app = TestApp::start();
    let response = app.visitor().get("/api/schema").await;
    let mut served: Value = response.json().await.unwrap();
    let page = app.visitor().page("/api/docs").await;
    for path in OPTIONAL {
        assert!(served["paths"].get(path).is_none(), "{path}");
        assert!(!page.contains(path), "{path}");
    }
    let complete = committed();
    for (path, methods) in complete["paths"].as_object().unwrap() {
        if OPTIONAL.contains(&path.as_str()) {
            served["paths"][path] = methods.clone();
        }
    }
    assert_eq!(served["paths"], complete["paths"]);
}

#[tokio::test]
async fn the_document_follows_the_schemes_of_the_authorization_header() {
    let types = "JWT, Bearer";
    let app = TestApp::builder().setting("AUTH_HEADER_TYPES", types);
    let app = app.start();
    let response = app.visitor().get("/api/schema").await;
    let served: Value = response.json().await.unwrap();
    let printed = Program::new(&["openapi"]).env("AUTH_HEADER_TYPES", types);
    let printed: Value = serde_json::from_str(&printed.run().exits_with(0).stdout).unwrap();
    for document in [served, printed] {
        let components = &document["components"];
        assert_eq!(components["securitySchemes"]["bearer"]["scheme"], "JWT");
        let example = &components["headers"]["WwwAuthenticate"]["example"];
        assert_eq!(example, "JWT realm=\"api\"");
    }
    let page = app.visitor().page("/api/docs").await;
    assert!(page.contains("Authorization: JWT ACCESS_TOKEN"), "{page}");
    assert!(!page.contains("Authorization: Bearer"), "{page}");
}

#[tokio::test]
async fn the_documentation_can_be_switched_off() {
    let app = TestApp::builder().setting("API_DOCS", "off").start();
    for path in ["/api/schema", "/api/schema/", "/api/docs", "/api/docs/"] {
        let response = app.visitor().get(path).await;
        assert_eq!(response.status(), 404, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["detail"], "Not found.", "{path}");
    }
}

#[test]
fn the_document_is_valid_openapi_3_1() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = folder.join("script/peers/schemathesis/.venv/bin/python");
    assert!(
        python.is_file(),
        "openapi-spec-validator is missing: `script/test tools` installs it"
    );
    let output = Command::new(python)
        .args(["-m", "openapi_spec_validator", "--schema", "3.1"])
        .args(["--validation-errors", "all"])
        .arg(folder.join("openapi.json"))
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
}

#[test]
fn the_document_has_exactly_the_routes_of_the_route_table() {
    // actix-web has no list of routes, so the source of the table is read.
    let table = include_str!("../../src/urls.rs");
    let literals = table.split("&api(\"").skip(1);
    let routes: BTreeSet<_> = literals
        .filter_map(|text| text.split('"').next())
        .map(|path| format!("/api{path}"))
        .collect();
    let document = committed();
    let documented = document["paths"].as_object().unwrap().keys().cloned();
    assert_eq!(documented.collect::<BTreeSet<_>>(), routes);
}

#[tokio::test]
async fn each_route_allows_exactly_the_documented_methods() {
    let app = app_with_providers();
    let visitor = app.visitor();
    for (path, method) in operations() {
        for path in [path.clone(), format!("{path}/")] {
            let options = visitor
                .request(Method::OPTIONS, &path)
                .send()
                .await
                .unwrap();
            let allow = options.headers()["allow"].to_str().unwrap().to_owned();
            let expected = match method {
                Method::GET => "GET, HEAD, OPTIONS",
                _ => "POST, OPTIONS",
            };
            assert_eq!(allow, expected, "{path}");
            let status = visitor
                .request(method.clone(), &path)
                .send()
                .await
                .unwrap()
                .status();
            assert!(status != 404 && status != 405, "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn the_page_describes_every_route() {
    let app = app_with_providers();
    let page = app.visitor().page("/api/docs").await;
    let document = committed();
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(
            page.contains(&format!("<code>{path}</code></h3>")),
            "{path}"
        );
        for operation in methods.as_object().unwrap().values() {
            let summary = operation["summary"].as_str().unwrap();
            let shown = summary.replace('\'', "&#39;");
            assert!(page.contains(&shown), "{summary}");
        }
    }
    assert!(page.contains(&format!("curl -X POST {}/api/token", app.url)));
    let start = format!("curl -X POST {}/api/auth/workos/callback", app.url);
    let curl = page
        .split(&start)
        .skip(1)
        .map(|rest| rest.split("</pre>").next().unwrap());
    let curls: Vec<_> = curl.collect();
    assert_eq!(curls.len(), 4, "a code, and the answers to three steps");
    for (curl, field) in curls
        .iter()
        .zip(["code", "organization_id", "code", "code"])
    {
        assert!(curl.contains("Content-Type: application/json"), "{curl}");
        assert!(curl.contains(&format!("&#34;{field}&#34;:")), "{curl}");
    }
    assert!(curls[0].contains("made-up-code"), "{}", curls[0]);
    assert!(!page.contains("<script"));
    assert!(!page.contains("style="));
}
