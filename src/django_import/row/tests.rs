use super::*;

fn valid_row() -> RawUser {
    RawUser {
        c_key: cell("7"),
        c_email: cell(" Ann@Example.com "),
        c_password: cell("argon2$made-up"),
        c_is_active: cell("0"),
        c_is_staff: cell("true"),
        c_date_joined: cell("2026-11-21 19:10:09.440066"),
        ..RawUser::default()
    }
}

fn cell(text: &str) -> RawCell {
    Some(text.as_bytes().to_vec())
}

fn reason(cells: RawUser) -> RefusalReason {
    cells.check(KeyColumn::Integer).unwrap_err().refusal.reason
}

#[test]
fn a_valid_row_is_read() {
    let user = valid_row().check(KeyColumn::Integer).unwrap();
    let email = user.email.unwrap();
    assert_eq!(
        (email.text.as_str(), email.key.as_str()),
        ("Ann@Example.com", "ann@example.com")
    );
    assert_eq!(
        (user.key, user.first_name.as_str()),
        (UserKey::Id(7.into()), "")
    );
    assert!(!user.is_active && user.is_staff && !user.is_superuser);
    assert_eq!(user.workos_user_id, None);
}

#[test]
fn invalid_cells_are_refused() {
    let reason_after = |change: fn(&mut RawUser)| {
        let mut row = valid_row();
        change(&mut row);
        reason(row)
    };
    assert_eq!(
        reason_after(|row| row.c_is_active = cell("maybe")),
        RefusalReason::NotBoolean
    );
    assert_eq!(
        reason_after(|row| row.c_first_name = cell("a\0b")),
        RefusalReason::Nul
    );
    assert_eq!(
        reason_after(|row| row.c_password = cell("a\0b")),
        RefusalReason::Nul
    );
    assert_eq!(
        reason_after(|row| row.c_last_name = Some(vec![0xff])),
        RefusalReason::NotUtf8
    );
    assert_eq!(
        reason_after(|row| row.c_workos_user_id = cell("user 1")),
        RefusalReason::BadWorkosId
    );
}

/// Whether a row is closed is read before anything else is.
#[test]
fn a_refused_row_says_whether_it_is_closed() {
    for (is_active, expected) in [("0", Some(true)), ("1", None), ("maybe", Some(false))] {
        let row = RawUser {
            c_first_name: cell("a\0b"),
            c_is_active: cell(is_active),
            ..valid_row()
        };
        let refused = row.check(KeyColumn::Integer).unwrap_err();
        assert_eq!(refused.refusal.reason, RefusalReason::Nul);
        let certain = refused.closed.as_ref().map(|closed| closed.is_certain);
        assert_eq!(certain, expected, "{is_active}");
        let email = refused.closed.map(|closed| closed.row.email.is_ok());
        assert_eq!(email, expected.map(|_| true));
    }
    let without_key = RawUser {
        c_key: None,
        ..valid_row()
    };
    let refused = without_key.check(KeyColumn::Integer).unwrap_err();
    assert!(refused.closed.is_none());
}

#[test]
fn an_invalid_email_does_not_refuse_the_whole_row() {
    for text in ["", "ann", "a b@example.com", "\u{212A}@example.com"] {
        let user = RawUser {
            c_email: cell(text),
            ..valid_row()
        }
        .check(KeyColumn::Integer)
        .unwrap();
        assert!(
            matches!(user.email, Err(RefusalReason::BadEmail(_))),
            "{text}"
        );
    }
}

#[test]
fn a_long_key_is_displayed_short_and_on_one_line() {
    let row = RawUser {
        c_key: cell(&format!("a\n{}", "b".repeat(99))),
        ..valid_row()
    };
    let key = row.check(KeyColumn::Integer).unwrap_err().refusal.id;
    assert!(
        key.starts_with("a\\nb") && key.ends_with('…') && key.len() < 60,
        "{key}"
    );
}
