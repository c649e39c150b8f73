//! What to import, and how its progress is reported.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::settings::{DatabaseUrl, LoginField, PasswordLogin};

/// Where Django's users are.
#[derive(Clone, Debug)]
pub enum ImportSource {
    /// Django's database.
    Database(DatabaseUrl),
    /// A file that `manage.py dumpdata` has written.
    Dump(PathBuf),
}

impl fmt::Display for ImportSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(url) => url.fmt(f),
            Self::Dump(path) => path.display().fmt(f),
        }
    }
}

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Where the users are.
    pub from: ImportSource,
    /// Django's user table; for a dump also the model, such as `shop.User`.
    pub table: String,
    /// The table that the view `table` is built on.
    pub view_of: Option<String>,
    /// The table's name at earlier imports, if it was another one.
    pub renamed_from: Option<String>,
    /// Columns with another name: Django's name of a field → the name of its column.
    pub columns: BTreeMap<String, String>,
    /// Columns besides `is_active` that are true for open accounts, or `COLUMN=VALUE`.
    pub active_columns: Vec<String>,
    /// Columns that are true, or hold a time, for closed accounts, or `COLUMN=VALUE`.
    pub closed_columns: Vec<String>,
    /// Columns with the time until which an account is open.
    pub active_until_columns: Vec<String>,
    /// Columns with the time until which an account is closed.
    pub closed_until_columns: Vec<String>,
    /// Whether columns that no option names close no account.
    pub all_active: bool,
    /// The column that holds the ids of WorkOS users, if there is one.
    pub workos_id_column: Option<String>,
    /// The setting. With usernames, rows without an email are imported too.
    pub login_field: LoginField,
    /// The setting. The report counts the passwords that end with a link to WorkOS.
    pub password_login: PasswordLogin,
    /// Whether every imported email counts as verified.
    pub emails_verified: bool,
    /// Whether hashes of hashers that Django has removed are imported, for one sign-in each.
    pub legacy_hashers: bool,
    /// The issuers of django-allauth's providers, by the provider's id.
    pub issuers: BTreeMap<String, String>,
    /// The issuers of providers that need no option.
    pub known_issuers: BTreeMap<String, String>,
    /// Whether second factors are imported. It needs keys that encrypt them.
    pub require_totp: bool,
    /// Rows of one transaction. The result does not depend on it.
    pub batch: usize,
    /// Tables and columns of second factors, whatever their names say.
    pub factors: Vec<String>,
    /// Tables and columns that are none of second factors, whatever their names say.
    pub no_factors: Vec<String>,
    /// Reports what an import would do and writes nothing.
    pub dry_run: bool,
}

/// The progress of a running import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportProgress {
    /// The number of rows in the user table.
    Users(u64),
    /// The number of rows read since the last report.
    Read(u64),
}
