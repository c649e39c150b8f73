//! Which row of an import gets which username, and which row may lack an email.

use super::existing::{ExistingRows, SimulatedValues};
use super::merge::UserMerge;
use super::report::{CountLabel, ImportTally, RefusalReason, RefusedRow};
use super::row::{CheckedEmail, DjangoUser};
use crate::accounts::User;
use crate::ids::UserId;
use crate::settings::LoginField;

const WITHOUT_EMAIL: CountLabel = (
    "accounts imported without an email: Django has none, or an invalid one",
    "account imported without an email: Django has none, or an invalid one",
);
const EMAIL_TAKEN: CountLabel = (
    "accounts imported without their emails, which other accounts have",
    "account imported without its email, which another account has",
);
const WITHOUT_USERNAME: CountLabel = (
    "accounts imported without their usernames, which other accounts have",
    "account imported without its username, which another account has",
);

/// The email of a row that signs in with its username and has no valid email: none. `None` if the row needs
/// one.
pub(super) fn absent_email(
    id: UserId,
    row: &DjangoUser,
    field: LoginField,
) -> Option<CheckedEmail> {
    let is_absent = matches!(row.email, Err(RefusalReason::BadEmail(_)));
    let has_name = field == LoginField::Username && row.username.is_some();
    (is_absent && has_name).then(|| CheckedEmail::none(id))
}

/// Names a row that was imported without an email.
pub(super) fn note_absent_email(tally: &mut ImportTally, row: &DjangoUser) {
    let label = match row.email {
        Ok(_) => EMAIL_TAKEN,
        Err(_) => WITHOUT_EMAIL,
    };
    tally.note(label, &row.key);
}

/// How a dry run remembers a username: unlike every email and WorkOS id.
pub(super) fn simulated_username(username: &str) -> String {
    format!("username\0{username}")
}

/// The username of a new account. If another account has it, the row is refused where usernames sign in, and
/// is imported without it elsewhere.
pub(super) fn new_username(
    id: UserId,
    row: &DjangoUser,
    field: LoginField,
    existing: &mut ExistingRows,
    simulated: Option<&SimulatedValues>,
    tally: &mut ImportTally,
) -> Result<Option<String>, RefusedRow> {
    let Some(username) = &row.username else {
        return Ok(None);
    };
    match owner(username, existing, simulated).filter(|owner| *owner != id) {
        None => {
            existing.usernames.insert(username.clone(), id);
            Ok(Some(username.clone()))
        }
        Some(other) if field == LoginField::Username => {
            Err(RefusedRow::new(&row.key, RefusalReason::UsernameTaken).conflicting_with(other))
        }
        Some(_) => {
            tally.note(WITHOUT_USERNAME, &row.key);
            Ok(None)
        }
    }
}

/// Removes a changed username from the merge if another account has it, and returns the refusal.
pub(super) fn merge_username(
    user: &User,
    row: &DjangoUser,
    merge: &mut UserMerge,
    existing: &mut ExistingRows,
    simulated: Option<&SimulatedValues>,
) -> Option<RefusedRow> {
    let username = merge.changes.username.clone()?;
    match owner(&username, existing, simulated).filter(|owner| *owner != user.id) {
        None => {
            let is_theirs = |old: &&String| existing.usernames.get(*old) == Some(&user.id);
            if let Some(old) = user.username.as_ref().filter(is_theirs) {
                existing.usernames.remove(old);
            }
            existing.usernames.insert(username, user.id);
            None
        }
        Some(other) => {
            merge.changes.username = None;
            Some(RefusedRow::new(&row.key, RefusalReason::UsernameTaken).conflicting_with(other))
        }
    }
}

fn owner(
    username: &str,
    existing: &ExistingRows,
    simulated: Option<&SimulatedValues>,
) -> Option<UserId> {
    let owner = existing.usernames.get(username).copied();
    owner.or_else(|| simulated?.owner(&simulated_username(username)))
}
