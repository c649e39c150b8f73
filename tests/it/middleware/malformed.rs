//! Malformed requests: none gets a 500, and none ends a worker.

use crate::support::app::TestApp;
use crate::support::raw::ask;

/// Asserts that the server closes the connection or answers, and that it still serves afterwards.
fn assert_survives(app: &TestApp, what: &str, request: &[u8]) {
    if let Some(answer) = ask(&app.url, request) {
        assert!(answer.status < 500, "{what}: {}", answer.status);
    }
    // One request for each worker.
    for _ in 0..4 {
        let health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = ask(&app.url, health).unwrap_or_else(|| panic!("no answer after {what}"));
        assert_eq!(answer.status, 200, "after {what}");
    }
}

fn get(target: &[u8], lines: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        b"GET ",
        target,
        b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
        lines,
        b"\r\n",
    ];
    parts.concat()
}

const PATHS: [&str; 7] = [
    "/",
    "/account",
    "/login",
    "/auth/login",
    "/auth/callback",
    "/auth/logout",
    "/static/style.css",
];

#[test]
fn malformed_targets_are_survived() {
    let app = TestApp::start();
    let long = format!("/{}", "a".repeat(60_000));
    let longer = format!("/{}", "a".repeat(65_536));
    let deep = "/a".repeat(20_000);
    let dots = "/..".repeat(1_000);
    for target in [
        "/%",
        "/%f",
        "/%ff",
        "/%zz",
        "/%00",
        "/a%00b",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//",
        "///",
        "//evil.example/",
        "/\\evil.example",
        "/static/",
        "/static",
        "/static//style.css",
        "/static/../Cargo.toml",
        "/static/%2e%2e/Cargo.toml",
        "/static/..%2fCargo.toml",
        "/static/%ff",
        "/static/%00",
        "/static/style.css%00.txt",
        "/static/\\..\\x",
        "*",
        "?",
        "?x",
        "/;a=b",
        "/auth/login;x",
        "/auth%2flogin",
        "/<script>",
        "/\"",
        "/{path}",
        "/a b",
        "http://",
        "http://localhost",
        "https://localhost/",
        "http://[::1",
        "http:///x",
        "ftp://x/y",
        "localhost:80",
        "/#fragment",
        "",
        "/\u{e9}",
        "/\u{202e}",
        &long,
        &longer,
        &deep,
        &dots,
    ] {
        let shown: String = target.chars().take(40).collect();
        assert_survives(&app, &shown, &get(target.as_bytes(), b""));
    }
    for target in [
        &b"/\xff\xfe"[..],
        b"/\xc3\x28",
        b"/\x00",
        b"/\x7f",
        b"/\x1b[2J",
    ] {
        assert_survives(&app, &format!("{target:?}"), &get(target, b""));
    }
}

#[test]
fn malformed_queries_are_survived() {
    let app = TestApp::start();
    let huge = format!("next=/{}", "a".repeat(60_000));
    let many = "a=b&".repeat(15_000);
    let nexts = "next=/a&".repeat(5_000);
    for query in [
        "%",
        "%f",
        "%ff",
        "%00",
        "=",
        "&",
        "&&&==",
        "next",
        "next=",
        "next=%",
        "next=%ff%fe",
        "next=%00",
        "next=/%0d%0aSet-Cookie:x=y",
        "next=%E2%80%AE",
        "next=/a&next=//evil.example",
        "state=%ff&code=%ff",
        "code=%00&state=%00",
        "code[]=x&state[]=y",
        "error=%ff",
        "error=<script>&error_description=<script>",
        "v=%ff",
        "notice=%ff",
        "moved=1&moved=2",
        "organization_id=%ff&login_hint=%0d%0a&max_age=-1&screen_hint=%00",
        "+",
        "a=+%2B",
        &huge,
        &many,
        &nexts,
    ] {
        for path in PATHS {
            let shown: String = query.chars().take(40).collect();
            let target = format!("{path}?{query}");
            assert_survives(
                &app,
                &format!("{path}?{shown}"),
                &get(target.as_bytes(), b""),
            );
        }
    }
    for bytes in [
        &b"/auth/login?next=/\xff"[..],
        b"/?\xc3\x28",
        b"/?\xc2\x85",
        b"/?a\x00b",
    ] {
        assert_survives(&app, &format!("{bytes:?}"), &get(bytes, b""));
    }
}

