//! The columns of a table that hold second factors, by their names and by what they hold.

use std::collections::BTreeMap;

use super::active::is_secret;
use super::column_content::ColumnContent;
use super::factor_names::{FactorColumn, is_called_secret};

/// The columns of a table that have to do with second factors.
#[derive(Default)]
pub(super) struct FactorColumns {
    /// Those that hold factors, or say that an account has one.
    pub(super) counted: Vec<String>,
    /// Those that may do so, with what they hold.
    pub(super) others: BTreeMap<String, String>,
}

impl FactorColumns {
    /// Finds them. `named`: the columns that an option names as factors.
    pub(super) fn find(contents: &BTreeMap<String, ColumnContent>, named: &[String]) -> Self {
        let mut found = Self::default();
        for (name, content) in contents {
            for (key, rows) in &content.json {
                if FactorColumn::of(key) == Some(FactorColumn::Factor) {
                    let line = format!("{rows} with a value");
                    found.others.insert(format!("{name}.{key}"), line);
                }
            }
            let by_name = FactorColumn::of(name);
            let is_factor = by_name == Some(FactorColumn::Factor)
                || named.contains(name)
                || content.holds_factors(name);
            if is_factor {
                found.counted.push(name.clone());
            } else if content.filled > 0
                && (by_name.is_some() || content.may_hold_factors() || is_called_secret(name))
            {
                let is_secret = is_secret(name) || is_called_secret(name);
                found
                    .others
                    .insert(name.clone(), content.summary(is_secret));
            }
        }
        found
    }

    /// Whether the column is one of them.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.others.contains_key(name) || self.counted.iter().any(|counted| counted == name)
    }

    /// Leaves out a column that is about something else.
    pub(super) fn leave_out(&mut self, name: &str) {
        self.counted.retain(|counted| counted != name);
        self.others.remove(name);
    }
}
