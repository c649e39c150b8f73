//! `vestibule emulator`.

use crate::support::client::plain_client;
use crate::support::program::Program;

#[tokio::test]
async fn it_prints_the_users_and_serves_until_a_signal_stops_it() {
    for signal in ["TERM", "INT"] {
        let program = Program::new(&["emulator", "--bind", "127.0.0.1:0"]).start();
        let line = program.wait_for_output("AuthKit emulator on http://127.0.0.1:");
        let url = line.split_once("on ").unwrap().1.to_owned();
        program.wait_for_output("WORKOS_CLIENT_ID=client_emulator");
        let printed = program.printed();
        for part in [
            "ada@example.com",
            &format!("WORKOS_API_BASE_URL={url}"),
            "WORKOS_API_KEY=sk_test_emulator",
        ] {
            assert!(printed.contains(part), "no {part} in {printed}");
        }
        let health = plain_client()
            .get(format!("{url}/health"))
            .send()
            .await
            .unwrap();
        assert_eq!(health.status(), 200);
        program.signal(signal);
        program.wait().exits_with(0).leaves_files(&[]);
    }
}

#[tokio::test]
async fn a_seed_file_replaces_the_users() {
    let seed = r#"{"users": [{"email": "grace@example.com", "password": "grace-demo-password"}]}"#;
    let program = Program::new(&["emulator", "--bind", "127.0.0.1:0", "--seed", "people.json"])
        .file("people.json", seed)
        .start();
    program.wait_for_output("WORKOS_CLIENT_ID=");
    let printed = program.printed();
    assert!(printed.contains("grace@example.com"), "{printed}");
    assert!(!printed.contains("ada@example.com"), "{printed}");
}

#[test]
fn an_error_in_a_seed_file_is_reported_with_its_position() {
    for (text, place) in [
        ("{", "line 1 column 1"),
        (r#"{"user": []}"#, "unknown field `user`"),
        (
            r#"{"users": [{"email": "a@example.com"}, {"email": "A@example.com"}]}"#,
            "example.com",
        ),
    ] {
        Program::new(&["emulator", "--bind", "127.0.0.1:0", "--seed", "people.json"])
            .file("people.json", text)
            .run()
            .exits_with(1)
            .reports_one_error(&["the seed file people.json is invalid", place]);
    }
    Program::new(&["emulator", "--seed", "none.json"])
        .run()
        .exits_with(1)
        .reports_one_error(&["failed to read the seed file none.json", "No such file"]);
}

#[test]
fn only_loopback_addresses_are_accepted() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:4100"] {
        Program::new(&["emulator", "--bind", address])
            .run()
            .exits_with(1)
            .reports_one_error(&["loopback addresses only", address, "use 127.0.0.1"]);
    }
}

#[test]
fn a_port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Program::new(&["emulator", "--bind", &address])
        .run()
        .exits_with(1)
        .reports_one_error(&["cannot listen on", &address, "--bind"]);
}
