//! Further verified addresses of accounts, which `import-django` takes over from django-allauth. A sign-in
//! through WorkOS, Google or Okta finds its account by them too; a password does not. Their owner sees and removes them
//! at `/account`.
//!
//! No verified own address of an account is a further address. An own address that is not verified takes no
//! further address away: whoever proves such an address is the account that has it as a further one.

use diesel::prelude::*;

use crate::db::schema::{account_addresses, users};
use crate::db::{Conn, insert_all};
use crate::ids::UserId;

/// A further verified address of an account.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = account_addresses)]
pub(crate) struct FurtherAddress {
    pub(crate) email_key: String,
    pub(crate) user_id: UserId,
}

impl FurtherAddress {
    /// The further addresses of an account, in alphabetical order.
    pub(crate) fn of(conn: &mut Conn, user_id: UserId) -> QueryResult<Vec<String>> {
        let theirs = account_addresses::table.filter(account_addresses::user_id.eq(user_id));
        let keys = theirs.select(account_addresses::email_key);
        keys.order(account_addresses::email_key).load(conn)
    }

    /// Those of these addresses that accounts have as further ones.
    pub(crate) fn among(conn: &mut Conn, keys: &[&str]) -> QueryResult<Vec<Self>> {
        let found = account_addresses::table.filter(account_addresses::email_key.eq_any(keys));
        found.select(Self::as_select()).load(conn)
    }

    pub(crate) fn insert_all(conn: &mut Conn, addresses: &[Self]) -> QueryResult<usize> {
        insert_all!(conn, account_addresses::table, addresses)
    }

    /// Removes the address from its account.
    pub(crate) fn delete(&self, conn: &mut Conn) -> QueryResult<usize> {
        let same = account_addresses::table.find(&self.email_key);
        let theirs = same.filter(account_addresses::user_id.eq(self.user_id));
        diesel::delete(theirs).execute(conn)
    }
}

/// Removes addresses that have become verified own addresses of accounts.
pub(crate) fn delete_further_addresses(conn: &mut Conn, keys: &[&str]) -> QueryResult<usize> {
    let same = account_addresses::table.filter(account_addresses::email_key.eq_any(keys));
    diesel::delete(same).execute(conn)
}

/// Lets these addresses count as not verified where they are the own ones of closed accounts, and further ones of
/// others: a closed account takes no address away, and no verified own address is a further one.
pub(crate) fn unverify_closed_owners(conn: &mut Conn, keys: &[&str]) -> QueryResult<usize> {
    let further = account_addresses::table.filter(account_addresses::email_key.eq_any(keys));
    let further = further.select(account_addresses::email_key);
    let closed = users::table.filter(users::is_active.eq(false));
    diesel::update(closed.filter(users::email_key.eq_any(further)))
        .set(users::email_verified.eq(false))
        .execute(conn)
}

/// Does the same for the own addresses of these accounts, as far as they are closed. `stays`: whether the further address
/// with this key stays one.
pub(crate) fn unverify_closed(
    conn: &mut Conn,
    ids: &[UserId],
    stays: impl Fn(&str) -> bool,
) -> QueryResult<()> {
    let further = account_addresses::table.select(account_addresses::email_key);
    let closed = users::table
        .filter(users::id.eq_any(ids))
        .filter(users::is_active.eq(false))
        .filter(users::email_verified.eq(true))
        .filter(users::email_key.eq_any(further));
    let mut found: Vec<(UserId, String)> =
        closed.select((users::id, users::email_key)).load(conn)?;
    found.retain(|(_, email_key)| stays(email_key));
    if !found.is_empty() {
        let ids: Vec<UserId> = found.into_iter().map(|(id, _)| id).collect();
        diesel::update(users::table.filter(users::id.eq_any(ids)))
            .set(users::email_verified.eq(false))
            .execute(conn)?;
    }
    Ok(())
}

/// Removes every further address of an account.
pub(super) fn delete_further_addresses_of(conn: &mut Conn, user_id: UserId) -> QueryResult<usize> {
    let theirs = account_addresses::table.filter(account_addresses::user_id.eq(user_id));
    diesel::delete(theirs).execute(conn)
}
