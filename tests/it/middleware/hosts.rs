//! `ALLOWED_HOSTS`, with Django's rules.

use crate::support::app::TestApp;
use crate::support::raw::ask;

/// The status of `GET target` with this `Host`.
fn status(app: &TestApp, host: &str, target: &str) -> u16 {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    ask(&app.url, request.as_bytes()).expect("an answer").status
}

fn app(allowed: &str) -> TestApp {
    TestApp::builder()
        .setting("PUBLIC_URL", "https://app.example.com")
        .setting("ALLOWED_HOSTS", allowed)
        .start()
}

#[test]
fn hosts_are_matched_as_django_matches_them() {
    let app = app("app.example.com, .example.org, 192.0.2.1, [2001:db8::1]");
    for host in [
        "app.example.com",
        "APP.Example.Com",
        "app.example.com:8000",
        "app.example.com.",
        "app.example.com.:443",
        "example.org",
        "a.b.example.org",
        "192.0.2.1:80",
        "[2001:db8::1]",
        "[2001:DB8::1]:8000",
    ] {
        assert_eq!(status(&app, host, "/"), 200, "{host:?}");
    }
    for host in [
        "",
        "example.com",
        "www.app.example.com",
        "app.example.com.evil.example",
        "badexample.org",
        "app.example.com..",
        "app.example.com:80:80",
        "app.example.com:http",
        "app.example.com@evil.example",
        "evil.example@app.example.com",
        "app.example.com/",
        "app.example.com evil.example",
        "app.example.com, evil.example",
        "app.example.com\t",
        "[2001:db8::2]",
        "[2001:db8::1",
        "2001:db8::1",
        "[app.example.com]",
        "localhost",
        "127.0.0.1",
        "*",
        "app\u{e9}.example.com",
    ] {
        let seen = status(&app, host, "/");
        // White space at the end is not part of the value (RFC 9112, section 5).
        let expected = if host.ends_with('\t') { 200 } else { 400 };
        assert_eq!(seen, expected, "{host:?}");
    }
}

#[test]
fn a_star_allows_every_valid_host() {
    let app = app("*");
    for host in ["anything.example", "192.0.2.7:81", "[::1]"] {
        assert_eq!(status(&app, host, "/"), 200, "{host:?}");
    }
    for host in ["", "a b", "a/b", "a\"b", "a<b>"] {
        assert_eq!(status(&app, host, "/"), 400, "{host:?}");
    }
}

#[test]
fn a_loopback_site_accepts_every_loopback_name() {
    let app = TestApp::start();
    for host in [
        "localhost",
        "localhost:1",
        "127.0.0.1",
        "[::1]:8000",
        "app.localhost",
    ] {
        assert_eq!(status(&app, host, "/"), 200, "{host:?}");
    }
    for host in ["example.com", "localhost.example.com", "127.0.0.1.example"] {
        assert_eq!(status(&app, host, "/"), 400, "{host:?}");
    }
}

#[test]
fn health_checks_accept_any_host() {
    let app = app("app.example.com");
    for target in ["/healthz", "/healthz/", "/readyz", "/readyz/", "/healthz?x"] {
        for host in ["10.0.0.7:8000", "elsewhere.example", "a b", ""] {
            assert_eq!(status(&app, host, target), 200, "{target} of {host:?}");
        }
    }
    for target in [
        "/healthz/x",
        "/healthz//",
        "/HEALTHZ",
        "/static/style.css",
        "/x/../healthz",
    ] {
        assert_eq!(status(&app, "10.0.0.7:8000", target), 400, "{target}");
    }
}

#[test]
fn a_request_without_exactly_one_host_is_rejected() {
    let app = TestApp::start();
    let old = ask(&app.url, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(old.status, 400);
    assert!(old.text().contains("Unknown host"), "{}", old.text());
    let health = ask(&app.url, b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(health.status, 200);
    let none = ask(&app.url, b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(none.status, 400);
    let two = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: elsewhere.example\r\n\r\n";
    assert_eq!(ask(&app.url, two).unwrap().status, 400);
    let whole = b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n";
    assert_eq!(ask(&app.url, whole).unwrap().status, 400);
}

#[test]
fn the_page_for_a_rejected_host_does_not_repeat_it() {
    let app = TestApp::start();
    let request = b"GET / HTTP/1.1\r\nHost: <script>.example\r\n\r\n";
    let answer = ask(&app.url, request).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("ALLOWED_HOSTS"));
    assert!(!answer.text().contains("script"), "{}", answer.text());
}
