//! Imports the users of a Django project: the command `import-django`.
//!
//! [`import`] reads one snapshot of Django's database in key order and writes it here in batches,
//! one transaction each. It needs the memory of one batch only, can be interrupted at any time, and
//! a second run completes the first. The table `django_imports` records what was imported of each
//! row: a value that differs from its record was changed here, and is not overwritten.

mod active;
mod ambiguous_names;
mod blacklist;
mod closing_tables;
mod column_content;
mod column_patterns;
mod columns;
mod decode;
mod device_tables;
mod dump;
mod error;
mod existing;
mod factor_columns;
mod factor_import;
mod factor_names;
mod factor_options;
mod factor_source;
mod factor_sources;
mod factor_table_names;
mod factor_tables;
mod flag_options;
mod issuers;
mod item;
mod item_claims;
mod item_conflicts;
mod items;
mod key;
mod ledger;
mod merge;
mod moves;
mod new_items;
mod options;
mod pass;
mod password;
mod plan;
mod planned_update;
mod planner;
mod profile_columns;
#[cfg(test)]
mod recognition;
mod references;
mod refusal;
mod related;
mod related_row;
mod renamed;
mod report;
mod row;
mod run;
mod same_person;
mod second_factor;
mod source;
mod source_keys;
mod source_notes;
mod survey;
mod time;
mod transaction;
mod user_table;
mod usernames;
mod values;
mod view;
mod wanted;
mod withheld;
mod words;

pub use error::ImportError;
pub use options::{ImportOptions, ImportProgress, ImportSource};
pub use report::{CountLabel, ImportReport, ImportTally, RefusalReason, RefusedRow};
pub use run::import;
pub use source_notes::SourceNotes;

#[cfg(fuzzing)]
pub(crate) use row::check_cells;
