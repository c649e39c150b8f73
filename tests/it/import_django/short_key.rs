//! A `SECRET_KEY` shorter than 32 bytes, which only Django projects have: without its users it is an error, with
//! them a warning for deployments.

use crate::support::django::{Django, ImportTarget};
use crate::support::program::{Program, ProgramOutput, SECRET_KEY};
use crate::support::site::free_port;

/// 31 bytes.
const SHORT: &str = "made-up-and-short-Zq4!x7#m2@b9&";

const WHERE: [(&str, &str, &str); 2] = [
    ("SECRET_KEY", "security.W009", SHORT),
    ("SECRET_KEY_FALLBACKS", "security.W025", SHORT),
];

fn check(target: &ImportTarget, options: &[&str], setting: (&str, &str)) -> Program {
    Program::with_settings(&[&["check"], options].concat())
        .env("DATABASE_URL", target.url())
        .env(setting.0, setting.1)
}

fn text(output: &ProgramOutput) -> String {
    format!("{}\n{}", output.stdout, output.stderr)
}

#[test]
fn without_imported_accounts_it_is_an_error() {
    assert_eq!(SHORT.len(), 31);
    let target = ImportTarget::new();
    for (name, _, key) in WHERE {
        let output = check(&target, &[], (name, key)).run().exits_with(1);
        assert!(text(&output).contains("(security.E001)"), "{output:#?}");
        let server = Program::with_settings(&["runserver"])
            .env("DATABASE_URL", target.url())
            .env("BIND", &format!("127.0.0.1:{}", free_port()))
            .env(name, key);
        let output = server.run().exits_with(1);
        assert!(text(&output).contains("security.E001"), "{output:#?}");
    }
    let long = format!("{SHORT}!");
    let output = check(&target, &[], ("SECRET_KEY", &long))
        .run()
        .exits_with(0);
    assert!(!text(&output).contains("security.E001"), "{output:#?}");
}

#[test]
fn with_imported_accounts_it_is_a_warning_for_deployments() {
    let django = Django::new();
    django.add(1, "ada@example.com");
    let target = ImportTarget::new();
    target.import(&django, &[]);
    for (name, warning, key) in WHERE {
        let output = check(&target, &[], (name, key)).run().exits_with(0);
        for id in ["security.E001", warning] {
            assert!(!text(&output).contains(id), "{output:#?}");
        }
        let output = check(&target, &["--deploy"], (name, key))
            .run()
            .exits_with(0);
        assert!(!text(&output).contains("security.E001"), "{output:#?}");
        assert!(text(&output).contains(warning), "{output:#?}");
    }
    let output = check(&target, &["--deploy"], ("SECRET_KEY", SECRET_KEY)).run();
    assert!(!text(&output).contains("security.W009"), "{output:#?}");
    let server = Program::with_settings(&["runserver"])
        .env("DATABASE_URL", target.url())
        .env("BIND", &format!("127.0.0.1:{}", free_port()))
        .env("SECRET_KEY", SHORT);
    server.start().wait_for_output("vestibule serves");
}

/// While both sites run on one host, their cookies replace each other.
#[test]
fn djangos_cookie_name_is_told_once_accounts_are_imported() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "ada@example.com");
    let is_told = |name: &str| {
        let output = check(&target, &[], ("SESSION_COOKIE_NAME", name)).run();
        text(&output.exits_with(0)).contains("session.I001")
    };
    assert!(!is_told("sessionid"));
    target.import(&django, &[]);
    assert!(is_told("sessionid"));
    assert!(!is_told("vestibule_session"));
}
