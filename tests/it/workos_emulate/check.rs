//! The command `vestibule check --online`.

use std::process::{Command, Output};

use super::seed;
use crate::support::app::SECRET_KEY;
use crate::support::workos_emulate::{CLIENT_ID, WorkosEmulate};

/// Runs the command in an empty folder with only these settings.
fn check_online(base_url: &str, api_key: &str) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .args(["check", "--online"])
        .current_dir(folder.path())
        .env_clear()
        .env("SECRET_KEY", SECRET_KEY)
        .env("WORKOS_API_BASE_URL", base_url)
        .env("WORKOS_API_KEY", api_key)
        .env("WORKOS_CLIENT_ID", CLIENT_ID)
        .output()
        .expect("the program runs")
}

fn combined_output(output: &Output) -> String {
    let streams = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(streams).expect("text")
}

#[tokio::test]
async fn the_right_key_passes_the_online_check() {
    let workos = WorkosEmulate::start(&seed()).await;
    let output = check_online(workos.url(), workos.api_key());
    let text = combined_output(&output);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("workos.E"), "{text}");
    assert!(
        text.contains("http://localhost:8000/auth/callback"),
        "{text}"
    );
}

#[tokio::test]
async fn a_wrong_key_fails_the_online_check_and_is_not_shown() {
    let workos = WorkosEmulate::start(&seed()).await;
    let output = check_online(workos.url(), "sk_test_mistyped");
    let text = combined_output(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("workos.E002"), "{text}");
    assert!(!text.contains("sk_test_mistyped"), "{text}");
}

#[tokio::test]
async fn an_unreachable_workos_fails_the_online_check() {
    let workos = WorkosEmulate::start(&seed()).await;
    let (base_url, api_key) = (workos.url().to_owned(), workos.api_key().to_owned());
    drop(workos);
    let output = check_online(&base_url, &api_key);
    let text = combined_output(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("workos.E003"), "{text}");
}
