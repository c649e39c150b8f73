//! `vestibule deactivate` and `vestibule activate`.

use super::{GOOD, Place};

/// What the command prints; it must succeed.
fn run(place: &Place, command: &str, email: &str) -> String {
    let output = place.command(&[command, email]).run().exits_with(0);
    assert_eq!(output.stderr, "");
    output.stdout
}

#[test]
fn deactivating_ends_sessions_and_tokens_at_once() {
    let place = Place::new();
    let user = place.add("Ada@example.com", GOOD);
    let other = place.add("olive@example.com", GOOD);
    for id in ["first", "second"] {
        place.add_session(&user, id);
    }
    place.add_session(&other, "of another");
    assert_eq!(
        run(&place, "deactivate", "ada@EXAMPLE.com"),
        "Account 'Ada@example.com' is deactivated. 2 sessions and all tokens ended."
    );
    let closed = place.user("ada@example.com");
    assert!(!closed.is_active);
    assert_eq!(closed.token_version, user.token_version + 1);
    assert_eq!(place.open_sessions(), ["of another"]);
    assert_eq!(place.user("olive@example.com"), other);
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let place = Place::new();
    let user = place.add("ada@example.com", GOOD);
    place.add_session(&user, "only");
    let email = "ada@example.com";
    assert_eq!(
        run(&place, "activate", email),
        "Account 'ada@example.com' was already active."
    );
    assert_eq!(
        run(&place, "deactivate", email),
        "Account 'ada@example.com' is deactivated. 1 session and all tokens ended."
    );
    assert_eq!(
        run(&place, "deactivate", email),
        "Account 'ada@example.com' was already deactivated."
    );
    assert_eq!(
        run(&place, "activate", email),
        "Account 'ada@example.com' is active again."
    );
    // What had ended stays ended.
    let opened = place.user(email);
    assert!(opened.is_active);
    assert_eq!(opened.token_version, 1);
    assert!(place.open_sessions().is_empty());
    assert_eq!(
        run(&place, "deactivate", email),
        "Account 'ada@example.com' is deactivated. No session and all tokens ended."
    );
}
