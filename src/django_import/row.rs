//! Checks a row of Django's user table.

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Nullable};

use super::active::ActiveColumns;
use super::decode::{self, RawCell};
use super::key::KeyColumn;
use super::password::DjangoPassword;
use super::related_row::{RawRelated, RelatedData};
use super::report::{RefusalReason, RefusedRow};
use crate::accounts::{UserKey, email_key, email_problem, key_without_email};
use crate::clock::Timestamp;
use crate::ids::UserId;

/// A row as it was read: the bytes of each column's text, whatever the column's type.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct RawUser {
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_key: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_email: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) c_username: RawCell,
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
    #[diesel(embed)]
    pub(super) related: RawRelated,
}

/// An email that an account can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckedEmail {
    pub(super) text: String,
    pub(super) key: String,
}

impl CheckedEmail {
    /// The email of an account without one.
    pub(super) fn none(id: UserId) -> Self {
        Self {
            text: String::new(),
            key: key_without_email(id),
        }
    }
}

/// A row that can be imported.
#[derive(Clone, Debug)]
pub(super) struct DjangoUser {
    pub(super) key: UserKey,
    /// A row with an invalid email is not inserted, but it can still deactivate an existing
    /// account.
    pub(super) email: Result<CheckedEmail, RefusalReason>,
    pub(super) password: DjangoPassword,
    /// `None`: the table has no usernames, or the row has none.
    pub(super) username: Option<String>,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) is_active: bool,
    pub(super) is_staff: bool,
    pub(super) is_superuser: bool,
    pub(super) date_joined: Option<Timestamp>,
    pub(super) last_login: Option<Timestamp>,
    pub(super) workos_user_id: Option<String>,
    /// What the account has in other tables.
    pub(super) related: RelatedData,
}

/// Checks a row of these cells, as far as they go, and asserts what holds for every accepted row.
#[cfg(fuzzing)]
pub(crate) fn check_cells<'a>(cells: impl IntoIterator<Item = &'a [u8]>) {
    let mut cells = cells.into_iter().map(<[u8]>::to_vec);
    let row = RawUser {
        c_key: cells.next(),
        c_email: cells.next(),
        c_password: cells.next(),
        c_is_active: cells.next(),
        c_date_joined: cells.next(),
        c_last_login: cells.next(),
        c_first_name: cells.next(),
        c_last_name: cells.next(),
        c_is_staff: cells.next(),
        c_is_superuser: cells.next(),
        c_workos_user_id: cells.next(),
        c_username: cells.next(),
        related: RawRelated::default(),
    };
    if let Ok(user) = row.check(KeyColumn::UuidDigits) {
        assert_eq!(UserKey::parse(&user.key.to_string()), user.key);
        if let Ok(email) = user.email {
            assert_eq!(email_problem(&email.text), None);
            assert_eq!(email.key, email_key(&email.key));
        }
        for time in [user.date_joined, user.last_login].into_iter().flatten() {
            let printed = time.to_string().into_bytes();
            assert_eq!(decode::timestamp(Some(printed)).ok(), Some(Some(time)));
        }
        assert!(
            user.password
                .stored
                .is_none_or(|password| !password.is_empty())
        );
        let id = user.workos_user_id.unwrap_or_else(|| "none".to_owned());
        assert_eq!((id.is_empty(), id.trim()), (false, id.as_str()));
    }
}

impl RawUser {
    /// The row's values, or why they cannot be imported.
    pub(super) fn check(self, keys: KeyColumn) -> Result<DjangoUser, RefusedRow> {
        let key = decode::displayed(&self.c_key);
        self.values(keys)
            .map_err(|reason| RefusedRow::new(key, reason))
    }

    fn values(self, keys: KeyColumn) -> Result<DjangoUser, RefusalReason> {
        let text = |cell| Ok(decode::text(cell)?.unwrap_or_default());
        Ok(DjangoUser {
            key: keys.read(self.c_key)?,
            email: email(self.c_email),
            password: DjangoPassword::new(
                decode::text(self.c_password)?.filter(|text| !text.is_empty()),
            ),
            username: decode::text(self.c_username)?.filter(|text| !text.is_empty()),
            first_name: text(self.c_first_name)?,
            last_name: text(self.c_last_name)?,
            is_active: ActiveColumns::read(self.c_is_active)?,
            is_staff: decode::boolean(self.c_is_staff)?,
            is_superuser: decode::boolean(self.c_is_superuser)?,
            // An unreadable time is no reason to refuse the row.
            date_joined: decode::timestamp(self.c_date_joined).unwrap_or_default(),
            last_login: decode::timestamp(self.c_last_login).unwrap_or_default(),
            workos_user_id: workos_user_id(self.c_workos_user_id)?,
            related: self.related.check()?,
        })
    }
}

impl DjangoUser {
    /// Whether django-allauth has verified the account's own email.
    pub(super) fn email_is_verified(&self) -> bool {
        let addresses = self.related.addresses.iter();
        let mut verified = addresses.filter(|address| address.verified);
        self.email
            .as_ref()
            .is_ok_and(|email| verified.any(|address| email_key(&address.email) == email.key))
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
        cells.check(KeyColumn::Integer).unwrap_err().reason
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
        let key = row.check(KeyColumn::Integer).unwrap_err().id;
        assert!(
            key.starts_with("a\\nb") && key.ends_with('…') && key.len() < 60,
            "{key}"
        );
    }
}
