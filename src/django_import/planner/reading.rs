//! Reads the whole table before the first batch.

use super::ImportPlanner;
use crate::db::{Database, DbError};
use crate::django_import::error::ImportError;
use crate::django_import::item::ItemKind;
use crate::django_import::ledger::ImportRecord;
use crate::django_import::row::{DjangoUser, RawUser};

impl ImportPlanner {
    /// Reads the whole table with `for_each_batch`, unless nothing was imported before and accounts have no items.
    pub(in crate::django_import) fn survey(
        &mut self,
        target: &Database,
        for_each_batch: impl FnOnce(
            &mut dyn FnMut(Vec<RawUser>) -> Result<(), ImportError>,
        ) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let is_first =
            target.read_blocking(|conn| Ok::<_, DbError>(!ImportRecord::has_any(conn)?))?;
        if is_first && !self.items.has_tables() {
            return Ok(());
        }
        for_each_batch(&mut |batch| {
            // In a first import, no account has a value yet that another one may get.
            if !is_first {
                let keys = batch.iter().map(|raw| self.keys.read(raw.c_key.clone()));
                keys.flatten().for_each(|key| self.survey.keys.add(&key));
            }
            let (rows, _) = self.check(batch);
            target.read_blocking(|conn| {
                let existing = self.load(conn, &rows)?;
                if !is_first {
                    self.survey.add(&existing, &rows, &self.source_table);
                }
                let is_verified =
                    |row: &DjangoUser| self.emails_verified || row.email_is_verified();
                self.claims.add(
                    conn,
                    (&existing, &rows),
                    (
                        &self.items.issuers,
                        &self.source_table,
                        self.items.reads(ItemKind::Address),
                    ),
                    is_verified,
                )?;
                Ok::<_, DbError>(())
            })?;
            Ok(())
        })?;
        if !is_first {
            self.survey.complete();
        }
        self.claims.resolve(&self.survey);
        Ok(())
    }
}
