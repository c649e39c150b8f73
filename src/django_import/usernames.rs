//! Which row of an import gets which username, and which row may lack an email.

use super::existing::{ExistingRows, SimulatedValues, ValueClaim, simulated_username};
use super::merge::UserMerge;
use super::moves::ValueMoves;
use super::plan::BatchPlan;
use super::report::{CountLabel, ImportTally, RefusalReason, RefusedRow};
use super::row::{CheckedEmail, DjangoUser};
use crate::accounts::{User, email_problem};
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
const EMAIL_REMOVED: CountLabel = (
    "emails that Django has removed, so that these accounts have none",
    "email that Django has removed, so that this account has none",
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

/// Why a row without an email is refused, if it needs one.
pub(super) fn no_email() -> Option<RefusalReason> {
    email_problem("").map(RefusalReason::BadEmail)
}

/// Whether the row has no email, not even an invalid one, and signs in with its username.
pub(super) fn needs_no_email(row: &DjangoUser, field: LoginField) -> bool {
    let is_empty = row.email.as_ref().err() == no_email().as_ref();
    is_empty && field == LoginField::Username && row.username.is_some()
}

/// Names a row whose account has no email any more.
pub(super) fn note_removed_email(tally: &mut ImportTally, row: &DjangoUser) {
    tally.note(EMAIL_REMOVED, &row.key);
}

/// Names a row that was imported without an email.
pub(super) fn note_absent_email(tally: &mut ImportTally, row: &DjangoUser) {
    let label = match row.email {
        Ok(_) => EMAIL_TAKEN,
        Err(_) => WITHOUT_EMAIL,
    };
    tally.note(label, &row.key);
}

/// What decides who gets a username.
pub(super) struct UsernameContext<'a> {
    pub(super) moves: &'a ValueMoves,
    pub(super) simulated: Option<&'a SimulatedValues>,
    pub(super) field: LoginField,
}

impl UsernameContext<'_> {
    /// The username of a new account. If another account has it, the row is refused where usernames sign in, and
    /// is imported without it elsewhere.
    pub(super) fn new_username(
        &self,
        id: UserId,
        row: &DjangoUser,
        existing: &mut ExistingRows,
        plan: &mut BatchPlan<'_>,
    ) -> Result<Option<String>, RefusedRow> {
        let Some(username) = &row.username else {
            return Ok(None);
        };
        match self.claim(existing, plan, (id, username)) {
            Ok(claim) => {
                take_username(existing, plan, (id, username), claim);
                Ok(Some(username.clone()))
            }
            Err(other) if self.field == LoginField::Username => {
                Err(RefusedRow::new(&row.key, RefusalReason::UsernameTaken).conflicting_with(other))
            }
            Err(_) => {
                plan.tally.note(WITHOUT_USERNAME, &row.key);
                Ok(None)
            }
        }
    }

    /// Removes a changed username from the merge if another account has it, and returns the refusal.
    pub(super) fn merge_username(
        &self,
        user: &User,
        row: &DjangoUser,
        merge: &mut UserMerge,
        (existing, plan): (&mut ExistingRows, &mut BatchPlan<'_>),
    ) -> Option<RefusedRow> {
        let username = merge.changes.username.clone()?;
        let claim = match self.moves.contains(user.id) {
            true => self.claim(existing, plan, (user.id, &username)),
            false => Err(self.holder(existing, &username)),
        };
        match claim {
            Ok(claim) => {
                let is_theirs = |old: &&String| existing.usernames.get(*old) == Some(&user.id);
                if let Some(old) = user.username.as_ref().filter(is_theirs) {
                    existing.usernames.remove(old);
                }
                take_username(existing, plan, (user.id, &username), claim);
                None
            }
            Err(other) => {
                merge.changes.username = None;
                plan.kept_usernames.push(user.id);
                let refusal = RefusedRow::new(&row.key, RefusalReason::UsernameTaken);
                Some(refusal.conflicting_with(other))
            }
        }
    }

    fn claim(
        &self,
        existing: &ExistingRows,
        plan: &BatchPlan<'_>,
        (id, username): (UserId, &str),
    ) -> Result<ValueClaim, UserId> {
        let owner = self.owner(existing, username);
        existing.claim(self.moves, &plan.kept_usernames, owner, (id, username))
    }

    fn owner(&self, existing: &ExistingRows, username: &str) -> Option<UserId> {
        let name = simulated_username(username);
        let simulated = self.simulated.and_then(|simulated| simulated.owner(&name));
        simulated.or_else(|| existing.usernames.get(username).copied())
    }

    /// The account that has the username, or gets it; 0 if that is a row of which no account is known.
    fn holder(&self, existing: &ExistingRows, username: &str) -> UserId {
        let winner = self.moves.winner(username);
        winner
            .or_else(|| self.owner(existing, username))
            .unwrap_or_default()
    }
}

/// Plans that the account gets the username.
fn take_username(
    existing: &mut ExistingRows,
    plan: &mut BatchPlan<'_>,
    (id, username): (UserId, &str),
    claim: ValueClaim,
) {
    if let ValueClaim::FreedBy(owner) = claim {
        plan.freed_usernames.push((owner, username.to_owned()));
    }
    existing.usernames.insert(username.to_owned(), id);
}
