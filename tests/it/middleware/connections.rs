//! Keep-alive, compression, and how many connections the server holds.

use std::process::{Command, Stdio};

use crate::support::app::TestApp;
use crate::support::raw::{Connection, ask};
use crate::support::site::Site;

const PING: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The number of connections that the server's log says it allows.
fn allowed(site: &Site) -> usize {
    let line = site.program.wait_for_log(|line| line.contains("at most "));
    let number = line.split("at most ").nth(1).unwrap().split(' ').next();
    number.unwrap().parse().unwrap()
}

#[test]
fn idle_connections_beyond_the_limit_do_not_stop_the_server() {
    let site = Site::with_open_files("-n 256", &[]);
    assert_eq!(allowed(&site), 180);
    let mut idle = Vec::new();
    for _ in 0..3 {
        for _ in 0..300 {
            idle.push(Connection::open(&site.url));
        }
        for _ in 0..5 {
            let answer = ask(&site.url, PING).expect("another client is served");
            assert_eq!(answer.status, 200);
        }
    }
    // Clients that have sent a part of a request are idle too.
    for connection in &mut idle {
        connection.send(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na");
    }
    assert_eq!(ask(&site.url, PING).unwrap().status, 200);
    let ready = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(
        ask(&site.url, ready).unwrap().status,
        200,
        "the database can be opened"
    );
    site.program
        .wait_for_log(|line| line.contains("a limit of open connections is reached"));
}

/// The kernel completes the handshakes while the process does not run, up to the backlog. A client beyond
/// it would have to try again after a second.
#[test]
fn a_burst_of_connections_waits_to_be_accepted() {
    let site = Site::start(&[]);
    site.program.signal("STOP");
    let mut burst: Vec<_> = (0..400).map(|_| Connection::open(&site.url)).collect();
    site.program.signal("CONT");
    for connection in &mut burst {
        connection.send(PING);
        assert_eq!(connection.answer().unwrap().status, 200);
    }
}

#[test]
fn an_idle_connection_has_one_descriptor() {
    let site = Site::start(&[]);
    let descriptors = || {
        let folder = format!("/proc/{}/fd", site.program.id());
        std::fs::read_dir(folder).unwrap().count()
    };
    let ready = |connection: &mut Connection| {
        connection.request("GET", "/healthz", &["Host: localhost"]);
        assert_eq!(connection.answer().unwrap().status, 200);
    };
    ready(&mut Connection::open(&site.url));
    let before = descriptors();
    let mut open: Vec<_> = (0..50).map(|_| Connection::open(&site.url)).collect();
    open.iter_mut().for_each(ready);
    let used = descriptors() - before;
    // Two for each would be 100. Meanwhile the first connection may have been closed, and the database
    // may have opened files.
    assert!((45..75).contains(&used), "{used}");
}

#[test]
fn the_soft_limit_on_open_files_is_raised_to_the_hard_one() {
    let site = Site::with_open_files("-n 512 && ulimit -S -n 128", &[]);
    assert_eq!(allowed(&site), 360);
}

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

/// Its buffer has grown, and the next request does not need it.
#[test]
fn a_connection_is_closed_after_a_large_request() {
    let app = TestApp::start();
    for (length, connection_header) in [(8_000, None), (20_000, Some("close"))] {
        let mut connection = Connection::open(&app.url);
        let header = format!("Content-Length: {length}");
        connection.request("POST", "/auth/logout", &["Host: localhost", &header]);
        connection.send(&vec![b'a'; length]);
        let answer = connection.answer().expect("an answer");
        assert_eq!(answer.status, 302, "{length}");
        assert_eq!(answer.header("connection"), connection_header, "{length}");
    }
    let mut connection = Connection::open(&app.url);
    let cookies = format!("Cookie: a={}", "a".repeat(20_000));
    connection.request("GET", "/healthz", &["Host: localhost", &cookies]);
    let answer = connection.answer().expect("an answer");
    assert_eq!(answer.header("connection"), Some("close"));
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

/// The server does not read the later ones before it has processed the earlier ones.
#[test]
fn many_pipelined_requests_are_all_answered() {
    let app = TestApp::start();
    let mut connection = Connection::open(&app.url);
    let mut requests = Vec::new();
    for _ in 0..300 {
        for target in ["/no/such/page", "/account", "/healthz"] {
            requests.extend(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").bytes());
        }
    }
    assert!(requests.len() > 32 * 1024);
    assert!(connection.send(&requests));
    for number in 0..300 {
        for status in [404, 302, 200] {
            let answer = connection.answer();
            assert_eq!(answer.expect("an answer").status, status, "{number}");
        }
    }
}

#[test]
fn responses_are_compressed_when_the_client_accepts_it() {
    let app = TestApp::start();
    for target in [
        "/",
        "/static/style.css",
        "/no/such/page",
        "/api/docs",
        "/api/schema",
    ] {
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
