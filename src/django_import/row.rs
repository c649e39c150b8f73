//! A row of Django's user table, checked.

use diesel::sql_types::{Binary, Nullable};

use super::HIGHEST_KEY;
use super::decode::{self, RawCell};
use super::report::{RefusalReason, RefusedRow};
use crate::accounts::{email_key, email_problem};
use crate::clock::Timestamp;

/// A row as it was read: the bytes of its text, whatever the columns' types.
#[derive(Clone, Debug, Default, diesel::QueryableByName)]
pub(super) struct RawUser {
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_key: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_email: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_password: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_first_name: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_last_name: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_is_active: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_is_staff: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_is_superuser: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_date_joined: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_last_login: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_workos_user_id: RawCell,
}

/// An e-mail that an account may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckedEmail {
    pub(super) text: String,
    pub(super) key: String,
}

/// A row that can be taken.
#[derive(Clone, Debug)]
pub(super) struct DjangoUser {
    pub(super) id: i64,
    /// A bad e-mail keeps a new row out, but not a deactivation of a row that is here.
    pub(super) email: Result<CheckedEmail, RefusalReason>,
    /// `None`: nobody can sign in with it.
    pub(super) password: Option<String>,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) is_active: bool,
    pub(super) is_staff: bool,
    pub(super) is_superuser: bool,
    pub(super) date_joined: Option<Timestamp>,
    pub(super) last_login: Option<Timestamp>,
    pub(super) workos_user_id: Option<String>,
}

impl RawUser {
    /// The row's values, or why they cannot be taken.
    pub(super) fn check(self) -> Result<DjangoUser, RefusedRow> {
        let shown = decode::shown(&self.c_key);
        self.values()
            .map_err(|reason| RefusedRow::new(shown, reason))
    }

    fn values(self) -> Result<DjangoUser, RefusalReason> {
        let text = |cell| Ok(decode::text(cell)?.unwrap_or_default());
        Ok(DjangoUser {
            id: key(self.c_key)?,
            email: email(self.c_email),
            password: decode::text(self.c_password)?.filter(|text| !text.is_empty()),
            first_name: text(self.c_first_name)?,
            last_name: text(self.c_last_name)?,
            // A table without these flags has no closed accounts, and nobody with more rights.
            is_active: decode::flag(self.c_is_active, true)?,
            is_staff: decode::flag(self.c_is_staff, false)?,
            is_superuser: decode::flag(self.c_is_superuser, false)?,
            // Nobody is kept out, or left open, for a time that cannot be read.
            date_joined: decode::moment(self.c_date_joined).unwrap_or_default(),
            last_login: decode::moment(self.c_last_login).unwrap_or_default(),
            workos_user_id: workos_user_id(self.c_workos_user_id)?,
        })
    }
}

fn key(cell: RawCell) -> Result<i64, RefusalReason> {
    let text = decode::text(cell)
        .ok()
        .flatten()
        .ok_or(RefusalReason::KeyNoInteger)?;
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RefusalReason::KeyNoInteger);
    }
    let key = text.parse().map_err(|_| RefusalReason::KeyOutOfRange)?;
    if (1..=HIGHEST_KEY).contains(&key) {
        Ok(key)
    } else {
        Err(RefusalReason::KeyOutOfRange)
    }
}

fn email(cell: RawCell) -> Result<CheckedEmail, RefusalReason> {
    let text = decode::text(cell)?.unwrap_or_default();
    let text = text.trim();
    match email_problem(text) {
        Some(problem) => Err(RefusalReason::BadEmail(problem)),
        None => Ok(CheckedEmail {
            text: text.to_owned(),
            key: email_key(text),
        }),
    }
}

fn workos_user_id(cell: RawCell) -> Result<Option<String>, RefusalReason> {
    let text = decode::text(cell)?.unwrap_or_default();
    let id = text.trim();
    if id.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(RefusalReason::BadWorkosId);
    }
    Ok((!id.is_empty()).then(|| id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> RawUser {
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
        cells.check().unwrap_err().reason
    }

    #[test]
    fn a_good_row() {
        let user = good().check().unwrap();
        let email = user.email.unwrap();
        assert_eq!(
            (email.text.as_str(), email.key.as_str()),
            ("Ann@Example.com", "ann@example.com")
        );
        assert_eq!((user.id, user.first_name.as_str()), (7, ""));
        assert!(!user.is_active && user.is_staff && !user.is_superuser);
        assert_eq!(user.workos_user_id, None);
    }

    #[test]
    fn keys() {
        for (key, wanted) in [
            ("", RefusalReason::KeyNoInteger),
            ("7.0", RefusalReason::KeyNoInteger),
            ("0b5c2d3e", RefusalReason::KeyNoInteger),
            ("+7", RefusalReason::KeyNoInteger),
            ("0", RefusalReason::KeyOutOfRange),
            ("-7", RefusalReason::KeyOutOfRange),
            ("9223372036854775807", RefusalReason::KeyOutOfRange),
            ("99999999999999999999", RefusalReason::KeyOutOfRange),
        ] {
            let row = RawUser {
                c_key: cell(key),
                ..good()
            };
            assert_eq!(reason(row), wanted, "{key}");
        }
        assert_eq!(
            reason(RawUser {
                c_key: None,
                ..good()
            }),
            RefusalReason::KeyNoInteger
        );
    }

    #[test]
    fn cells_that_no_row_can_have() {
        let bad = |change: fn(&mut RawUser)| {
            let mut row = good();
            change(&mut row);
            reason(row)
        };
        assert_eq!(
            bad(|row| row.c_is_active = cell("maybe")),
            RefusalReason::NoFlag
        );
        assert_eq!(
            bad(|row| row.c_first_name = cell("a\0b")),
            RefusalReason::Nul
        );
        assert_eq!(bad(|row| row.c_password = cell("a\0b")), RefusalReason::Nul);
        assert_eq!(
            bad(|row| row.c_last_name = Some(vec![0xff])),
            RefusalReason::NotUtf8
        );
        assert_eq!(
            bad(|row| row.c_workos_user_id = cell("user 1")),
            RefusalReason::BadWorkosId
        );
    }

    #[test]
    fn a_bad_email_leaves_the_rest_readable() {
        for text in ["", "ann", "a b@example.com", "\u{212A}@example.com"] {
            let user = RawUser {
                c_email: cell(text),
                ..good()
            }
            .check()
            .unwrap();
            assert!(
                matches!(user.email, Err(RefusalReason::BadEmail(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_key_is_shown_short_and_on_one_line() {
        let row = RawUser {
            c_key: cell(&format!("a\n{}", "b".repeat(99))),
            ..good()
        };
        let shown = row.check().unwrap_err().id;
        assert!(
            shown.starts_with("a\\nb") && shown.ends_with('…') && shown.len() < 60,
            "{shown}"
        );
    }
}
