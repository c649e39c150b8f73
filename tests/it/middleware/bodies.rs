//! The limits for the size of bodies, and for the time of bodies and headers.

use std::time::Duration;

use crate::support::app::TestApp;
use crate::support::raw::{Connection, RawResponse, ask};

const LARGEST: usize = 64 * 1024;

fn post(app: &TestApp, header: &str, body: &[u8]) -> RawResponse {
    let head = format!("POST /auth/logout HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n");
    ask(&app.url, &[head.as_bytes(), body].concat()).expect("an answer")
}

fn chunked(parts: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

#[test]
fn a_body_of_64_kib_is_accepted_and_one_byte_more_is_not() {
    let app = TestApp::start();
    let body = vec![b'a'; LARGEST + 1];
    let taken = post(
        &app,
        &format!("Content-Length: {LARGEST}"),
        &body[..LARGEST],
    );
    assert_eq!(taken.status, 302);
    let refused = post(&app, &format!("Content-Length: {}", LARGEST + 1), &body);
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("The request is too large"));
}

#[test]
fn a_chunked_body_is_limited_while_it_arrives() {
    let app = TestApp::start();
    let chunk = vec![b'a'; 16 * 1024];
    let header = "Transfer-Encoding: chunked";
    let taken = post(&app, header, &chunked(&[&chunk[..]; 4]));
    assert_eq!(taken.status, 302);
    let refused = post(
        &app,
        header,
        &chunked(&[&chunk, &chunk, &chunk, &chunk, b"a"]),
    );
    assert_eq!(refused.status, 413);
    let endless = post(&app, header, &chunked(&[&chunk[..]; 256]));
    assert_eq!(endless.status, 413);
}

#[test]
fn a_large_content_length_is_rejected_before_the_body_arrives() {
    let app = TestApp::start();
    for length in ["65537", "1000000000000", "18446744073709551615"] {
        let refused = post(&app, &format!("Content-Length: {length}"), b"");
        assert_eq!(refused.status, 413, "{length}");
    }
    for length in ["18446744073709551616", "-1", "+5", "5, 5", "abc", ""] {
        let refused = post(&app, &format!("Content-Length: {length}"), b"");
        assert_eq!(refused.status, 400, "{length}");
    }
}

#[test]
fn under_api_the_response_to_a_large_body_is_json() {
    let app = TestApp::start();
    let request = b"POST /api/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n";
    let answer = ask(&app.url, request).unwrap();
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text(), r#"{"detail":"Request body too large."}"#);
}

#[test]
fn the_body_of_a_get_request_is_ignored_and_the_connection_stays_open() {
    let app = TestApp::start();
    let mut connection = Connection::open(&app.url);
    let body = "Content-Length: 5";
    connection.request("GET", "/", &["Host: localhost", body]);
    connection.send(b"hello");
    assert_eq!(connection.answer().unwrap().status, 200);
    connection.request("GET", "/", &["Host: localhost"]);
    assert_eq!(connection.answer().unwrap().status, 200);
}

#[test]
fn an_unsupported_upgrade_is_ignored() {
    let app = TestApp::start();
    for protocol in ["websocket", "h2c", "WebSocket"] {
        let mut connection = Connection::open(&app.url);
        let upgrade = format!("Upgrade: {protocol}");
        let lines = ["Host: localhost", "Connection: Upgrade", &upgrade];
        connection.request("GET", "/", &lines);
        assert_eq!(connection.answer().unwrap().status, 200, "{protocol}");
    }
}

#[test]
fn incomplete_headers_time_out() {
    let app = TestApp::start();
    let mut connection = Connection::open(&app.url);
    connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ");
    let rest = String::from_utf8_lossy(&connection.rest()).into_owned();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 408 "),
        "{rest}"
    );
}

#[test]
fn a_body_that_arrives_byte_by_byte_times_out() {
    let app = TestApp::start();
    let mut connection = Connection::open(&app.url);
    let length = "Content-Length: 60000";
    connection.request("POST", "/auth/logout", &["Host: localhost", length]);
    // A byte every 100 ms would take an hour and a half; the time limit is ten seconds.
    let mut sent = 0;
    while sent < 600 && connection.send(b"a") {
        sent += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(sent < 600, "the server still reads after a minute");
    let rest = String::from_utf8_lossy(&connection.rest()).into_owned();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 408 "),
        "{rest}"
    );
}

#[test]
fn an_incomplete_body_gets_a_timeout_response() {
    let app = TestApp::start();
    let mut connection = Connection::open(&app.url);
    let length = "Content-Length: 10";
    connection.request("POST", "/auth/logout", &["Host: localhost", length]);
    connection.send(b"half");
    let answer = connection.answer().expect("an answer");
    assert_eq!(answer.status, 408);
    assert!(answer.text().contains("That took too long"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert!(connection.answer().is_none(), "the connection is closed");
}
