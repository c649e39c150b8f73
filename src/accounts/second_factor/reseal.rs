//! Encrypts the secrets of all authenticator apps with the newest key, so that an older one can be
//! removed from `SECRET_KEY_FALLBACKS` although some users do not log in meanwhile.

use diesel::prelude::*;

use super::row::TotpRow;
use crate::db::schema::totp_factors;
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::keys::Keys;

/// Rows that are read and written in one transaction.
const PAGE: i64 = 500;

/// Encrypts every secret of an older key with the newest one. Does nothing without older keys.
pub fn reseal_secrets(database: &Database, keys: &Keys) -> Result<(), DbError> {
    if !keys.has_fallbacks() {
        return Ok(());
    }
    let mut last_id = UserId::from(i64::MIN);
    let mut unreadable = 0;
    loop {
        let (page, failed) = database.write_blocking(|conn| {
            let rows = page_after(conn, last_id)?;
            let mut failed = 0;
            for row in &rows {
                match row.secret(keys) {
                    Some((secret, true)) => row.seal_again(conn, keys, &secret)?,
                    Some((_, false)) => {}
                    None => failed += 1,
                }
            }
            Ok::<_, DbError>((rows, failed))
        })?;
        unreadable += failed;
        let Some(last) = page.last() else {
            break;
        };
        last_id = last.user_id;
    }
    if unreadable > 0 {
        log::error!(
            "the secrets of {unreadable} authenticator apps cannot be decrypted: add the earlier key to SECRET_KEY_FALLBACKS, or their users need recovery codes or `vestibule resettotp`"
        );
    }
    Ok(())
}

fn page_after(conn: &mut Conn, last_id: UserId) -> QueryResult<Vec<TotpRow>> {
    totp_factors::table
        .filter(totp_factors::user_id.gt(last_id))
        .order(totp_factors::user_id)
        .limit(PAGE)
        .select(TotpRow::as_select())
        .load(conn)
}
