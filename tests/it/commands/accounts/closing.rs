//! `vestibule deactivate` and `vestibule activate`.

use super::{GOOD, MigratedDatabase};

/// Runs the command, which must succeed; returns its output.
pub(super) fn run(accounts: &MigratedDatabase, command: &str, email: &str) -> String {
    let output = accounts.command(&[command, email]).run().exits_with(0);
    assert_eq!(output.stderr, "");
    output.stdout
}

#[test]
fn deactivating_ends_sessions_and_tokens_at_once() {
    let accounts = MigratedDatabase::new();
    let user = accounts.add("Ada@example.com", GOOD);
    let other = accounts.add("olive@example.com", GOOD);
    for id in ["first", "second"] {
        accounts.add_session(&user, id);
    }
    accounts.add_session(&other, "of another");
    assert_eq!(
        run(&accounts, "deactivate", "ada@EXAMPLE.com"),
        "Account 'Ada@example.com' is deactivated. Its tokens and 2 sessions ended."
    );
    let closed = accounts.user("ada@example.com");
    assert!(!closed.is_active);
    assert_eq!(closed.token_version, user.token_version + 1);
    assert_eq!(accounts.open_sessions(), ["of another"]);
    assert_eq!(accounts.user("olive@example.com"), other);
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let accounts = MigratedDatabase::new();
    let user = accounts.add("ada@example.com", GOOD);
    accounts.add_session(&user, "only");
    let email = "ada@example.com";
    assert_eq!(
        run(&accounts, "activate", email),
        "Account 'ada@example.com' was already active."
    );
    assert_eq!(
        run(&accounts, "deactivate", email),
        "Account 'ada@example.com' is deactivated. Its tokens and 1 session ended."
    );
    assert_eq!(
        run(&accounts, "deactivate", email),
        "Account 'ada@example.com' was already deactivated."
    );
    assert_eq!(
        run(&accounts, "activate", email),
        "Account 'ada@example.com' is active again."
    );
    // Sessions and tokens that ended stay ended.
    let opened = accounts.user(email);
    assert!(opened.is_active);
    assert_eq!(opened.token_version % 65_536, 1);
    assert!(accounts.open_sessions().is_empty());
    assert_eq!(
        run(&accounts, "deactivate", email),
        "Account 'ada@example.com' is deactivated. Its tokens ended; it had no open session."
    );
}

#[test]
fn closing_and_opening_are_in_the_audit_trail() {
    let accounts = MigratedDatabase::new();
    let user = accounts.add("ada@example.com", GOOD);
    accounts.add_session(&user, "only");
    for command in ["activate", "deactivate", "deactivate", "activate"] {
        run(&accounts, command, "ada@example.com");
    }
    let events = accounts.audit_events();
    let expected = [
        ("account_closed", r#"{"by":"command","ended_sessions":1}"#),
        ("account_opened", r#"{"by":"command"}"#),
    ];
    assert_eq!(events.len(), 2, "{events:?}");
    for (row, (event, detail)) in events.iter().zip(expected) {
        assert_eq!((row.event.as_str(), row.detail.as_str()), (event, detail));
        assert_eq!((row.user_id, &row.address), (Some(user.id), &None));
    }
}
