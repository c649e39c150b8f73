//! Request ids, and the log of a real process.

use authkit_emulator::{Effect, Fault};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::raw::ask;
use crate::support::site::Site;

#[tokio::test]
async fn the_request_id_is_in_the_header_the_page_and_the_log() {
    let site = Site::start(&[]);
    let response = site.visitor().get("/no/such/page?secret=hidden").await;
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let page = response.text().await.unwrap();
    assert!(page.contains(&format!("<code>{id}</code>")), "{page}");
    let marked = format!("[{id}]");
    let line = site
        .program
        .wait_for_log(|line| line.contains(&marked) && line.contains("access"));
    assert!(line.contains(" INFO "), "{line}");
    assert!(line.contains("GET /no/such/page 404 "), "{line}");
    assert!(line.ends_with("ms 127.0.0.1"), "{line}");
    site.program
        .wait_for_log(|line| line.contains(&marked) && line.contains("there is no such page"));
    let other = site.visitor().get("/no/such/page").await;
    assert_ne!(other.headers()["x-request-id"].to_str().unwrap(), id);
}

#[tokio::test]
async fn a_sign_in_logs_neither_queries_nor_codes() {
    let site = Site::start(&[("RUST_LOG", "debug,hyper=info,hyper_util=info")]);
    let ada = site.visitor();
    let authorize = ada.start_login("/auth/login?next=/account").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(callback.as_str()).await;
    assert_eq!(response.status(), 302);
    site.program
        .wait_for_log(|line| line.contains("GET /auth/callback 302"));
    let all = site.program.log().join("\n");
    let secrets = callback.query_pairs().chain(authorize.query_pairs());
    for (name, value) in
        secrets.filter(|(name, _)| matches!(&**name, "code" | "state" | "code_challenge"))
    {
        assert!(!all.contains(&*value), "{name} is in the log: {all}");
    }
    let session = ada.cookie("/", "sessionid").unwrap();
    assert!(!all.contains(&session), "the session is in the log");
}

#[tokio::test]
async fn json_logs_have_one_object_per_line() {
    let site = Site::start(&[("LOG_FORMAT", "json")]);
    let response = site.visitor().get("/no/such/page?q=1").await;
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let wanted = format!("\"request_id\":\"{id}\"");
    let line = site
        .program
        .wait_for_log(|line| line.contains(&wanted) && line.contains("vestibule::access"));
    let line: Value = serde_json::from_str(&line).unwrap();
    for (name, value) in [
        ("level", json!("INFO")),
        ("target", json!("vestibule::access")),
        ("request_id", json!(id)),
        ("method", json!("GET")),
        ("path", json!("/no/such/page")),
        ("status", json!(404)),
        ("client", json!("127.0.0.1")),
    ] {
        assert_eq!(line[name], value, "{line}");
    }
    assert!(line["milliseconds"].is_u64(), "{line}");
    let (program, _database) = site.into_parts();
    program.signal("TERM");
    for line in program.wait().exits_with(0).stderr.lines() {
        let value: Value = serde_json::from_str(line).expect("every line is JSON");
        assert!(
            value["time"].is_string() && value["message"].is_string(),
            "{line}"
        );
    }
}

/// Characters that end a line or control a terminal: C0 and C1 controls, and Unicode's line separator.
const FORGED: &str =
    "it\n2026-11-21T19:10:09Z INFO vestibule::access [0] forged\r\u{1b}[2J\u{85}\u{9b}2J\u{2028}";

/// Sends the characters in an error of WorkOS, and in paths.
async fn forge(site: &Site) {
    let body = json!({ "error": "invalid_grant", "error_description": FORGED });
    let endpoint = "/user_management/authenticate";
    let refusal = Fault::once(endpoint, Effect::status(400, body));
    site.workos.control().inject(refusal);
    let response = site.visitor().sign_in("ada@example.com").await;
    assert_eq!(response.status(), 400);
    // actix-web rejects those that are not percent-encoded.
    for (target, status) in [
        ("/a%0aforged", 404),
        ("/b\u{85}forged", 400),
        ("/c\u{9b}forged", 400),
        ("/end", 404),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = ask(&site.url, request.as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{target:?}");
    }
    site.program
        .wait_for_log(|line| line.contains("/end") && line.contains("404"));
}

#[tokio::test]
async fn requests_cannot_forge_lines_in_the_text_log() {
    let site = Site::start(&[]);
    forge(&site).await;
    let log = site.program.log();
    for line in &log {
        assert!(line.starts_with("20"), "a forged line: {line:?}");
        let unseen = |c: char| c.is_control() || c == '\u{2028}';
        assert!(!line.contains(unseen), "{line:?}");
        assert!(!line.starts_with("2026-11-21T19:10:09Z"), "{line:?}");
    }
    for escaped in [
        r"invalid_grant: it\n2026-11-21T19:10:09Z INFO vestibule::access [0] forged\r\u{1b}[2J\u{85}\u{9b}2J\u{2028}",
        "/a%0aforged 404",
    ] {
        assert!(
            log.iter().any(|line| line.contains(escaped)),
            "no {escaped} in {log:#?}"
        );
    }
}

#[tokio::test]
async fn requests_cannot_forge_lines_in_the_json_log() {
    let site = Site::start(&[("LOG_FORMAT", "json")]);
    forge(&site).await;
    let log = site.program.log();
    let lines: Vec<Value> = log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line:?}")))
        .collect();
    let message = |line: &&Value| line["message"].as_str().unwrap().contains(FORGED);
    assert_eq!(lines.iter().filter(message).count(), 1, "{log:#?}");
    let path = |line: &Value| line["path"] == json!("/a%0aforged");
    assert!(lines.iter().any(path), "{log:#?}");
}

/// Sends a path, a method and a host of 20 KB or more, and returns the longest line of the log.
async fn longest_line(format: &str) -> String {
    let site = Site::start(&[("LOG_FORMAT", format)]);
    let long = "x".repeat(60_000);
    for request in [
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("{} / HTTP/1.1\r\nHost: localhost\r\n\r\n", &long[..20_000]),
        format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", &long[..20_000]),
    ] {
        ask(&site.url, request.as_bytes());
    }
    ask(&site.url, b"GET /end HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let is_last = |line: &str| line.contains("/end") && line.contains("404");
    site.program.wait_for_log(is_last);
    let longest = site.program.log().into_iter().max_by_key(String::len);
    longest.unwrap()
}

#[tokio::test]
async fn long_requests_do_not_make_long_log_lines() {
    for format in ["text", "json"] {
        let line = longest_line(format).await;
        assert!(line.len() < 6_000, "{} bytes: {line:.300}", line.len());
    }
}

#[tokio::test]
async fn a_request_id_from_the_client_is_not_used() {
    let site = Site::start(&[]);
    let request = site.visitor().request(Method::GET, "/healthz");
    let response = request
        .header("x-request-id", "chosen")
        .send()
        .await
        .unwrap();
    assert_ne!(
        response.headers()["x-request-id"].to_str().unwrap(),
        "chosen"
    );
}
