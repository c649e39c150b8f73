//! Django's tables, made of the objects of a dump. A dump names models and fields; tables and columns have
//! Django's default names here.

mod other_users;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::models::{LISTS, UserList, foreign_key, is_user_model, is_wanted, table_name};
use super::objects::DumpObject;
use crate::db::DbError;
use crate::db::source::{
    ForeignDatabase, ScratchColumn, ScratchDatabase, ScratchValue, quote_identifier,
};
use crate::django_import::active::{may_close_accounts, says_closed_of_table};
use crate::django_import::factor_names::is_factor_column;

/// More models with an email and a password are not named in an error.
const MOST_CANDIDATES: usize = 20;

/// The tables made so far.
pub(super) struct DumpTables {
    scratch: ScratchDatabase,
    user_table: String,
    tables: BTreeMap<String, DumpTable>,
    /// Other models with an email and a password: one of them may be the user model.
    candidates: BTreeSet<String>,
    /// The tables of models with a password and a last sign-in, as each user model of Django's has them.
    user_models: BTreeSet<String>,
    /// The models whose objects are not copied.
    skipped: BTreeSet<String>,
    /// The number of rows in the tables of lists.
    links: i64,
}

/// One table: the names of its fields, in the order of its columns after the key.
struct DumpTable {
    name: String,
    fields: Vec<String>,
}

impl DumpTables {
    pub(super) fn create(user_table: &str) -> Result<Self, DbError> {
        Ok(Self {
            scratch: ScratchDatabase::create()?,
            user_table: user_table.to_owned(),
            tables: BTreeMap::new(),
            candidates: BTreeSet::new(),
            user_models: BTreeSet::new(),
            skipped: BTreeSet::new(),
            links: 0,
        })
    }

    /// Whether the objects of a model are known not to be wanted.
    pub(super) fn skips(&self, model: &str) -> bool {
        self.skipped.contains(model)
    }

    /// Adds an object. The error says what is wrong with it.
    pub(super) fn insert(&mut self, object: DumpObject) -> Result<(), String> {
        let DumpObject {
            model,
            key,
            mut fields,
        } = object;
        if self.skips(&model) {
            return Ok(());
        }
        if !self.tables.contains_key(&model) && is_user_model(&model, &fields) {
            self.user_models.insert(table_name(&model));
        }
        if !is_wanted(&model, &self.user_table) && !self.is_of_interest(&model, &fields) {
            let is_candidate = fields.contains_key("password") && fields.contains_key("email");
            if is_candidate && self.candidates.len() < MOST_CANDIDATES {
                self.candidates.insert(table_name(&model));
            }
            self.skipped.insert(model);
            return Ok(());
        }
        let is_user = table_name(&model) == self.user_table;
        if is_user && key.is_null() {
            return Err(format!(
                "a {model} has no `pk`, without which the import would lose the ids of the accounts: make the dump \
                 without --natural-primary"
            ));
        }
        let mut lists = Vec::new();
        if is_user {
            lists.extend(LISTS.iter().map(|list| (list, fields.remove(list.field))));
        }
        if !self.tables.contains_key(&model) {
            self.create_table(&model, &fields, is_user)?;
        }
        if let Some(table) = self.tables.get(&model) {
            let row = table.row(&model, &key, fields)?;
            if !self.scratch.insert(&table.name, row).map_err(failed)? {
                return Err(format!(
                    "a second {model} has the key {key}: import one database at a time"
                ));
            }
        }
        for (list, members) in lists {
            self.insert_list(list, &key, members)?;
        }
        Ok(())
    }

