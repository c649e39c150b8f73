//! Rows of a dump that belong to users of another model than the imported one. A dump declares no foreign keys, so only its
//! user models tell.

use super::{DumpTables, failed};
use crate::db::source::quote_identifier;
use crate::django_import::dump::models::AUTH_USER;

impl DumpTables {
    /// Leaves out the rows that belong to users of another model. The fields `user` of Django's applications refer to
    /// the one that `AUTH_USER_MODEL` names; that is `auth.User` if the dump has it. Returns what the report says of
    /// them, or why it is not known whose they are.
    pub(in crate::django_import::dump) fn leave_out_other_users(
        &mut self,
    ) -> Result<Option<String>, String> {
        let others = self.user_models.iter();
        let others = others.filter(|table| **table != self.user_table);
        let others: Vec<&str> = others.map(String::as_str).collect();
        let own = self.tables.values();
        let own = own.filter(|table| table.name != self.user_table && table.has_user_field());
        let own: Vec<String> = own.map(|table| table.name.clone()).collect();
        // An error names the models with passwords later.
        let is_missing = !self.has_table(&self.user_table);
        if is_missing || others.is_empty() || own.is_empty() || self.user_table == AUTH_USER {
            return Ok(None);
        }
        let (tables, user_table) = (own.join(", "), &self.user_table);
        if !others.contains(&AUTH_USER) {
            return Err(format!(
                "the dump has several user models, {user_table} and {others}: to which do the fields `user` of {tables} \
                 refer? If to {user_table}, which AUTH_USER_MODEL then names, make the dump without the other \
                 (--exclude); if not, make it without these tables",
                others = others.join(", "),
            ));
        }
        let remark = format!(
            "the dump has {AUTH_USER} too, to which the fields `user` refer: what these tables have is not imported for \
             {user_table}: {tables}"
        );
        for table in own {
            let table = quote_identifier(&table);
            let statement = format!("UPDATE {table} SET user_id = NULL");
            self.scratch.run(&statement).map_err(failed)?;
        }
        Ok(Some(remark))
    }
}
