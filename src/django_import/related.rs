//! The tables of Django's that refer to its user table, and which of them are imported.
//!
//! The rows of each account are read together with the account's own, as JSON arrays, so that they are
//! written in the same transaction. A table counts only if it has a foreign key to the imported table:
//! rows that belong to another user table must not be given to accounts with the same ids.

use std::collections::{BTreeMap, BTreeSet};

use super::device_tables::{column_is_in_use, is_in_use};
use super::error::ImportError;
use super::factor_columns::FactorColumns;
use super::factor_names::{holds_factors, is_called_secret, is_factor_column};
use super::factor_tables::{FactorTable, FactorTables};
use super::options::ImportOptions;
use super::profile_columns::ProfileColumn;
use super::second_factor::AppTable;
use super::user_table::UserTableName;
use crate::db::source::{Column, ForeignDatabase, ForeignKey, quote_identifier};

/// The table of simplejwt that the import of its blacklist reads.
pub(super) const OUTSTANDING: &str = "token_blacklist_outstandingtoken";

/// Expressions that select the rows of one account in other tables.
#[derive(Default)]
pub(super) struct RelatedTables {
    addresses: Option<String>,
    identities: Option<String>,
    groups: Option<String>,
    authenticators: Option<String>,
    totp_devices: Option<String>,
    /// The tables of other factors, and the condition that an account has one.
    other_devices: Vec<(String, String)>,
    /// The tables of authenticator apps, and the condition that an account has one.
    apps: Vec<(String, String)>,
    /// The columns of profiles that may close accounts or hold second factors.
    profile_columns: Vec<ProfileColumn>,
    /// The quoted column to which `user_id` of simplejwt's outstanding tokens refers.
    token_owner: Option<String>,
    /// The tables of factors of which it is not known whose they are.
    ownerless_factors: Vec<String>,
    /// The tables that are not imported, quoted, by name.
    unread: BTreeMap<String, String>,
}

impl RelatedTables {
    /// Finds the tables.
    pub(super) fn find(
        source: &mut ForeignDatabase,
        users: &UserTableName<'_>,
        options: &ImportOptions,
    ) -> Result<Self, ImportError> {
        let keys = source.foreign_keys_to(users.referred());
        let mut found = Self::default();
        let keys = keys.map_err(ImportError::Source)?;
        refuse_unknown_factors(users, &keys, &options.factors)?;
        for key in &keys {
            let is_named = options.factors.iter().any(|name| name == key.plain_table());
            let is_factor = is_named || holds_factors(key.plain_table());
            let is_read = found.add(source, users, (key, is_factor))?;
            if !is_read || (is_factor && !options.require_totp) {
                found.unread.insert(key.table.clone(), source.quoted(key));
            }
        }
        let others = FactorTables::find(source, users, &keys)?;
        for FactorTable { name, exists } in others.found {
            found.other_devices.push((name.plain().to_owned(), exists));
            found.unread.insert(name.name, name.quoted);
        }
        found.ownerless_factors = others.ownerless;
        let own = users
            .factor_columns
            .iter()
            .map(|column| format!("{}.{column}", users.quoted));
        let mut columns: BTreeMap<&str, String> = users
            .factor_columns
            .iter()
            .map(String::as_str)
            .zip(own)
            .collect();
        let base = users
            .base
            .map(|base| FactorColumns::find(&base.contents, &options.factors));
        let base = base.unwrap_or_default().counted;
        let base: Vec<String> = base.iter().map(|column| quote_identifier(column)).collect();
        columns.extend(
            base.iter()
                .map(|column| (column.as_str(), users.value_of(column))),
        );
        for (column, value) in columns {
            let exists = column_is_in_use(source, &value);
            let name = format!("{}.{}", users.plain, column.trim_matches('"'));
            found.other_devices.push((name, exists));
        }
        found.leave_out(users, &options.no_factors)?;
        Ok(found)
    }

    /// Leaves out the tables and columns that the operator has named as none of second factors.
    fn leave_out(
        &mut self,
        users: &UserTableName<'_>,
        no_factors: &[String],
    ) -> Result<(), ImportError> {
        for name in no_factors {
            let column = format!("{}.{name}", users.plain);
            let before = self.other_devices.len();
            self.other_devices
                .retain(|(known, _)| known != name && *known != column);
            if self.other_devices.len() == before {
                let known = self.other_devices.iter().map(|(name, _)| name.as_str());
                let known: Vec<&str> = known.collect();
                return Err(ImportError::Impossible(format!(
                    "--no-factor: {} is none of the tables and columns whose names are those of second factors: {}",
                    name.escape_debug(),
                    known.join(", ").escape_debug()
                )));
            }
        }
        Ok(())
    }

