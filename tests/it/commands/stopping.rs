//! SIGTERM and Ctrl-C: requests in flight are finished, idle connections are closed.

use std::time::{Duration, Instant};

use crate::support::app::location;
use crate::support::raw::Connection;
use crate::support::site::Site;

/// Half the time that a stopping server waits for requests in flight.
const PROMPTLY: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    for signal in ["TERM", "INT"] {
        let site = Site::start(&[]);
        let ada = site.visitor();
        let authorize = ada.start_login("/auth/login?next=/account").await;
        let callback = ada.authorize(&authorize, "ada@example.com").await;
        let endpoint = "/user_management/authenticate";
        let gate = site.workos.control().inject_gate(endpoint);
        let browser = ada.clone();
        let answer = tokio::spawn(async move { browser.get(callback.as_str()).await });
        gate.reached().await.unwrap();
        site.program.signal(signal);
        site.program
            .wait_for_log(|line| line.contains("waiting for requests in flight"));
        gate.open();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 302, "{signal}");
        assert_eq!(location(&answer), "/account", "{signal}");
        assert!(ada.cookie("/", "sessionid").is_some(), "{signal}");
        site.into_parts().0.wait().exits_with(0);
    }
}

#[test]
fn an_idle_connection_does_not_delay_the_end() {
    for signal in ["TERM", "INT"] {
        let site = Site::start(&[]);
        let mut kept = Connection::open(&site.url);
        kept.request("GET", "/healthz", &["Host: localhost"]);
        assert_eq!(kept.answer().unwrap().status, 200);
        let _silent = Connection::open(&site.url);
        let began = Instant::now();
        site.program.signal(signal);
        let (program, _database) = site.into_parts();
        program.wait().exits_with(0);
        assert!(
            began.elapsed() < PROMPTLY,
            "{signal}: {:?}",
            began.elapsed()
        );
        assert!(kept.answer().is_none(), "the connection is closed");
    }
}

#[test]
fn a_stopped_site_accepts_no_connection() {
    let site = Site::start(&[]);
    let url = site.url.clone();
    site.program.signal("TERM");
    let (program, _database) = site.into_parts();
    program.wait().exits_with(0);
    let port = crate::support::raw::port(&url);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
