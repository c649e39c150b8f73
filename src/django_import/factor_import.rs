//! Imports second factors, with `--require-totp`.

use std::collections::BTreeSet;

use diesel::dsl::exists;
use diesel::prelude::*;

use super::item::{AcceptedRow, ImportItem, ItemKind, RecordedItems, forget_all, recorded_app};
use super::report::{CountLabel, ImportTally};
use super::second_factor::{AppTable, DjangoFactor, DjangoTotp, RecordedApp};
use super::withheld::{forget_withheld, record_withheld};
use crate::accounts::revoke_all_sessions;
use crate::accounts::second_factor::{
    SecondFactor, has_second_factor, import_totp, remove_second_factor, totp_secret,
};
use crate::audit::ChangedBy;
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError};
use crate::ids::UserId;
use crate::keys::Keys;
use crate::sessions::WorkosRevocation;
use crate::workos::ClientDevice;

const PASSWORD_ALONE: CountLabel = (
    "second factor not imported, so that a password alone lets these accounts in (see --require-totp)",
    "second factor not imported, so that a password alone lets this account in (see --require-totp)",
);
const NO_PASSWORD: CountLabel = (
    "second factor that does not exist here, so that these accounts have no password",
    "second factor that does not exist here, so that this account has no password",
);
const EARLIER_PASSWORD: CountLabel = (
    "second factor that does not exist here, and a password from an earlier import or set here, so that a password alone lets these accounts in; replace it with `vestibule changepassword EMAIL`, or close the account with `vestibule deactivate EMAIL`",
    "second factor that does not exist here, and a password from an earlier import or set here, so that a password alone lets this account in; replace it with `vestibule changepassword EMAIL`, or close the account with `vestibule deactivate EMAIL`",
);
const NOT_ADDED: CountLabel = (
    "authenticator app not imported, because it was removed here or the password was changed here, so that a password alone lets these accounts in; their owners set one up at /account/authenticator",
    "authenticator app not imported, because it was removed here or the password was changed here, so that a password alone lets this account in; its owner sets one up at /account/authenticator",
);
const STILL_WITHHELD: CountLabel = (
    "password still withheld, because an earlier import found a second factor that does not exist here, in the table or column beside the account, and this one does not show that it is gone; if that holds no second factors, name it with --no-factor",
    "password still withheld, because an earlier import found a second factor that does not exist here, in the table or column beside the account, and this one does not show that it is gone; if that holds no second factors, name it with --no-factor",
);
const NOT_ASKED: CountLabel = (
    "accounts with a second factor in Django that also sign in through Google, Okta or WorkOS, where they are not asked for a code of it",
    "account with a second factor in Django that also signs in through Google, Okta or WorkOS, where it is not asked for a code of it",
);
const MORE: CountLabel = (
    "accounts with recovery codes or further second factors, which are not imported",
    "account with recovery codes or further second factors, which are not imported",
);
const TABLE_NOT_READ: CountLabel = (
    "authenticator apps kept: this source lacks the tables that they were imported from",
    "authenticator app kept: this source lacks the table that it was imported from",
);
const CHANGED_HERE: CountLabel = (
    "authenticator apps kept, though Django has them no longer: the accounts' passwords or recovery codes were changed here; remove them with `vestibule resettotp EMAIL`",
    "authenticator app kept, though Django has it no longer: the account's password or recovery codes were changed here; remove it with `vestibule resettotp EMAIL`",
);

