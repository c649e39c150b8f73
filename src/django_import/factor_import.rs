//! Imports second factors, with `--require-totp`.

use super::item::{AcceptedRow, ImportItem, ItemKind, RecordedItems};
use super::report::ImportTally;
use super::second_factor::{DjangoFactor, DjangoTotp, secret_digest};
use crate::accounts::revoke_all_sessions;
use crate::accounts::second_factor::{
    has_second_factor, import_totp, remove_second_factor, totp_secret,
};
use crate::audit::ChangedBy;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::ids::UserId;
use crate::keys::Keys;
use crate::workos::ClientDevice;

const PASSWORD_ALONE: &str = "second factor not imported, so that a password alone lets these accounts in (see --require-totp)";
const NO_PASSWORD: &str =
    "second factor that does not exist here, so that these accounts have no password";
const MORE: &str = "recovery codes or further second factors, not imported";

/// Imports the authenticator apps of a batch, and names the accounts whose second factor is not imported.
pub(super) fn import_factors(
    conn: &mut Conn,
    keys: Option<&Keys>,
    (accepted, recorded): (&[AcceptedRow<'_>], &RecordedItems),
    (now, dry_run): (Timestamp, bool),
    tally: &mut ImportTally,
) -> Result<(), DbError> {
    for accepted in accepted {
        let (id, key) = (accepted.user_id, &accepted.row.key);
        let Some(keys) = keys else {
            if !matches!(accepted.row.related.factor, DjangoFactor::Missing)
                && !has_second_factor(conn, id)?
            {
                tally.name(PASSWORD_ALONE, key);
            }
            continue;
        };
        let known = recorded.get(&id).and_then(|items| {
            let mut items = items.iter().filter(|(kind, _)| *kind == ItemKind::Totp);
            items.next().map(|(_, digest)| digest.clone())
        });
        let import = FactorImport {
            keys,
            user_id: id,
            is_new: accepted.is_new,
            is_unchanged: accepted.is_unchanged,
            known,
            now,
        };
        let [imported, removed] = ItemKind::Totp.labels();
        match &accepted.row.related.factor {
            DjangoFactor::Missing => {
                if import.has_known_secret(conn)? {
                    tally.count_item(removed);
                    if !dry_run {
                        import.remove(conn)?;
                    }
                }
            }
            DjangoFactor::Totp(app) => {
                if app.has_more {
                    tally.note(MORE, key);
                }
                if import.is_wanted(conn, app)? {
                    tally.count_item(imported);
                    if !dry_run {
                        import.add(conn, app)?;
                    }
                } else if accepted.has_password && !has_second_factor(conn, id)? {
                    tally.name(PASSWORD_ALONE, key);
                }
            }
            DjangoFactor::Other => {
                if !has_second_factor(conn, id)? {
                    let remark = match accepted.has_password {
                        true => PASSWORD_ALONE,
                        false => NO_PASSWORD,
                    };
                    tally.name(remark, key);
                }
            }
        }
    }
    Ok(())
}

/// The import of one account's second factor.
struct FactorImport<'a> {
    keys: &'a Keys,
    user_id: UserId,
    is_new: bool,
    is_unchanged: bool,
    /// The digest of the secret that was imported before.
    known: Option<String>,
    now: Timestamp,
}

impl FactorImport<'_> {
    /// Whether the account has the secret that was imported before.
    fn has_known_secret(&self, conn: &mut Conn) -> Result<bool, DbError> {
        let Some(known) = &self.known else {
            return Ok(false);
        };
        let secret = totp_secret(conn, self.keys, self.user_id)?;
        Ok(secret.is_some_and(|secret| secret_digest(&secret) == *known))
    }

    /// Whether the app is imported: one that is new in Django, unless there is another one here.
    fn is_wanted(&self, conn: &mut Conn, app: &DjangoTotp) -> Result<bool, DbError> {
        if self.is_new {
            return Ok(true);
        }
        Ok(self.is_unchanged
            && match &self.known {
                Some(known) if *known == app.digest() => false,
                Some(_) => self.has_known_secret(conn)?,
                None => !has_second_factor(conn, self.user_id)?,
            })
    }

    /// Stores the app. The sessions and tokens of an account that was here before end: they may have begun
    /// with a password alone.
    fn add(&self, conn: &mut Conn, app: &DjangoTotp) -> Result<(), DbError> {
        let Self { user_id, now, .. } = *self;
        if !self.is_new {
            revoke_all_sessions(conn, user_id, now)?;
        }
        import_totp(conn, self.keys, user_id, (&app.secret, app.last_step), now)
            .map_err(|error| DbError::Unavailable(error.to_string()))?;
        self.forget(conn)?;
        ImportItem::record_all(conn, &[self.item(app.digest())])?;
        Ok(())
    }

    fn remove(&self, conn: &mut Conn) -> Result<(), DbError> {
        let nobody = ClientDevice::default();
        remove_second_factor(conn, self.user_id, ChangedBy::Command, &nobody, self.now)?;
        self.forget(conn)
    }

    fn forget(&self, conn: &mut Conn) -> Result<(), DbError> {
        if let Some(known) = &self.known {
            self.item(known.clone()).forget(conn)?;
        }
        Ok(())
    }

    fn item(&self, value: String) -> ImportItem {
        ImportItem {
            user_id: self.user_id,
            kind: ItemKind::Totp,
            value,
        }
    }
}
