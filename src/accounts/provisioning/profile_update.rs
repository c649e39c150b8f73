//! Brings the account of a WorkOS user up to date with a newer profile, and decides which account has
//! an address.

use diesel::prelude::*;

use super::{ATTEMPTS, ProvisionError, WorkosProfile, conflicts};
use crate::accounts::email_key::email_key;
use crate::accounts::email_ownership::{
    EmailWrite, lock_accounts, release_email, revoke_credentials, write_email,
};
use crate::accounts::user::User;
use crate::clock::Timestamp;
use crate::db::schema::users;
use crate::db::{Conn, DbError};
use crate::ids::UserId;
use crate::workos::ClientDevice;

impl WorkosProfile {
    /// Rule 1 outside a sign-in, tried again after a conflict.
    pub(super) fn update_linked(
        &self,
        conn: &mut Conn,
        user: &User,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<(User, EmailWrite), ProvisionError> {
        for _ in 0..ATTEMPTS {
            if let Some(applied) = self.apply_changes(conn, user.clone(), device, now)? {
                return Ok(applied);
            }
        }
        Err(conflicts())
    }

    /// Rule 1: an account is linked to the user. Writes the profile if it is newer than the stored
    /// one. `None`: another account changed meanwhile; try again.
    pub(super) fn apply_changes(
        &self,
        conn: &mut Conn,
        user: User,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<Option<(User, EmailWrite)>, ProvisionError> {
        if !self.changes(&user) {
            return Ok(Some((user, EmailWrite::Written)));
        }
        let holder = User::by_email(conn, &self.email)?.map(|holder| holder.id);
        lock_accounts(conn, [Some(user.id), holder])?;
        // Read again, since another sign-in may have written a newer profile before the lock.
        let Some(user) = User::by_id(conn, user.id)? else {
            return Ok(None);
        };
        if !self.changes(&user) {
            return Ok(Some((user, EmailWrite::Written)));
        }
        let current = User::by_email(conn, &self.email)?;
        if current.as_ref().map(|current| current.id) != holder {
            return Ok(None);
        }
        let other = current.filter(|current| current.id != user.id);
        let written = self.apply_email(conn, &user, other, device, now)?;
        if written == EmailWrite::Taken {
            return Ok(None);
        }
        diesel::update(users::table.find(user.id))
            .set((
                users::first_name.eq(self.first_name.as_ref().unwrap_or(&user.first_name)),
                users::last_name.eq(self.last_name.as_ref().unwrap_or(&user.last_name)),
                users::picture_url.eq(&self.picture_url),
                users::workos_updated_at.eq(self.updated_at),
            ))
            .execute(conn)?;
        let user = User::by_id(conn, user.id)?;
        Ok(user.map(|user| (user, written)))
    }

    /// Writes the email of a locked account. `other` is the account that has the address so far. If it
    /// keeps the address, the account has none, because its old one may belong to somebody else by now.
    fn apply_email(
        &self,
        conn: &mut Conn,
        user: &User,
        other: Option<User>,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<EmailWrite, DbError> {
        if let Some(keeper) = self.keeper(conn, user, other.as_ref())? {
            log::warn!(
                "the email of WorkOS user {} is that of account {keeper}; account {} has no email until that account gives it up or WorkOS has verified it",
                self.workos_user_id,
                user.id
            );
            let verified = user.email_verified && self.email_verified;
            release_email(conn, user, verified, device, now)?;
            return Ok(EmailWrite::Written);
        }
        if let Some(other) = other {
            log::warn!(
                "account {} lost its email, which WorkOS user {} has now",
                other.id,
                self.workos_user_id
            );
            release_email(conn, &other, other.email_verified, device, now)?;
            if other.workos_user_id.is_none() {
                // Nobody proved the address for that account, and this user has.
                revoke_credentials(conn, &other, device, now)?;
            }
        }
        let verified = self.email_verified;
        write_email(conn, user, &self.email, verified, device, now)
    }

    /// The account that keeps this profile's email from another one: `other`, which has it as its own, or
    /// the account that has verified it as a further address.
    fn keeper(
        &self,
        conn: &mut Conn,
        user: &User,
        other: Option<&User>,
    ) -> QueryResult<Option<UserId>> {
        if let Some(other) = other.filter(|other| !self.outranks(other)) {
            return Ok(Some(other.id));
        }
        if self.email_verified {
            return Ok(None);
        }
        let further = User::by_further_address(conn, &self.email)?.map(|further| further.id);
        Ok(further.filter(|further| *further != user.id))
    }

    /// Whether the account must be updated. A profile of the same time counts if its email could not
    /// be written before.
    fn changes(&self, user: &User) -> bool {
        let Some(known) = user.workos_updated_at else {
            return true;
        };
        let unwritten = user.email_key != email_key(&self.email)
            || (self.email_verified && !user.email_verified);
        known < self.updated_at || (known == self.updated_at && unwritten)
    }

    /// Whether this profile proves that the other account no longer has the email. WorkOS gives an
    /// address to one user at a time, so of two linked accounts the newer profile counts. Without a proof it
    /// takes no verified address; WorkOS will say where the other user's is. A local account keeps an address
    /// that it has verified.
    fn outranks(&self, other: &User) -> bool {
        match (&other.workos_user_id, other.workos_updated_at) {
            (Some(_), Some(known)) => {
                known < self.updated_at && (self.email_verified || !other.email_verified)
            }
            (Some(_), None) => self.email_verified,
            (None, _) => self.email_verified && !other.email_verified,
        }
    }
}
