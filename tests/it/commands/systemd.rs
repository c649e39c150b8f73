//! The systemd units of docs/deploy.md: systemd understands them, and a service that an outage of the database has ended
//! starts again.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::program::Program;

/// The files of the page, by the language of their blocks.
fn units() -> [String; 2] {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```ini\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect();
    blocks.try_into().unwrap()
}

/// The section of a unit that has this line.
fn section<'a>(unit: &'a str, line: &str) -> &'a str {
    let before = unit.split(&format!("\n{line}\n")).next().unwrap();
    assert!(before.len() < unit.len(), "no {line}");
    let mut sections = before.lines().filter(|line| line.starts_with('['));
    sections.next_back().unwrap()
}

#[test]
fn a_service_starts_again_however_long_its_database_cannot_be_reached() {
    let [service, _] = units();
    // By default systemd stops after five failures in ten seconds.
    assert_eq!(section(&service, "StartLimitIntervalSec=0"), "[Unit]");
    assert_eq!(section(&service, "Restart=on-failure"), "[Service]");
    assert_eq!(section(&service, "RestartSec=2"), "[Service]");
    // `migrate` may wait longer for a lock than systemd does by default.
    assert_eq!(section(&service, "TimeoutStartSec=infinity"), "[Service]");
    // Both commands of the unit fail then, which is what makes systemd start it again.
    for command in ["migrate", "runserver"] {
        assert!(service.contains(&format!("/usr/local/bin/vestibule {command}\n")));
        Program::with_settings(&[command])
            .env("DATABASE_URL", "postgres://app@127.0.0.1:9/app")
            .run()
            .exits_with(1)
            .reports_one_error(&["127.0.0.1"]);
    }
}

#[test]
fn systemd_understands_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let [service, socket] = units();
    let service = service.replace("/usr/local/bin/vestibule", env!("CARGO_BIN_EXE_vestibule"));
    let files = [("vestibule.service", service), ("vestibule.socket", socket)];
    let files = files.map(|(name, content)| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file
    });
    // It is not on every machine.
    let Ok(verified) = Command::new("systemd-analyze")
        .arg("verify")
        .args(files)
        .output()
    else {
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    let about_the_units = said.lines().filter(|line| line.contains("/vestibule."));
    assert_eq!(about_the_units.collect::<Vec<_>>(), [""; 0]);
}
