//! Dumps of Django's `manage.py dumpdata`, for the databases that cannot be read directly.
//!
//! The objects are copied one by one into a temporary database with Django's tables, which the import then
//! reads. So a dump may be of any size, and one with an error imports nothing.

mod models;
mod objects;
mod tables;

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::error::ImportError;
use crate::db::source::ForeignDatabase;
pub(super) use models::table_name;
use objects::{DumpObject, ObjectReader};
use tables::DumpTables;

/// The first bytes of a file that gzip has compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Large enough that reading costs little.
const BUFFER: usize = 256 * 1024;

/// Reads the objects that the import needs into a temporary database. `table`: Django's user table. Also returns what the
/// report says of users of another model.
pub(super) fn load(
    path: &Path,
    table: &str,
) -> Result<(ForeignDatabase, Option<String>), ImportError> {
    let problem =
        |text: String| ImportError::Impossible(format!("--from: {}: {text}", path.display()));
    let file = File::open(path).map_err(|error| problem(error.to_string()))?;
    let mut tables = DumpTables::create(table).map_err(ImportError::Source)?;
    let read = read(file, &mut tables).and_then(|()| tables.leave_out_other_users());
    let remark = read.map_err(problem)?;
    let source = tables.into_source().map_err(ImportError::Source)?;
    Ok((source, remark))
}

/// Reads a dump, compressed or not.
fn read(file: impl Read, tables: &mut DumpTables) -> Result<(), String> {
    let mut file = BufReader::with_capacity(BUFFER, file);
    let start = file.fill_buf().map_err(|error| error.to_string())?;
    match start.starts_with(&GZIP) {
        true => read_objects(
            BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file)),
            tables,
        ),
        false => read_objects(file, tables),
    }
}

fn read_objects(text: impl BufRead, tables: &mut DumpTables) -> Result<(), String> {
    let tables = RefCell::new(tables);
    let is_wanted = |model: &str| !tables.borrow().skips(model);
    let mut take = |object: DumpObject| tables.borrow_mut().insert(object);
    ObjectReader::new(&is_wanted, &mut take).read(text)
}

#[cfg(test)]
mod tests;
