//! Which account has which email address. The address of an existing account, and whether it is
//! verified, are written here and by the import only.

use diesel::prelude::*;

use super::account_addresses::{delete_further_addresses, delete_further_addresses_of};
use super::email::key_without_email;
use super::email_key::email_key;
use super::lifecycle::set_password;
use super::passwords::unusable_password;
use super::second_factor::remove_second_factor;
use super::user::User;
use crate::audit::{AuditEvent, ChangedBy, RevocationReason};
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError, on_unique_violation};
use crate::ids::UserId;
use crate::workos::ClientDevice;

/// The result of writing an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmailWrite {
    /// The address is written.
    Written,
    /// The address is written, and everything that was given out before it was verified is revoked.
    WrittenAndRevoked,
    /// Another account took the address meanwhile.
    Taken,
}

/// Locks the rows of these accounts until the transaction ends, always in the same order: two
/// transactions that swap the addresses of two accounts would otherwise wait for each other.
pub(super) fn lock_accounts(conn: &mut Conn, ids: [Option<UserId>; 2]) -> QueryResult<()> {
    let mut ids: Vec<UserId> = ids.into_iter().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        // An update that changes nothing locks the row on PostgreSQL. SQLite has one writer anyway.
        diesel::update(users::table.find(id))
            .set(users::id.eq(users::id))
            .execute(conn)?;
    }
    Ok(())
}

/// Writes the address of an account. If the account had no verified address and the new one is
/// verified, its credentials are revoked.
pub(super) fn write_email(
    conn: &mut Conn,
    user: &User,
    email: &str,
    verified: bool,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<EmailWrite, DbError> {
    // An unchanged address keeps its key, which may be that of an earlier version.
    let key = match email == user.email {
        true => user.email_key.clone(),
        false => email_key(email),
    };
    let written = on_unique_violation(conn, |conn| {
        if verified {
            delete_further_addresses(conn, &[&email_key(email)])?;
        }
        diesel::update(users::table.find(user.id))
            .set((
                users::email.eq(email),
                users::email_key.eq(&key),
                users::email_verified.eq(verified),
            ))
            .execute(conn)
    })?;
    if written.is_none() {
        return Ok(EmailWrite::Taken);
    }
    if email != user.email || verified != user.email_verified {
        let changed = AuditEvent::AddressChanged {
            user_id: user.id,
            from: user.email.clone(),
            to: email.to_owned(),
            verified,
        };
        changed.record(conn, device, now)?;
    }
    if !verified || user.email_verified {
        return Ok(EmailWrite::Written);
    }
    revoke_credentials(conn, user, device, now)?;
    Ok(EmailWrite::WrittenAndRevoked)
}

/// Removes the address of an account, which another account has now or will have, as WorkOS says. Nobody can
/// sign in or be linked by an address to an account without one. `email_verified` then says whether the
/// account's credentials were given out for a verified address.
pub(super) fn release_email(
    conn: &mut Conn,
    user: &User,
    email_verified: bool,
    device: &ClientDevice,
    now: Timestamp,
) -> QueryResult<usize> {
    if !user.email.is_empty() {
        let removed = AuditEvent::AddressRemoved {
            user_id: user.id,
            address: user.email_key.clone(),
            by: ChangedBy::Workos,
        };
        removed.record(conn, device, now)?;
    }
    diesel::update(users::table.find(user.id))
        .set((
            users::email.eq(""),
            users::email_key.eq(key_without_email(user.id)),
            users::email_verified.eq(email_verified),
        ))
        .execute(conn)
}

/// Removes the account's password and second factor, its links to Google and Okta, its further addresses,
/// and its sessions and tokens. Called when the owner of an address that was not verified has proved it: the
/// account may have been registered by another person. `device`: the client that caused it.
pub(super) fn revoke_credentials(
    conn: &mut Conn,
    user: &User,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<(), DbError> {
    let unusable = unusable_password()?;
    let ended_sessions = set_password(conn, user.id, &unusable, now, None)?.count;
    let revoked = AuditEvent::SessionsRevoked {
        user_id: user.id,
        reason: RevocationReason::EmailVerified,
        ended_sessions,
    };
    revoked.record(conn, device, now)?;
    let links = identities::table.filter(identities::user_id.eq(user.id));
    diesel::delete(links).execute(conn)?;
    delete_further_addresses_of(conn, user.id)?;
    remove_second_factor(conn, user.id, ChangedBy::Server, device, now)?;
    log::warn!(
        "removed the password, second factor, provider links, sessions and tokens of account {}: its email was not verified until now",
        user.id
    );
    Ok(())
}
