//! SIGTERM and Ctrl-C: requests in flight are finished, idle connections are closed, and no new one is lost.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::app::location;
use crate::support::database::TestDatabase;
use crate::support::program::{Program, open_pipe};
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

#[tokio::test]
async fn a_stopping_server_is_not_ready_and_closes_connections_after_their_next_response() {
    for signal in ["TERM", "INT"] {
        let site = Site::start(&[("SHUTDOWN_GRACE", "300")]);
        let mut kept = Connection::open(&site.url);
        kept.request("GET", "/readyz", &["Host: localhost"]);
        assert_eq!(kept.answer().unwrap().status, 200);
        site.program.signal(signal);
        site.program
            .wait_for_log(|line| line.contains("stopping in 300s: /readyz answers 503"));
        kept.request("GET", "/readyz", &["Host: localhost"]);
        let answer = kept.answer().unwrap();
        assert_eq!(answer.status, 503);
        let reason = json!({ "status": "unavailable", "reason": "the server is stopping" });
        assert_eq!(answer.text(), reason.to_string());
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(kept.answer().is_none(), "the connection is closed");
        // New connections are still served.
        let mut new = Connection::open(&site.url);
        new.request("GET", "/healthz", &["Host: localhost"]);
        let answer = new.answer().unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), Some("close"));
        // A second signal ends the process at once.
        site.program.signal("TERM");
        let output = site.into_parts().0.wait().exits_with(1);
        assert!(output.stderr.contains("stopped at once"), "{output:#?}");
    }
}

#[test]
fn a_server_stops_by_itself_after_the_grace_period() {
    let site = Site::start(&[("SHUTDOWN_GRACE", "1")]);
    site.program.signal("TERM");
    site.into_parts().0.wait().exits_with(0);
}

#[test]
fn sighup_and_sigquit_do_no_harm() {
    let site = Site::start(&[]);
    for signal in ["HUP", "QUIT"] {
        site.program.signal(signal);
        let line = format!("SIG{signal} has no effect");
        site.program.wait_for_log(|log| log.contains(&line));
    }
    let mut client = Connection::open(&site.url);
    client.request("GET", "/readyz", &["Host: localhost"]);
    assert_eq!(client.answer().unwrap().status, 200);
}

/// The server waits for its `.env`, which is a pipe.
#[test]
fn sighup_and_sigquit_do_no_harm_while_a_server_starts() {
    let (database, folder) = (TestDatabase::migrated(), tempfile::tempdir().unwrap());
    let pipe = folder.path().join(".env");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let program = Program::with_settings(&["runserver", "--bind", "127.0.0.1:0"])
        .env("DATABASE_URL", database.url())
        .current_dir(folder.path())
        .start();
    let writer = open_pipe(&pipe);
    program.signal("HUP");
    program.signal("QUIT");
    drop(writer);
    program.wait_for_output("vestibule serves");
    program.signal("TERM");
    program.wait().exits_with(0);
}

#[test]
fn a_connection_that_arrives_while_the_server_stops_is_answered_or_refused() {
    let site = Site::start(&[]);
    let port = crate::support::raw::port(&site.url);
    let clients = Clients::start(port, 4);
    clients.wait_for_answers(100);
    site.program.signal("TERM");
    site.into_parts().0.wait().exits_with(0);
    let failures = clients.finish();
    assert!(
        failures
            .iter()
            .all(|error| *error == ErrorKind::ConnectionRefused),
        "{failures:?}"
    );
}

/// The service manager keeps the socket, so connections wait while no process accepts them.
#[test]
fn with_an_inherited_socket_no_request_fails_during_a_restart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let start = |database| {
        let site = Site::with_program(database, &[], |program| {
            program.with_inherited_socket(&listener)
        });
        assert!(
            site.program
                .printed()
                .contains(&format!("127.0.0.1:{port}"))
        );
        site
    };
    let mut site = start(TestDatabase::migrated());
    let clients = Clients::start(port, 4);
    for _ in 0..2 {
        clients.wait_for_answers(50);
        site.program.signal("TERM");
        let (program, database) = site.into_parts();
        program.wait().exits_with(0);
        site = start(database);
    }
    clients.wait_for_answers(50);
    assert_eq!(clients.finish(), []);
}

/// Threads that send requests, each on a connection of its own, until one fails.
struct Clients {
    answers: Arc<AtomicUsize>,
    done: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<(), ErrorKind>>>,
}

impl Clients {
    fn start(port: u16, threads: usize) -> Self {
        let answers = Arc::<AtomicUsize>::default();
        let done = Arc::<AtomicBool>::default();
        let thread = |_| {
            let (answers, done) = (Arc::clone(&answers), Arc::clone(&done));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    send_post(port).map_err(|error| error.kind())?;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        };
        let threads = (0..threads).map(thread).collect();
        Self {
            answers,
            done,
            threads,
        }
    }

    /// Waits until so many further requests have been answered.
    fn wait_for_answers(&self, further: usize) {
        let wanted = self.answers.load(Ordering::Relaxed) + further;
        while self.answers.load(Ordering::Relaxed) < wanted {
            let ended = self.threads.iter().any(JoinHandle::is_finished);
            assert!(!ended, "a request failed");
            std::thread::yield_now();
        }
    }

    /// Stops the threads. Returns the errors of those that failed.
    fn finish(self) -> Vec<ErrorKind> {
        self.done.store(true, Ordering::Relaxed);
        let results = self
            .threads
            .into_iter()
            .map(|thread| thread.join().unwrap());
        results.filter_map(Result::err).collect()
    }
}

fn send_post(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(45)))?;
    stream.write_all(
        b"POST /api/token/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
          Content-Length: 2\r\nConnection: close\r\n\r\n{}",
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    match answer.starts_with(b"HTTP/1.1 400 ") {
        true => Ok(()),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}
