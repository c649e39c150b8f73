//! `vestibule resettotp`.

use diesel::prelude::*;
use vestibule::accounts::second_factor::SecondFactor;
use vestibule::db::schema::{recovery_codes, totp_factors};
use vestibule::ids::UserId;

use super::{GOOD, MigratedDatabase, closing};

/// Adds an authenticator app whose secret nobody knows, and recovery codes.
pub(super) fn add_factor(accounts: &MigratedDatabase, email: &str, codes: u8) {
    let user = accounts.user(email);
    accounts.change(|conn| {
        let values = (
            totp_factors::user_id.eq(user.id),
            totp_factors::secret.eq(vec![0_u8; 48]),
            totp_factors::created_at.eq(user.date_joined),
            totp_factors::last_step.eq(0_i64),
        );
        diesel::insert_into(totp_factors::table)
            .values(values)
            .execute(conn)?;
        for code in 0..codes {
            let values = (
                recovery_codes::user_id.eq(user.id),
                recovery_codes::code_hash.eq(vec![code; 32]),
            );
            diesel::insert_into(recovery_codes::table)
                .values(values)
                .execute(conn)?;
        }
        Ok(())
    });
}

fn has_factor(accounts: &MigratedDatabase, id: UserId) -> bool {
    accounts.change(|conn| SecondFactor::of(conn, id)).is_some()
}

#[test]
fn the_factor_and_the_recovery_codes_are_removed_and_nothing_else() {
    let accounts = MigratedDatabase::new();
    let user = accounts.add("Ada@example.com", GOOD);
    let other = accounts.add("olive@example.com", GOOD);
    accounts.add_session(&user, "only");
    for (email, codes) in [("ada@example.com", 9), ("olive@example.com", 2)] {
        add_factor(&accounts, email, codes);
    }
    let run = |email: &str| closing::run(&accounts, "resettotp", email);
    assert_eq!(
        run("ada@EXAMPLE.com"),
        "The authenticator app of account 'Ada@example.com' was removed. 9 unused recovery codes were deleted. Its password, sessions and tokens stay valid."
    );
    assert!(!has_factor(&accounts, user.id) && has_factor(&accounts, other.id));
    assert_eq!(accounts.user("ada@example.com"), user);
    assert_eq!(accounts.open_sessions(), ["only"]);
    assert_eq!(
        run("ada@example.com"),
        "Account 'Ada@example.com' has no authenticator app."
    );
    let events = accounts.audit_events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        (events[0].event.as_str(), events[0].user_id),
        ("factor_removed", Some(user.id))
    );
    assert_eq!(events[0].detail, r#"{"by":"command","factor":"totp"}"#);
}

#[test]
fn the_number_of_recovery_codes_is_in_words() {
    let accounts = MigratedDatabase::new();
    accounts.add("ada@example.com", GOOD);
    for (codes, words) in [
        (0, "It had no unused recovery codes."),
        (1, "1 unused recovery code was deleted."),
    ] {
        add_factor(&accounts, "ada@example.com", codes);
        let output = closing::run(&accounts, "resettotp", "ada@example.com");
        assert!(output.contains(words), "{output}");
    }
}