    /// Adds a table that is imported; `false` if it is none.
    fn add(
        &mut self,
        source: &mut ForeignDatabase,
        users: &UserTableName<'_>,
        (key, is_factor): (&ForeignKey, bool),
    ) -> Result<bool, ImportError> {
        let table = source.quoted(key);
        let columns = source.columns(&table).map_err(ImportError::Source)?;
        self.profile_columns
            .extend(ProfileColumn::find(source, key, &columns));
        let has = |names: &[&str]| {
            let known = |name: &&str| columns.iter().any(|column| column.name == **name);
            names.iter().all(known)
        };
        let condition = format!(
            "r.{} = {}",
            quote_identifier(&key.column),
            users.value_of(&quote_identifier(&key.referenced))
        );
        let rows = format!("{table} AS r WHERE {condition}");
        let name = key.plain_table();
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
            }
            "mfa_authenticator" if has(&["type", "data"]) => {
                self.apps.push(in_table(name, &rows));
                self.authenticators = Some(source.rows_as_json(&["r.type", "r.data"], &rows));
            }
            "otp_totp_totpdevice"
                if has(&["id", "confirmed", "key", "step", "t0", "digits", "drift"])
                    && has(&["last_t"]) =>
            {
                let confirmed = is_in_use(source, &columns);
                let columns = [
                    "r.id",
                    "r.confirmed",
                    "r.key",
                    "r.step",
                    "r.t0",
                    "r.digits",
                    "r.drift",
                    "r.last_t",
                ];
                self.apps
                    .push(in_table(name, &format!("{rows}{confirmed}")));
                self.totp_devices = Some(source.rows_as_json(&columns, &rows));
            }
            _ if name == format!("{}_groups", users.plain) && has(&["group_id"]) => {
                let Some(groups) = &users.groups else {
                    return Ok(false);
                };
                let rows = format!(
                    "{table} AS r JOIN {groups} AS g ON g.id = r.group_id WHERE {condition}"
                );
                self.groups = Some(source.rows_as_json(&["g.name"], &rows));
            }
            _ if is_factor => {
                let in_use = is_in_use(source, &columns);
                let rows = format!("{rows}{in_use}");
                self.other_devices.push(in_table(name, &rows));
                return Ok(false);
            }
            _ => {
                self.add_factor_columns(source, key, (&columns, &rows));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds the columns of second factors of another table: of a profile all, of a table with several rows for an
    /// account those with a secret, since a code may be one of an order.
    fn add_factor_columns(
        &mut self,
        source: &ForeignDatabase,
        key: &ForeignKey,
        (columns, rows): (&[Column], &str),
    ) {
        let names = columns.iter().map(|column| column.name.as_str());
        let is_factor =
            |name: &&str| is_factor_column(name) && (key.is_unique || is_called_secret(name));
        for name in names.filter(is_factor) {
            let in_use = column_is_in_use(source, &format!("r.{}", quote_identifier(name)));
            let table = format!("{}.{name}", key.plain_table());
            let device = in_table(&table, &format!("{rows} AND {in_use}"));
            self.other_devices.push(device);
        }
    }

    /// The cells of an account's row that hold its rows in these tables, by name.
    pub(super) fn cells(&self) -> [(Option<String>, &'static str); 6] {
        let other_devices = (!self.other_devices.is_empty()).then(|| {
            let named = self.other_devices.iter().map(|(name, exists)| {
                let name = name.replace('\'', "''");
                format!("CASE WHEN {exists} THEN '{name}\n' ELSE '' END")
            });
            format!("({})", named.collect::<Vec<_>>().join(" || "))
        });
        [
            (self.addresses.clone(), "c_addresses"),
            (self.identities.clone(), "c_identities"),
            (self.groups.clone(), "c_groups"),
            (self.authenticators.clone(), "c_authenticators"),
            (self.totp_devices.clone(), "c_totp_devices"),
            (other_devices, "c_other_devices"),
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

    /// The tables of second factors that are read.
    pub(super) fn factor_tables(&self) -> BTreeSet<String> {
        let is_read = |table: &AppTable| match table {
            AppTable::Authenticators => self.authenticators.is_some(),
            AppTable::TotpDevices => self.totp_devices.is_some(),
        };
        let apps = AppTable::ALL.into_iter().filter(is_read);
        let others = self.other_devices.iter().map(|(name, _)| name.clone());
        apps.map(|table| table.name().to_owned())
            .chain(others)
            .collect()
    }

    /// Whether a table of second factors was found.
    pub(super) fn has_factors(&self) -> bool {
        !self.factor_tables().is_empty()
    }

    /// The tables of second factors of which it is not known whose they are.
    pub(super) fn ownerless_factors(&self) -> &[String] {
        &self.ownerless_factors
    }

    /// The number of accounts that have a second factor, by table or column.
    pub(super) fn count_factors(
        &self,
        source: &mut ForeignDatabase,
        users: &str,
    ) -> Result<BTreeMap<String, u64>, ImportError> {
        let mut counts = BTreeMap::new();
        for (name, exists) in self.apps.iter().chain(&self.other_devices) {
            let accounts = format!("{users} WHERE {exists}");
            let count = source.count(&accounts).map_err(ImportError::Source)?;
            if count > 0 {
                counts.insert(name.clone(), count);
            }
        }
        Ok(counts)
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

/// Refuses a name of `--factor` that is neither a column of the user table nor a table that refers to it.
fn refuse_unknown_factors(
    users: &UserTableName<'_>,
    keys: &[ForeignKey],
    names: &[String],
) -> Result<(), ImportError> {
    let is_column = |name: &String| {
        let of_base = users
            .base
            .is_some_and(|base| base.contents.contains_key(name));
        of_base || users.factor_columns.contains(&quote_identifier(name))
    };
    let is_table = |name: &String| keys.iter().any(|key| key.plain_table() == name);
    match names
        .iter()
        .find(|name| !is_column(name) && !is_table(name))
    {
        None => Ok(()),
        Some(name) => Err(ImportError::Impossible(format!(
            "--factor: {} is neither a column of {} that no other option names, nor a table with a foreign key to it",
            name.escape_debug(),
            users.plain.escape_debug()
        ))),
    }
}

/// A table, and the condition that an account has one of these rows.
fn in_table(name: &str, rows: &str) -> (String, String) {
    (name.to_owned(), format!("EXISTS (SELECT 1 FROM {rows})"))
}
