//! Types that npm's `openapi-typescript` generates from `openapi.json`, and a client in TypeScript that uses them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::organization::{ORCHARDS, TANDEM, TWYLA};
use crate::support::api::PASSWORD;
use crate::support::app::TestApp;
use crate::support::workos_emulate::{node, peers};

/// The types, and the client as JavaScript, in a folder of their own.
struct CompiledClient(TempDir);

impl CompiledClient {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["client.ts", "tsconfig.json"] {
            let from = source.join("tests/it/api_typescript").join(name);
            fs::copy(from, folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("package.json"), r#"{"type":"module"}"#).unwrap();
        symlink(
            peers().join("node_modules"),
            folder.path().join("node_modules"),
        )
        .unwrap();
        let client = Self(folder);
        let document = source.join("openapi.json");
        let generator = ["openapi-typescript/bin/cli.js", "--output", "api.ts"];
        let arguments = [&generator[..], &[document.to_str().unwrap()]].concat();
        let generated = client.run_package(&arguments);
        let report = format!("{}{}", text(&generated.stdout), text(&generated.stderr));
        for sign in ["warn", "Warn", "⚠", "error", "✘"] {
            assert!(!report.contains(sign), "{report}");
        }
        client.run_package(&["typescript/bin/tsc", "--project", "."]);
        client
    }

    /// Runs a program of an npm package, which has to succeed.
    fn run_package(&self, arguments: &[&str]) -> Output {
        let package = peers().join("node_modules").join(arguments[0]);
        assert!(
            package.is_file(),
            "{} is missing: `script/test tools` installs it",
            arguments[0]
        );
        let arguments = [&[package.to_str().unwrap()], &arguments[1..]].concat();
        self.run(&arguments)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(node());
        let output = command
            .args(arguments)
            .current_dir(self.0.path())
            .env("HOME", self.0.path())
            .output()
            .unwrap();
        let report = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {report}");
        output
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_typed_client_signs_in_refreshes_and_switches_the_organisation() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    let email = "penny@example.com";
    app.add_password_user(email);
    let exchanged = app.exchange_in(TWYLA, ORCHARDS).await;
    let tandem = app.organization(TANDEM);
    let access = exchanged.text("access_token");
    let url = app.url.clone();
    let written = tokio::task::spawn_blocking({
        let tandem = tandem.clone();
        move || {
            let client = CompiledClient::new();
            let output = client.run(&["client.js", &url, email, PASSWORD, &access, &tandem]);
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        }
    });
    let expected = json!({
        "email": email,
        "same": true,
        "permissions": [],
        "refused": [409, "no_workos_session"],
        "switched": [TWYLA, tandem, "member"],
        "wrong": [401, { "detail": "No active account found with the given credentials" }],
    });
    assert_eq!(written.await.unwrap(), expected);
}
