//! The changes to one account that was imported before, and their execution.

use diesel::prelude::*;

use super::factor_import::remove_unknown_factor;
use super::item::{ItemKind, forget_all};
use super::ledger::ImportRecord;
use super::merge::{UserChanges, UserMerge};
use crate::accounts::account_addresses::unverify_closed;
use crate::accounts::{User, deactivate, key_without_email, sessions_ended};
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError};
use crate::keys::Keys;
use crate::sessions::{SessionRow, WorkosRevocation};

/// Changes to an account that was imported before.
pub(super) struct PlannedUpdate {
    pub(super) user: User,
    pub(super) merge: UserMerge,
    /// Whether Django has removed the email. If another batch has given it away, nothing is left to be changed.
    pub(super) gives_up_email: bool,
    /// Whether the row, or part of it, was refused.
    pub(super) refused: bool,
    /// Whether the row was refused and only closes the account.
    pub(super) only_closes: bool,
}

/// The account, unless it has changed since it was read.
macro_rules! as_read {
    ($user:expr) => {
        users::table
            .find($user.id)
            .filter(users::password.eq(&$user.password))
            .filter(users::email.eq(&$user.email))
            .filter(users::is_active.eq($user.is_active))
            .filter(users::token_version.eq($user.token_version))
    };
}

impl PlannedUpdate {
    /// Frees an email and a username that will be replaced, since another account of the batch may get them.
    pub(super) fn give_up_values(&self, conn: &mut Conn) -> QueryResult<()> {
        let changes = &self.merge.changes;
        if changes.email_key.is_none() && changes.username.is_none() {
            return Ok(());
        }
        let email = changes.email_key.as_ref();
        let email = email.map(|_| users::email_key.eq(key_without_email(self.user.id)));
        let username = changes.username.as_ref();
        let username = username.map(|_| users::username.eq(None::<String>));
        let freed = diesel::update(as_read!(self.user)).set((email, username));
        freed.execute(conn)?;
        Ok(())
    }

    /// Closes the account, which has changed since it was read, so that a later import merges the rest of its row.
    fn close(&self, conn: &mut Conn, now: Timestamp) -> Result<bool, DbError> {
        let Some(ended) = deactivate(conn, self.user.id, now)? else {
            return Ok(false);
        };
        WorkosRevocation::request(conn, &ended.workos_sids, now)?;
        ImportRecord::set_closed(conn, self.user.id)?;
        unverify_closed(conn, &[self.user.id], |_| true)?;
        Ok(true)
    }

    /// Writes the changes. If the account has changed since it was read, it is only closed, if Django has closed it.
    pub(super) fn execute(
        &self,
        conn: &mut Conn,
        keys: Option<&Keys>,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let Self { user, merge, .. } = self;
        if merge.changes == UserChanges::default() {
            return Ok(false);
        }
        let ended = merge.ends_sessions(user).then(|| sessions_ended(now));
        // Before the trigger of a deactivation revokes them.
        let open = match &ended {
            Some(_) => SessionRow::active_of_user(conn, user.id, now)?,
            None => Vec::new(),
        };
        let changed = diesel::update(as_read!(user)).set((&merge.changes, ended));
        if changed.execute(conn)? == 0 {
            return Ok(merge.changes.is_active == Some(false) && self.close(conn, now)?);
        }
        merge.record.save(conn)?;
        if self.only_closes {
            // An earlier batch may have given its address to another account.
            unverify_closed(conn, &[user.id], |_| true)?;
        }
        if merge.ends_sessions(user) {
            SessionRow::revoke_all_of_user(conn, user.id, now)?;
            let sids = open.iter().filter_map(|row| row.workos_sid.as_ref());
            WorkosRevocation::request(conn, sids, now)?;
        }
        if merge.verifies_email(user) {
            let links = identities::table.filter(identities::user_id.eq(user.id));
            diesel::delete(links).execute(conn)?;
            forget_all(conn, user.id, ItemKind::Identity)?;
            remove_unknown_factor(conn, keys, user.id, now)?;
        }
        Ok(true)
    }
}