/// Imports the authenticator apps of a batch, and names the accounts whose second factor is not imported.
/// `read`: the tables of factors that are read.
pub(super) fn import_factors(
    conn: &mut Conn,
    (keys, read): (Option<&Keys>, &BTreeSet<String>),
    (accepted, recorded): (&[AcceptedRow<'_>], &RecordedItems),
    (now, dry_run): (Timestamp, bool),
    tally: &mut ImportTally,
) -> Result<(), DbError> {
    for accepted in accepted {
        let id = accepted.user_id;
        let factor = &accepted.row.related.factor;
        let is_withheld = accepted.is_withheld && !accepted.has_password;
        if is_withheld && !(keys.is_some() && matches!(factor, DjangoFactor::Other(_))) {
            let known = recorded.get(&id).into_iter().flatten();
            let tables = known.filter(|(kind, _)| *kind == ItemKind::Withheld);
            let tables: Vec<&str> = tables.map(|(_, table)| table.as_str()).collect();
            let tables = tables.join(", ");
            let named = format!("{} ({})", accepted.row.key, tables.escape_debug());
            tally.name(STILL_WITHHELD, named);
        }
        if !accepted.is_withheld && !dry_run {
            forget_withheld(conn, (id, recorded))?;
        }
        let Some(keys) = keys else {
            if !matches!(factor, DjangoFactor::Missing)
                && accepted.has_password
                && !has_factor(conn, accepted)?
            {
                tally.name(PASSWORD_ALONE, &accepted.row.key);
            }
            continue;
        };
        if !matches!(factor, DjangoFactor::Missing) && has_provider(conn, accepted)? {
            tally.note(NOT_ASKED, &accepted.row.key);
        }
        let known = recorded.get(&id).and_then(|items| {
            let mut items = items.iter().filter(|(kind, _)| *kind == ItemKind::Totp);
            items.next().map(|(_, value)| RecordedApp::parse(value))
        });
        let import = FactorImport {
            keys,
            read,
            accepted,
            recorded,
            known,
            now,
            dry_run,
        };
        import.run(conn, tally)?;
    }
    Ok(())
}

/// Whether the account signs in through a provider, as far as it is known.
fn has_provider(conn: &mut Conn, accepted: &AcceptedRow<'_>) -> QueryResult<bool> {
    let row = accepted.row;
    if row.workos_user_id.is_some() || !row.related.identities.is_empty() {
        return Ok(true);
    }
    if accepted.is_new {
        return Ok(false);
    }
    let id = accepted.user_id;
    let linked = users::table.filter(users::id.eq(id).and(users::workos_user_id.is_not_null()));
    let theirs = identities::table.filter(identities::user_id.eq(id));
    // An import that verifies the email removes the links that were made here.
    Ok(diesel::select(exists(linked)).get_result(conn)?
        || (!accepted.verifies_email && diesel::select(exists(theirs)).get_result(conn)?))
}

/// Removes the second factor of an account whose email an import verifies, because another person may have
/// set it up, unless it is the one that was imported. Without keys, it is taken for that one.
pub(super) fn remove_unknown_factor(
    conn: &mut Conn,
    keys: Option<&Keys>,
    user_id: UserId,
    now: Timestamp,
) -> Result<(), DbError> {
    if !keeps_factor(conn, keys, user_id)? {
        let nobody = ClientDevice::default();
        remove_second_factor(conn, user_id, ChangedBy::Command, &nobody, now)?;
        forget_all(conn, user_id, ItemKind::Totp)?;
    }
    Ok(())
}

/// Whether the account has the app that was imported, and keeps it if an import verifies its email.
pub(super) fn keeps_factor(
    conn: &mut Conn,
    keys: Option<&Keys>,
    user_id: UserId,
) -> Result<bool, DbError> {
    let Some(value) = recorded_app(conn, user_id)? else {
        return Ok(false);
    };
    match keys {
        Some(keys) => has_app(conn, keys, user_id, &RecordedApp::parse(&value)),
        None => Ok(has_second_factor(conn, user_id)?),
    }
}

/// Whether the account of a row has a second factor after the batch, besides one that is still to be imported.
fn has_factor(conn: &mut Conn, accepted: &AcceptedRow<'_>) -> QueryResult<bool> {
    // In a dry run, it is still there.
    Ok(!accepted.loses_factor && has_second_factor(conn, accepted.user_id)?)
}

/// Whether the account has this app.
fn has_app(
    conn: &mut Conn,
    keys: &Keys,
    user_id: UserId,
    app: &RecordedApp,
) -> Result<bool, DbError> {
    let secret = totp_secret(conn, keys, user_id)?;
    Ok(secret.is_some_and(|secret| app.is_of(&secret)))
}

/// The import of one account's second factor.
struct FactorImport<'a> {
    keys: &'a Keys,
    read: &'a BTreeSet<String>,
    accepted: &'a AcceptedRow<'a>,
    recorded: &'a RecordedItems,
    /// The app that was imported before.
    known: Option<RecordedApp>,
    now: Timestamp,
    dry_run: bool,
}

impl FactorImport<'_> {
    fn run(&self, conn: &mut Conn, tally: &mut ImportTally) -> Result<(), DbError> {
        let [imported, removed] = ItemKind::Totp.labels();
        let (id, key) = (self.accepted.user_id, &self.accepted.row.key);
        match &self.accepted.row.related.factor {
            DjangoFactor::Missing => match self.obstacle_to_removal(conn)? {
                None => {}
                Some(Some(obstacle)) => tally.note(obstacle, key),
                Some(None) => {
                    tally.count_item(removed);
                    if !self.dry_run {
                        self.remove(conn)?;
                    }
                }
            },
            DjangoFactor::Totp(app) => {
                if app.has_more {
                    tally.note(MORE, key);
                }
                if self.is_wanted(conn, app)? {
                    tally.count_item(imported);
                    if !self.dry_run {
                        self.add(conn, app)?;
                    }
                } else if self.accepted.has_password && !has_factor(conn, self.accepted)? {
                    tally.name(NOT_ADDED, key);
                } else if !self.dry_run {
                    self.record_table(conn, app)?;
                }
            }
            DjangoFactor::Other(tables) => {
                if !self.accepted.has_password && !self.dry_run {
                    record_withheld(conn, (id, self.recorded), tables)?;
                }
                if !has_factor(conn, self.accepted)? {
                    let remark = match self.accepted.has_password {
                        true => EARLIER_PASSWORD,
                        false => NO_PASSWORD,
                    };
                    tally.name(remark, key);
                }
            }
        }
        Ok(())
    }

    /// Why an imported app that Django does not show stays, if it stays; `None` without such an app. It is
    /// removed only if its table was read and nothing was changed here since the import.
    fn obstacle_to_removal(&self, conn: &mut Conn) -> Result<Option<Option<CountLabel>>, DbError> {
        if !self.has_known_app(conn)? {
            return Ok(None);
        }
        let user_id = self.accepted.user_id;
        let is_read = |table: &AppTable| self.read.contains(table.name());
        let was_read = match self.known.as_ref().and_then(|known| known.table) {
            Some(table) => is_read(&table),
            // Earlier versions have not recorded the table.
            None => AppTable::ALL.iter().all(is_read),
        };
        let factor = SecondFactor::of(conn, user_id)?;
        // Recovery codes are not imported: the owner of the account has made them here.
        let has_codes = factor.is_some_and(|factor| factor.recovery_codes > 0);
        Ok(Some(if !was_read {
            Some(TABLE_NOT_READ)
        } else if !self.accepted.is_unchanged || has_codes {
            Some(CHANGED_HERE)
        } else {
            None
        }))
    }

    /// Whether the account has the app that was imported before.
    fn has_known_app(&self, conn: &mut Conn) -> Result<bool, DbError> {
        match &self.known {
            Some(known) => has_app(conn, self.keys, self.accepted.user_id, known),
            None => Ok(false),
        }
    }

    /// Whether the app is imported: one that is new in Django, unless there is another one here.
    fn is_wanted(&self, conn: &mut Conn, app: &DjangoTotp) -> Result<bool, DbError> {
        if self.accepted.is_new {
            return Ok(true);
        }
        Ok(self.accepted.is_unchanged
            && match &self.known {
                Some(known) if known.is_of(&app.secret) => false,
                Some(_) => self.has_known_app(conn)?,
                None => !has_factor(conn, self.accepted)?,
            })
    }

    /// Stores the app. The sessions and tokens of an account that was here before end: they may have begun
    /// with a password alone.
    fn add(&self, conn: &mut Conn, app: &DjangoTotp) -> Result<(), DbError> {
        let (user_id, now) = (self.accepted.user_id, self.now);
        if !self.accepted.is_new {
            let ended = revoke_all_sessions(conn, user_id, now)?;
            let sids = ended.iter().filter_map(|row| row.workos_sid.as_ref());
            WorkosRevocation::request(conn, sids, now)?;
        }
        import_totp(conn, self.keys, user_id, (&app.secret, app.last_step), now)
            .map_err(|error| DbError::Unavailable(error.to_string()))?;
        self.record(conn, app)
    }

    /// Records the table of an app that was imported by an earlier version, or is in another table now.
    fn record_table(&self, conn: &mut Conn, app: &DjangoTotp) -> Result<(), DbError> {
        match &self.known {
            Some(known) if known.is_of(&app.secret) && known.table != Some(app.table) => {
                self.record(conn, app)
            }
            _ => Ok(()),
        }
    }

    fn record(&self, conn: &mut Conn, app: &DjangoTotp) -> Result<(), DbError> {
        let user_id = self.accepted.user_id;
        forget_all(conn, user_id, ItemKind::Totp)?;
        let item = ImportItem {
            user_id,
            kind: ItemKind::Totp,
            value: RecordedApp::of(app).to_string(),
        };
        ImportItem::record_all(conn, &[item])?;
        Ok(())
    }

    fn remove(&self, conn: &mut Conn) -> Result<(), DbError> {
        let (user_id, nobody) = (self.accepted.user_id, ClientDevice::default());
        remove_second_factor(conn, user_id, ChangedBy::Command, &nobody, self.now)?;
        forget_all(conn, user_id, ItemKind::Totp)?;
        Ok(())
    }
}
