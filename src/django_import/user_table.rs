//! The names of the user table, and of the table that it is built on if it is a view.

use super::view::BaseTable;

/// A user table, or a view of one.
pub(super) struct UserTableName<'a> {
    pub(super) quoted: &'a str,
    /// The plain name of the table, for a view that of the table that it is built on.
    pub(super) plain: &'a str,
    /// The quoted key column.
    pub(super) key: &'a str,
    /// The quoted table of Django's groups.
    pub(super) groups: Option<String>,
    /// The quoted table of django-mfa2.
    pub(super) mfa2: Option<String>,
    /// The quoted columns with usernames and emails.
    pub(super) login_names: Vec<String>,
    /// The quoted columns of second factors.
    pub(super) factor_columns: Vec<String>,
    /// The table that it is built on, if it is a view.
    pub(super) base: Option<&'a BaseTable>,
}

impl UserTableName<'_> {
    /// The quoted table to which foreign keys refer.
    pub(super) fn referred(&self) -> &str {
        self.base.map_or(self.quoted, |base| &base.quoted)
    }

    /// An expression for the value that a row has in a quoted column of the table to which foreign keys refer.
    pub(super) fn value_of(&self, column: &str) -> String {
        let (users, key) = (self.quoted, self.key);
        match self.base {
            None => format!("{users}.{column}"),
            Some(base) if base.key == column => format!("{users}.{key}"),
            Some(base) => format!(
                "(SELECT b.{column} FROM {} AS b WHERE b.{} = {users}.{key})",
                base.quoted, base.key
            ),
        }
    }

    /// The quoted key column of the table to which foreign keys refer.
    pub(super) fn referred_key(&self) -> &str {
        self.base.map_or(self.key, |base| &base.key)
    }
}
