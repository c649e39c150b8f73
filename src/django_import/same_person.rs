//! Decides whether a row belongs to the person whose account was imported with the same key.
//!
//! A key alone says nothing: another table, another application's users or another project count from 1 too. So a
//! row is taken for an account's only if it comes from the same table, and shares a value with the account or with
//! its record that two people do not share by chance.

use chrono::NaiveTime;

use super::key::is_uuid;
use super::ledger::{ImportRecord, profile_digest};
use super::report::RefusalReason;
use super::row::DjangoUser;
use crate::accounts::User;
use crate::accounts::import_ledger::password_digest;
use crate::clock::Timestamp;

/// Why a row of the account's table is not the account's; `None` if it is.
pub(super) fn identity_problem(
    (user, record): (&User, &ImportRecord),
    row: &DjangoUser,
) -> Option<RefusalReason> {
    let joined = join_times(user, record, row).map(|[here, there]| here == there);
    let is_proved = row.key.django_id().is_some_and(is_uuid)
        || has_known_email(user, record, row)
        || has_known_password(record, row)
        || has_known_workos_id(record, row)
        || (joined == Some(true)
            && (row.date_joined.is_some_and(has_time_of_day) || has_known_username(user, row)));
    match joined {
        _ if is_proved => None,
        Some(false) => Some(RefusalReason::IdTaken),
        Some(true) | None => Some(RefusalReason::Unproven),
    }
}

/// The time of joining, to the millisecond, as it was imported and as it is in the row. A dump leaves out the
/// microseconds.
fn join_times(user: &User, record: &ImportRecord, row: &DjangoUser) -> Option<[i64; 2]> {
    let joined = row.date_joined.filter(|_| record.knows_joining_of(user))?;
    Some([user.date_joined, joined].map(|time| time.utc().timestamp_millis()))
}

/// A date, or the default of a column, has no time of day, and many people have the same one.
fn has_time_of_day(time: Timestamp) -> bool {
    time.utc().time() != NaiveTime::MIN
}

/// Whether the row has the account's email, or the email and names that were imported last.
fn has_known_email(user: &User, record: &ImportRecord, row: &DjangoUser) -> bool {
    let Ok(email) = &row.email else { return false };
    let has_profile =
        |first: &str, last: &str| record.profile_digest == profile_digest(&email.text, first, last);
    email.key == user.email_key
        || has_profile(&row.first_name, &row.last_name)
        // A run that does not read the names.
        || has_profile(&user.first_name, &user.last_name)
}

/// Whether the row has the password hash that was imported last.
fn has_known_password(record: &ImportRecord, row: &DjangoUser) -> bool {
    let hash = row.password.random_part();
    hash.is_some_and(|hash| password_digest(hash) == record.password_digest)
}

fn has_known_workos_id(record: &ImportRecord, row: &DjangoUser) -> bool {
    row.workos_user_id.is_some() && row.workos_user_id == record.workos_user_id
}

/// Whether the row has the account's username, and neither has an email. Many projects have an `admin`, so this
/// proves nothing without the day of joining.
fn has_known_username(user: &User, row: &DjangoUser) -> bool {
    let has_email = row.email.is_ok() || !user.email.is_empty();
    row.username.is_some() && row.username == user.username && !has_email
}
