//! Refused rows whose accounts Django has closed: they close their accounts, or the report names the accounts.

use super::ImportPlanner;
use crate::accounts::User;
use crate::db::{Conn, DbError};
use crate::django_import::existing::ExistingRows;
use crate::django_import::merge::UserMerge;
use crate::django_import::plan::BatchPlan;
use crate::django_import::planned_update::PlannedUpdate;
use crate::django_import::report::{CountLabel, RefusalReason};
use crate::django_import::row::{ClosedUser, DjangoUser};
use crate::ids::UserId;

const UNPROVEN: CountLabel = (
    "Closed in Django, still open here, because nothing shows that the rows are these accounts'; look at them, and close \
     those that are with `vestibule deactivate EMAIL`",
    "Closed in Django, still open here, because nothing shows that the row is this account's; look at it, and if it is, \
     close it with `vestibule deactivate EMAIL`",
);
const OF_OTHER_TABLE: CountLabel = (
    "Closed in Django, still open here, because the accounts were imported from a table of another name; pass \
     --renamed-from, or close them with `vestibule deactivate EMAIL`",
    "Closed in Django, still open here, because the account was imported from a table of another name; pass \
     --renamed-from, or close it with `vestibule deactivate EMAIL`",
);
const UNREADABLE: CountLabel = (
    "Perhaps closed in Django, still open here, because a flag or time of the rows cannot be read; look at them, and \
     close those that are with `vestibule deactivate EMAIL`",
    "Perhaps closed in Django, still open here, because a flag or time of the row cannot be read; look at it, and if it \
     is, close it with `vestibule deactivate EMAIL`",
);

impl ImportPlanner {
    /// Plans what becomes of the accounts of refused rows that are not open in Django. A row that certainly belongs to
    /// its account closes it, whatever else is wrong with the row.
    pub(super) fn plan_closed_rows(
        &self,
        conn: &mut Conn,
        plan: &mut BatchPlan<'_>,
        closed: &[ClosedUser],
    ) -> Result<(), DbError> {
        if closed.is_empty() {
            return Ok(());
        }
        let rows: Vec<DjangoUser> = closed.iter().map(|closed| closed.row.clone()).collect();
        let mut existing = self.load(conn, &rows)?;
        for ClosedUser { row, is_certain } in closed {
            let id = existing.account_id(&row.key);
            if let Some(refusal) = existing.refusal(id, row, &self.source_table) {
                Self::name_still_open(plan, &existing, (id, row), refusal.reason, *is_certain);
                continue;
            }
            let found = (existing.users.remove(&id), existing.records.remove(&id));
            let (Some(user), Some(record)) = found else {
                continue;
            };
            match *is_certain {
                _ if !user.is_active => plan.tally.count_account(false),
                // It was opened here after Django had closed it.
                _ if !record.is_active => plan.tally.count_account(true),
                true => {
                    plan.tally.count_account(false);
                    plan.changed.push(PlannedUpdate {
                        user,
                        merge: UserMerge::closing(record),
                        gives_up_email: false,
                        refused: true,
                        only_closes: true,
                    });
                }
                false => {
                    plan.tally.count_account(true);
                    plan.tally.name_still_open(UNREADABLE, &user);
                }
            }
        }
        Ok(())
    }

    /// Names the account with the key of a refused row that is closed in Django, if it is open here and may be the row's.
    pub(super) fn name_still_open(
        plan: &mut BatchPlan<'_>,
        existing: &ExistingRows,
        (id, row): (UserId, &DjangoUser),
        refused: RefusalReason,
        is_certain: bool,
    ) {
        let account: Option<&User> = existing.open_account(id, row, refused);
        if let Some(user) = account.filter(|_| !row.is_active) {
            let remark = match refused {
                RefusalReason::OfOtherTable => OF_OTHER_TABLE,
                _ if is_certain => UNPROVEN,
                _ => UNREADABLE,
            };
            plan.tally.name_still_open(remark, user);
        }
    }
}
