//! What the report says about columns and tables of the source.

use std::collections::BTreeMap;
use std::fmt;

/// Columns and tables that decide, or may decide, who signs in.
#[derive(Clone, Debug, Default)]
pub struct SourceNotes {
    /// For each column with words that close accounts, its values with their rows.
    pub closing_values: Vec<String>,
    /// Columns with few values, or with times of some rows, that no option names, with what they hold.
    pub unread_columns: Vec<String>,
    /// Columns and tables whose names or values have to do with second factors, and that are not counted as such.
    pub beside_factors: Vec<String>,
    /// Columns of profiles and child models that may close accounts.
    pub profile_columns: Vec<String>,
    /// The tables of second factors of which it is not known whose they are.
    pub ownerless_factors: Vec<String>,
    /// Tables and groups that may close accounts, and are not read.
    pub closing_tables: Vec<String>,
    /// The accounts with a second factor, by table or column.
    pub factors: BTreeMap<String, u64>,
    /// What to know if a dump has another user model.
    pub other_users: Option<String>,
    /// What to know if most rows lack an email.
    pub without_emails: Option<String>,
    /// What to know if rows may be missing.
    pub missing_rows: Option<String>,
}

impl fmt::Display for SourceNotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, lines) in [
            (
                "Values of columns that close accounts",
                &self.closing_values,
            ),
            (
                "Columns that close nothing here; if one says who may sign in, name it with --closed-column or \
                 --active-column",
                &self.unread_columns,
            ),
            (
                "Columns and tables beside second factors, which are not counted as such; if one says who has a second \
                 factor, name it with --factor",
                &self.beside_factors,
            ),
            (
                "Columns of other tables that may close accounts, and are not read; if they close accounts, import a \
                 view that has them",
                &self.profile_columns,
            ),
            (
                "Tables of second factors of which it is not known whose they are; if they are these accounts', a \
                 password alone lets them in",
                &self.ownerless_factors,
            ),
            (
                "Tables, with their rows, and groups that may close accounts, and are not read; if one closes accounts, \
                 import a view that says so in a column",
                &self.closing_tables,
            ),
        ] {
            if !lines.is_empty() {
                write!(f, "\n{heading}:\n    {}", lines.join("\n    "))?;
            }
        }
        if !self.factors.is_empty() {
            f.write_str("\nAccounts with a second factor in Django, by table or column:")?;
        }
        for (name, count) in &self.factors {
            write!(f, "\n    {count:>8} {}", name.escape_debug())?;
        }
        if let Some(remark) = &self.other_users {
            write!(f, "\nUsers of another model: {remark}")?;
        }
        if let Some(remark) = &self.without_emails {
            write!(f, "\nEmails: {remark}")?;
        }
        if let Some(remark) = &self.missing_rows {
            write!(f, "\nMissing rows: {remark}")?;
        }
        Ok(())
    }
}
