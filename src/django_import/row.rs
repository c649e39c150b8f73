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
    /// Whether Django has no email, and the account signs in with its username: it gives up the one that it has here.
    pub(super) lacks_email: bool,
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

/// A row that cannot be imported.
#[derive(Clone, Debug)]
pub(super) struct RefusedUser {
    pub(super) refusal: RefusedRow,
    /// The values that can be read, if Django has closed the account, or may have.
    pub(super) closed: Option<Box<ClosedUser>>,
}

/// What can be read of a refused row that is not open in Django. It can still close an account.
#[derive(Clone, Debug)]
pub(super) struct ClosedUser {
    /// Values that cannot be read are absent.
    pub(super) row: DjangoUser,
    /// Whether the row says that the account is closed. Otherwise a flag or a time of it cannot be read.
    pub(super) is_certain: bool,
}

/// The first of the cells of a row that cannot be read.
#[derive(Default)]
struct FirstProblem(Option<RefusalReason>);

impl FirstProblem {
    /// The cell's value, or the default if it cannot be read.
    fn unless<T: Default>(&mut self, cell: Result<T, RefusalReason>) -> T {
        cell.unwrap_or_else(|reason| {
            self.0.get_or_insert(reason);
            T::default()
        })
    }

    fn text(&mut self, cell: RawCell) -> Option<String> {
        self.unless(decode::text(cell))
            .filter(|text| !text.is_empty())
    }
}

impl RawUser {
    /// The row's values, or why they cannot be imported.
    pub(super) fn check(self, keys: KeyColumn) -> Result<DjangoUser, RefusedUser> {
        let displayed = decode::displayed(&self.c_key);
        let key = match keys.read(self.c_key.clone()) {
            Ok(key) => key,
            Err(reason) => {
                let refusal = RefusedRow::new(displayed, reason);
                let closed = None;
                return Err(RefusedUser { refusal, closed });
            }
        };
        let (row, problem, is_certain) = self.values(key);
        let Some(reason) = problem else {
            return Ok(row);
        };
        let refusal = RefusedRow::new(displayed, reason);
        let closed = ClosedUser { row, is_certain };
        let closed = Some(closed).filter(|closed| !closed.row.is_active);
        let closed = closed.map(Box::new);
        Err(RefusedUser { refusal, closed })
    }

    /// The values that can be read, the first problem, and whether the row says that it is open or closed.
    fn values(self, key: UserKey) -> (DjangoUser, Option<RefusalReason>, bool) {
        let mut problem = FirstProblem::default();
        let is_active = ActiveColumns::read(self.c_is_active);
        let is_certain = is_active.is_ok();
        let row = DjangoUser {
            key,
            email: email(self.c_email),
            lacks_email: false,
            password: DjangoPassword::new(problem.text(self.c_password)),
            username: problem.text(self.c_username),
            first_name: problem.text(self.c_first_name).unwrap_or_default(),
            last_name: problem.text(self.c_last_name).unwrap_or_default(),
            is_active: problem.unless(is_active),
            is_staff: problem.unless(decode::boolean(self.c_is_staff)),
            is_superuser: problem.unless(decode::boolean(self.c_is_superuser)),
            // An unreadable time is no reason to refuse the row.
            date_joined: decode::timestamp(self.c_date_joined).unwrap_or_default(),
            last_login: decode::timestamp(self.c_last_login).unwrap_or_default(),
            workos_user_id: problem.unless(workos_user_id(self.c_workos_user_id)),
            related: problem.unless(self.related.check()),
        };
        (row, problem.0, is_certain)
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
mod tests;
