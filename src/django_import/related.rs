//! The tables of Django's that refer to its user table, and which of them are imported.
//!
//! The rows of each account are read together with the account's own, as JSON arrays, so that they are
//! written in the same transaction. A table counts only if it has a foreign key to the imported table:
//! rows that belong to another user table must not be given to accounts with the same ids.

use std::collections::BTreeMap;

use super::error::ImportError;
use super::factor_sources::{FactorSources, ReferringTable};
use super::factor_table_names::FactorTableName;
use super::options::ImportOptions;
use super::profile_columns::ProfileColumn;
use super::user_table::UserTableName;
use crate::clock::Timestamp;
use crate::db::source::{Column, ForeignDatabase, ForeignKey, quote_identifier};

/// The table of simplejwt that the import of its blacklist reads.
pub(super) const OUTSTANDING: &str = "token_blacklist_outstandingtoken";

/// Expressions that select the rows of one account in other tables.
#[derive(Default)]
pub(super) struct RelatedTables {
    addresses: Option<String>,
    identities: Option<String>,
    /// The quoted table of the identities.
    identity_table: Option<String>,
    groups: Option<String>,
    /// The second factors of accounts.
    factors: FactorSources,
    /// The columns of profiles that may close accounts.
    profile_columns: Vec<ProfileColumn>,
    /// The quoted column to which `user_id` of simplejwt's outstanding tokens refers.
    token_owner: Option<String>,
    /// The tables that are not imported, quoted, by name.
    unread: BTreeMap<String, String>,
}

impl RelatedTables {
    /// Finds the tables.
    pub(super) fn find(
        source: &mut ForeignDatabase,
        users: &UserTableName<'_>,
        (options, now): (&ImportOptions, Timestamp),
    ) -> Result<Self, ImportError> {
        let keys = source.foreign_keys_to(users.referred());
        let mut found = Self::default();
        let keys = keys.map_err(ImportError::Source)?;
        for key in &keys {
            let (name, quoted) = (key.plain_table(), source.quoted(key));
            let columns = source.columns(&quoted).map_err(ImportError::Source)?;
            let by_name = FactorTableName::of(name, users.plain);
            let is_factor = options.factors.iter().any(|named| named == name)
                || by_name.is_some_and(|by_name| by_name.holds_factors(&columns));
            let referenced = users.value_of(&quote_identifier(&key.referenced));
            let condition = format!("r.{} = {referenced}", quote_identifier(&key.column));
            let table = ReferringTable {
                key,
                columns: &columns,
                rows: &format!("{quoted} AS r WHERE {condition}"),
            };
            let is_app = found.factors.add_apps(source, &table);
            let is_read = is_app || found.add(source, users, (key, &columns), &condition);
            if !is_read || (is_factor && !options.require_totp) {
                found.unread.insert(key.table.clone(), quoted.clone());
            }
            if is_read {
                continue;
            }
            if is_factor {
                found.factors.add_table(source, &table);
                continue;
            }
            found
                .profile_columns
                .extend(ProfileColumn::find(source, key, &columns));
            found.factors.add_columns(source, &table, (options, now))?;
            if by_name.is_some() {
                found.factors.name_beside(source, (name, &quoted))?;
            }
        }
        for table in found.factors.add_indirect_tables(source, users, &keys)? {
            found.unread.insert(table.name, table.quoted);
        }
        found.factors.beside.sort();
        found.factors.beside.dedup();
        found.factors.add_own_columns(source, users, options);
        found.factors.apply_options(users, &keys, options);
        Ok(found)
    }

    /// Adds a table that is imported; `false` if it is none.
    fn add(
        &mut self,
        source: &ForeignDatabase,
        users: &UserTableName<'_>,
        (key, columns): (&ForeignKey, &[Column]),
        condition: &str,
    ) -> bool {
        let has = |names: &[&str]| {
            let known = |name: &&str| columns.iter().any(|column| column.name == **name);
            names.iter().all(known)
        };
        let (name, table) = (key.plain_table(), source.quoted(key));
        let rows = format!("{table} AS r WHERE {condition}");
        match name {
            OUTSTANDING if key.column == "user_id" => {
                let referenced = quote_identifier(&key.referenced);
                self.token_owner = match users.base {
                    None => Some(referenced),
                    Some(base) => (base.key == referenced).then(|| users.key.to_owned()),
                };
            }
            OUTSTANDING => {}
            "account_emailaddress" if has(&["email", "verified"]) => {
                self.addresses = Some(source.rows_as_json(&["r.email", "r.verified"], &rows));
            }
            "socialaccount_socialaccount" if has(&["provider", "uid", "extra_data"]) => {
                let columns = ["r.provider", "r.uid", "r.extra_data"];
                self.identities = Some(source.rows_as_json(&columns, &rows));
                self.identity_table = Some(table);
            }
            _ if name == format!("{}_groups", users.plain) && has(&["group_id"]) => {
                let Some(groups) = &users.groups else {
                    return false;
                };
                let rows = format!(
                    "{table} AS r JOIN {groups} AS g ON g.id = r.group_id WHERE {condition}"
                );
                self.groups = Some(source.rows_as_json(&["g.name"], &rows));
            }
            _ => return false,
        }
        true
    }

    /// The cells of an account's row that hold its rows in these tables, by name.
    pub(super) fn cells(&self) -> [(Option<String>, &'static str); 6] {
        let factors = &self.factors;
        [
            (self.addresses.clone(), "c_addresses"),
            (self.identities.clone(), "c_identities"),
            (self.groups.clone(), "c_groups"),
            (factors.authenticators.clone(), "c_authenticators"),
            (factors.totp_devices.clone(), "c_totp_devices"),
            (factors.others_of_account(), "c_other_devices"),
        ]
    }

    /// The quoted column of the user table to which `user_id` of simplejwt's outstanding tokens refers; `None`
    /// if the table does not say.
    pub(super) fn token_owner(&self) -> Option<&str> {
        self.token_owner.as_deref()
    }

    /// Whether the addresses, identities and groups of accounts are read.
    pub(super) fn reads(&self) -> [bool; 3] {
        [&self.addresses, &self.identities, &self.groups].map(Option::is_some)
    }

    /// Whether there are identities at a provider.
    pub(super) fn has_identities_at(
        &self,
        source: &mut ForeignDatabase,
        provider: &str,
    ) -> Result<bool, ImportError> {
        let Some(table) = &self.identity_table else {
            return Ok(false);
        };
        let provider = provider.replace('\'', "''");
        let rows = source.count(&format!("{table} WHERE provider = '{provider}'"));
        Ok(rows.map_err(ImportError::Source)? > 0)
    }

    /// The second factors of accounts.
    pub(super) fn factors(&self) -> &FactorSources {
        &self.factors
    }

    /// Lines of the report about the columns of profiles that may close accounts.
    pub(super) fn profile_lines(
        &self,
        source: &mut ForeignDatabase,
    ) -> Result<Vec<String>, ImportError> {
        let columns = self.profile_columns.iter();
        let lines: Result<Vec<_>, _> = columns.map(|column| column.line(source)).collect();
        Ok(lines?.into_iter().flatten().collect())
    }

    /// The tables that are not imported and have rows, with the number of their rows.
    pub(super) fn count_unread(
        &self,
        source: &mut ForeignDatabase,
    ) -> Result<BTreeMap<String, u64>, ImportError> {
        let mut counts = BTreeMap::new();
        for (name, quoted) in &self.unread {
            let count = source.count(quoted).map_err(ImportError::Source)?;
            if count > 0 {
                counts.insert(name.clone(), count);
            }
        }
        Ok(counts)
    }
}
