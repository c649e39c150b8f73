//! The OpenAPI document: the committed copy, the printed and the served one are the same, it is
//! sound, and it has every route.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::program::Program;

const COMMITTED: &str = include_str!("../../openapi.json");

/// The committed document.
pub(crate) fn committed() -> Value {
    serde_json::from_str(COMMITTED).expect("JSON")
}

/// Path and method of every operation that is served.
pub(crate) fn served() -> Vec<(String, Method)> {
    let document = committed();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|name| (path.clone(), name.to_ascii_uppercase().parse().unwrap()))
    });
    operations.collect()
}

#[test]
fn the_committed_copy_is_what_the_program_prints() {
    let printed = Program::new(&["openapi"]).run().exits_with(0);
    assert_eq!(printed.stderr, "");
    assert!(
        printed.stdout == COMMITTED.trim_end(),
        "openapi.json is old: write it anew with `cargo run -- openapi > openapi.json`"
    );
}

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let app = TestApp::start();
    for path in ["/api/schema", "/api/schema/"] {
        let response = app.visitor().get(path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        let served: Value = response.json().await.unwrap();
        assert_eq!(served, committed());
    }
}

#[test]
fn it_is_valid_openapi_3_1() {
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
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn it_has_every_route_of_the_table_and_no_other() {
    // actix does not tell its routes: the table's own text does.
    let table = include_str!("../../src/urls.rs");
    let literals = table.split('"').filter(|text| text.starts_with("/api/"));
    let routes: BTreeSet<_> = literals.map(str::to_owned).collect();
    let document = committed();
    let described = document["paths"].as_object().unwrap().keys().cloned();
    assert_eq!(described.collect::<BTreeSet<_>>(), routes);
}

#[tokio::test]
async fn each_route_takes_just_the_methods_that_are_described() {
    let app = TestApp::builder()
        .setting("GOOGLE_CLIENT_ID", "made-up")
        .setting("OKTA_CLIENT_ID", "made-up")
        .setting("OKTA_ISSUER", "https://okta.example.com")
        .start();
    let visitor = app.visitor();
    for (path, method) in served() {
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
async fn the_page_tells_of_every_route() {
    let app = TestApp::start();
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
    let begins = format!("curl -X POST {}/api/auth/workos/callback", app.url);
    let curl = page
        .split(&begins)
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
