//! Keep-alive and compression.

use std::process::{Command, Stdio};

use crate::support::app::TestApp;
use crate::support::raw::Connection;

#[test]
fn a_connection_is_reused_for_the_next_request() {
    let app = TestApp::start();
    let mut connection = Connection::open(&app.url);
    for target in [
        "/",
        "/healthz",
        "/no/such/page",
        "/static/style.css",
        "/account",
        "/",
    ] {
        connection.request("GET", target, &["Host: localhost"]);
        let answer = connection.answer().expect("the connection is kept");
        assert_ne!(answer.header("connection"), Some("close"), "{target}");
    }
    connection.request("HEAD", "/", &["Host: localhost"]);
    assert_eq!(connection.answer_to_head().unwrap().status, 200);
    connection.request("GET", "/", &["Host: localhost", "Connection: close"]);
    assert_eq!(connection.answer().unwrap().status, 200);
    assert!(connection.answer().is_none());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let app = TestApp::start();
    let mut connection = Connection::open(&app.url);
    for target in ["/healthz", "/no/such/page", "/account"] {
        connection.request("GET", target, &["Host: localhost"]);
    }
    for status in [200, 404, 302] {
        assert_eq!(connection.answer().expect("an answer").status, status);
    }
}

#[test]
fn responses_are_compressed_when_the_client_accepts_it() {
    let app = TestApp::start();
    for target in ["/", "/static/style.css", "/no/such/page"] {
        let mut connection = Connection::open(&app.url);
        connection.request("GET", target, &["Host: localhost"]);
        let plain = connection.answer().unwrap();
        assert_eq!(plain.header("content-encoding"), None, "{target}");
        let gzip = "Accept-Encoding: gzip, br";
        connection.request("GET", target, &["Host: localhost", gzip]);
        let packed = connection.answer().unwrap();
        assert_eq!(packed.status, plain.status, "{target}");
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{target}");
        assert!(packed.body.len() < plain.body.len(), "{target}");
        let vary: Vec<_> = packed
            .headers
            .iter()
            .filter(|(name, _)| name == "vary")
            .collect();
        let named =
            |(_, value): &&&(String, String)| value.to_lowercase().contains("accept-encoding");
        assert!(vary.iter().any(|pair| named(&pair)), "{target}: {vary:?}");
        let unpacked = gunzip(&packed.body);
        // The request id on an error page differs.
        assert_eq!(unpacked.len(), plain.body.len(), "{target}");
    }
}

/// Decompresses with the `gzip` program, which is independent of our code.
fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let input = std::fs::File::open(file.path()).unwrap();
    let output = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::from(input))
        .output()
        .expect("gzip");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}
