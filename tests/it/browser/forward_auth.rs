//! The example of docs/forward-auth.md, started by its script: nginx, the application and vestibule.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::support::browser::{Browser, Scheme, Screen};
use crate::support::peer::Peer;
use crate::support::readings::becomes_true;
use crate::support::site::free_port;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/forward-auth/start");
const PROGRAM: &str = concat!("VESTIBULE=", env!("CARGO_BIN_EXE_vestibule"));

#[tokio::test]
async fn the_example_greets_a_user_on_a_phone() {
    greets_a_user(Screen::Phone).await;
}

#[tokio::test]
async fn the_example_greets_a_user_on_a_desktop() {
    greets_a_user(Screen::Desktop).await;
}

async fn greets_a_user(screen: Screen) {
    let folder = tempfile::tempdir().unwrap();
    let ports = [(); 4].map(|()| free_port());
    let texts = ports.map(|port| port.to_string());
    let mut arguments = vec![PROGRAM, SCRIPT];
    arguments.extend(texts.iter().map(String::as_str));
    let mut example = Peer::start("example", Path::new("env"), &arguments, folder.path());
    let process = |line: &str| {
        let (_, rest) = line.split_once("(process ")?;
        rest.strip_suffix(").").map(str::to_owned)
    };
    let process = example.wait_for(process).await;

    let browser = Browser::open(screen, Scheme::Light).await;
    let report = format!("http://localhost:{}/reports?year=2026", ports[0]);
    browser.visit(&report).await;
    browser.choose_user("olive@example.com").await;
    browser.wait_for_heading("Hello, Olive Orchard!").await;
    assert_eq!(browser.current_url().await.unwrap().as_str(), report);
    let facts = browser.text("dl").await;
    assert!(facts.contains("admin") && facts.contains("org_"), "{facts}");
    browser.check_in_both_schemes("forward-auth-example").await;

    browser.click("Account").await;
    browser.wait_for_heading("Your account").await;
    browser.click("Log out").await;
    // The page after a log-out is the application's, which asks for a sign-in again.
    browser.choose_user("olive@example.com").await;
    browser.wait_for_heading("Hello, Olive Orchard!").await;

    // As Ctrl-C.
    let sent = Command::new("kill").args(["-INT", &process]).status();
    assert!(sent.unwrap().success());
    let is_closed = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_err();
    let has_ended = async || ports.iter().all(is_closed);
    assert!(becomes_true(has_ended).await, "{}", example.output());
}