#[test]
fn malformed_headers_are_survived() {
    let app = TestApp::start();
    let many_cookies = (0..200)
        .map(|n| format!("cookie{n}=value{n}"))
        .collect::<Vec<_>>();
    let many_cookies = format!("Cookie: {}\r\n", many_cookies.join("; "));
    let attempts = (0..200)
        .map(|n| format!("vestibule_login_{n:016x}=x"))
        .collect::<Vec<_>>();
    let attempts = format!("Cookie: {}\r\n", attempts.join("; "));
    let lines = "Cookie: a=b\r\n".repeat(60);
    let too_many = "X: y\r\n".repeat(200);
    let large = format!("X: {}\r\n", "y".repeat(200_000));
    let long_cookie = format!("Cookie: sessionid={}\r\n", "A".repeat(50_000));
    for headers in [
        "Cookie: \r\n",
        "Cookie: ;;;=;=;a\r\n",
        "Cookie: sessionid\r\n",
        "Cookie: sessionid=\r\n",
        "Cookie: sessionid=%\r\n",
        "Cookie: sessionid=%ff\r\n",
        "Cookie: sessionid=a; sessionid=b\r\n",
        "Cookie: sessionid=a\r\nCookie: sessionid=b\r\n",
        "Cookie: vestibule_login_=x\r\n",
        "Cookie: vestibule_login_%ff=x; vestibule_login_\"=\"\r\n",
        "Cookie: $Version=1; a=b\r\n",
        "If-None-Match: \r\n",
        "If-None-Match: \"\r\n",
        "If-None-Match: W/\r\n",
        "If-None-Match: *, \"x\"\r\n",
        "If-None-Match: nonsense,,\r\n",
        "Accept-Encoding: ;q=\r\n",
        "Accept-Encoding: gzip;q=nonsense\r\n",
        "Range: bytes=0-,-\r\n",
        "Referer: \r\n",
        "Referer: ht!tp://\r\n",
        "Origin: \r\n",
        "User-Agent: \r\n",
        "X-Forwarded-For: ,,,\r\n",
        "Content-Type: \r\n",
        "Expect: 100-continue\r\n",
        "Expect: nonsense\r\n",
        "Connection: close, keep-alive, upgrade\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Header without a colon\r\n",
        " folded\r\n",
        ": no name\r\n",
        "Na me: x\r\n",
        &many_cookies,
        &attempts,
        &lines,
        &too_many,
        &large,
        &long_cookie,
    ] {
        for path in PATHS {
            let shown: String = headers.chars().take(40).collect();
            assert_survives(
                &app,
                &format!("{path} with {shown:?}"),
                &get(path.as_bytes(), headers.as_bytes()),
            );
        }
    }
    for headers in [
        &b"Cookie: sessionid=\xff\xfe\r\n"[..],
        b"Cookie: \xff=\xff; sessionid=a\r\n",
        b"User-Agent: \xff\r\n",
        b"Referer: http://\xff/\r\n",
        b"X-Forwarded-For: \xff\r\n",
        b"If-None-Match: \"\xff\"\r\n",
        b"Accept-Encoding: \xff\r\n",
        b"X: a\x00b\r\n",
        b"X: a\x0bb\r\n",
    ] {
        for path in PATHS {
            assert_survives(
                &app,
                &format!("{path} with {headers:?}"),
                &get(path.as_bytes(), headers),
            );
        }
    }
}

#[test]
fn malformed_request_lines_are_survived() {
    let app = TestApp::start();
    let long_method = [
        &b"G"[..],
        &vec![b'E'; 70_000],
        b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    .concat();
    for request in [
        &b"\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /\r\n\r\n",
        b"get / http/1.1\r\nhost: localhost\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n",
        &long_method,
    ] {
        let shown: Vec<u8> = request.iter().take(40).copied().collect();
        assert_survives(&app, &String::from_utf8_lossy(&shown), request);
    }
}

#[test]
fn a_client_that_disconnects_at_any_point_does_no_harm() {
    let app = TestApp::start();
    let request =
        b"POST /auth/logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789";
    for end in 0..request.len() {
        let mut connection = crate::support::raw::Connection::open(&app.url);
        connection.send(&request[..end]);
    }
    assert_survives(&app, "clients that left", &get(b"/", b""));
}
