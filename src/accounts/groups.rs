//! The groups that accounts had in Django. They give no rights here; applications read their names.

use diesel::prelude::*;

use crate::db::schema::account_groups;
use crate::db::{Conn, insert_all};
use crate::ids::UserId;

/// The membership of an account in a group.
#[derive(Clone, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = account_groups)]
pub(crate) struct GroupMembership {
    pub(crate) user_id: UserId,
    pub(crate) name: String,
}

impl GroupMembership {
    pub(crate) fn insert_all(conn: &mut Conn, memberships: &[Self]) -> QueryResult<usize> {
        insert_all!(conn, account_groups::table, memberships)
    }

    pub(crate) fn delete(&self, conn: &mut Conn) -> QueryResult<usize> {
        let same = account_groups::table.find((self.user_id, &self.name));
        diesel::delete(same).execute(conn)
    }
}

/// The names of an account's groups, sorted.
pub fn group_names(conn: &mut Conn, user_id: UserId) -> QueryResult<Vec<String>> {
    let theirs = account_groups::table.filter(account_groups::user_id.eq(user_id));
    let mut names: Vec<String> = theirs.select(account_groups::name).load(conn)?;
    // Sorted here, because the databases' collations differ.
    names.sort_unstable();
    Ok(names)
}