    fn create_table(
        &mut self,
        model: &str,
        fields: &Map<String, Value>,
        is_user: bool,
    ) -> Result<(), String> {
        let name = table_name(model);
        let fields: Vec<String> = fields.keys().cloned().collect();
        let is_name = |field: &&String| {
            !field.is_empty() && field.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        if let Some(field) = fields.iter().find(|field| !is_name(field)) {
            return Err(format!("{field:?} is no name of a field"));
        }
        // Django leaves the key out of the fields. If it is not called `id`, another field may be.
        let has_id = fields.iter().any(|field| field == "id");
        let mut columns = vec![plain_column(if has_id { "pk" } else { "id" })];
        columns.extend(
            fields
                .iter()
                .map(|field| self.column(model, field, is_user)),
        );
        self.scratch.create_table(&name, &columns).map_err(failed)?;
        if is_user {
            self.create_list_tables(model).map_err(failed)?;
        }
        self.tables
            .insert(model.to_owned(), DumpTable { name, fields });
        Ok(())
    }

    fn column(&self, model: &str, field: &str, is_user: bool) -> ScratchColumn {
        let references = match foreign_key(model, field) {
            Some(table) => Some(table),
            None if !is_user && self.names_users(field) => Some(self.user_table.clone()),
            None => None,
        };
        let suffix = if references.is_some() { "_id" } else { "" };
        ScratchColumn {
            name: format!("{field}{suffix}"),
            references,
        }
    }

    /// Whether the objects of one of the project's own models may say who has a second factor, or is closed: it refers
    /// to users, and its name or one of its fields speaks of that.
    fn is_of_interest(&self, model: &str, fields: &Map<String, Value>) -> bool {
        let speaks = |field: &String| may_close_accounts(field) || is_factor_column(field);
        fields.keys().any(|field| self.names_users(field))
            && (says_closed_of_table(&table_name(model)) || fields.keys().any(speaks))
    }

    /// Gives the tables of the project's own models that have one row for each user at most a unique index, as a
    /// profile has: a dump does not say which fields are one-to-one.
    fn mark_profiles(&mut self) -> Result<(), DbError> {
        let own = self.tables.iter();
        let own = own.filter(|(model, _)| !is_wanted(model, &self.user_table));
        let columns = own.flat_map(|(_, table)| {
            let fields = table.fields.iter().filter(|field| self.names_users(field));
            fields.map(|field| (table.name.clone(), format!("{field}_id")))
        });
        for (table, column) in columns.collect::<Vec<_>>() {
            self.scratch.index_if_unique(&table, &column)?;
        }
        Ok(())
    }

    /// Whether a field of another model is called like one that refers to the users.
    fn names_users(&self, field: &str) -> bool {
        field == "user" || self.user_table.rsplit('_').next() == Some(field)
    }

    /// The tables of the user's lists, such as `auth_user_groups` with the columns `user_id` and `group_id`.
    fn create_list_tables(&mut self, model: &str) -> Result<(), DbError> {
        let user = model.rsplit('.').next().unwrap_or(model);
        for list in &LISTS {
            let columns = [
                plain_column("id"),
                ScratchColumn {
                    name: format!("{user}_id"),
                    references: Some(self.user_table.clone()),
                },
                ScratchColumn {
                    name: list.column.to_owned(),
                    references: Some(list.target.to_owned()),
                },
            ];
            let name = list.table(&self.user_table);
            self.scratch.create_table(&name, &columns)?;
        }
        Ok(())
    }

    fn insert_list(
        &mut self,
        list: &UserList,
        key: &Value,
        members: Option<Value>,
    ) -> Result<(), String> {
        let Some(Value::Array(members)) = members else {
            return Ok(());
        };
        let table = list.table(&self.user_table);
        for member in &members {
            self.links += 1;
            let row = vec![ScratchValue::Integer(self.links), cell(key), cell(member)];
            self.scratch.insert(&table, row).map_err(failed)?;
        }
        Ok(())
    }

    fn has_table(&self, name: &str) -> bool {
        self.tables.values().any(|table| table.name == name)
    }

    /// Replaces the names of groups by their keys. With --natural-foreign, a dump has names.
    fn resolve_names_of_groups(&mut self) -> Result<(), DbError> {
        if !self.has_table(&self.user_table) || !self.has_table("auth_group") {
            return Ok(());
        }
        let table = quote_identifier(&format!("{}_groups", self.user_table));
        self.scratch.run(&format!(
            "UPDATE {table} SET group_id = (SELECT id FROM auth_group WHERE name = json_extract(group_id, '$[0]')) \
             WHERE typeof(group_id) = 'text' AND group_id LIKE '[\"%'"
        ))
    }

    /// The tables for reading. If the user table is missing, the other models that may be it are among them,
    /// so that the error names them.
    pub(super) fn into_source(mut self) -> Result<ForeignDatabase, DbError> {
        self.resolve_names_of_groups()?;
        self.mark_profiles()?;
        if !self.has_table(&self.user_table) {
            for candidate in &self.candidates {
                let columns = ["id", "password", "email"].map(plain_column);
                self.scratch.create_table(candidate, &columns)?;
            }
        }
        self.scratch.into_source()
    }
}

impl DumpTable {
    fn has_user_field(&self) -> bool {
        self.fields.iter().any(|field| field == "user")
    }

    /// The values of an object in the order of the columns. Every object of a dump has the same fields.
    fn row(
        &self,
        model: &str,
        key: &Value,
        mut fields: Map<String, Value>,
    ) -> Result<Vec<ScratchValue>, String> {
        let mut row = vec![cell(key)];
        for field in &self.fields {
            let value = fields.remove(field);
            let value = value
                .ok_or_else(|| format!("the {model} {key} has no {field:?}, which others have"))?;
            if field == "user" && value.is_array() {
                return Err(format!(
                    "the {model} {key} names its user by {value}: make the dump without --natural-foreign"
                ));
            }
            row.push(cell(&value));
        }
        match fields.keys().next() {
            Some(field) => Err(format!(
                "the {model} {key} has {field:?}, which others do not have"
            )),
            None => Ok(row),
        }
    }
}

fn plain_column(name: &str) -> ScratchColumn {
    ScratchColumn {
        name: name.to_owned(),
        references: None,
    }
}

/// A value as Django's databases have it; lists and objects as JSON.
fn cell(value: &Value) -> ScratchValue {
    match value {
        Value::Null => ScratchValue::Null,
        Value::Bool(value) => ScratchValue::Integer(i64::from(*value)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => ScratchValue::Integer(number),
            (None, Some(number)) => ScratchValue::Real(number),
            (None, None) => ScratchValue::Null,
        },
        Value::String(text) => ScratchValue::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => ScratchValue::Text(value.to_string()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: DbError) -> String {
    format!("the temporary database: {error}")
}
