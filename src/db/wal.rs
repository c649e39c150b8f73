//! Recognises a `-wal` file that belongs to another database than the file beside it. SQLite would apply it and
//! so destroy the database, for instance a backup that was copied over a file whose server had been killed.
//!
//! The two are compared by the header of the database, its page 1, where each transaction of this application
//! leaves a [mark](TransactionMark). The file beside a log has the mark before the log's first transaction, or, if
//! SQLite has written a part of the log into it, that of one of them. A log that only has transactions of other
//! programs, which do not count, is compared by the number of pages; [`check`](super::integrity::check) then finds most
//! of what is wrong.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable};

use super::conn::connect_with;
use super::error::DbError;
use super::transaction_mark::TransactionMark;

/// Another process may change the files while they are compared. They are then compared again.
const TRIES: usize = 5;
/// A transaction increments the schema's version once for each statement that changes the schema. Another program may
/// create all its tables in one transaction.
const MOST_CHANGES_OF_ONE_TRANSACTION: i64 = 1_000;
/// The first field, without its last bit, which tells the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Where each page of a table has the number of its rows.
const ROWS: usize = 3;
/// Where page 1 has the version of the schema.
const SCHEMA_VERSION: usize = 40;
/// Where page 1 has what `PRAGMA user_version` and `PRAGMA application_id` return.
const USER_VERSION: usize = 60;
const APPLICATION_ID: usize = 68;

/// What tells one state of a database from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
struct State {
    #[diesel(embed)]
    mark: TransactionMark,
    #[diesel(sql_type = BigInt)]
    schema_version: i64,
}

/// What is compared, of a database without its `-wal` file.
#[derive(Debug, PartialEq, Eq, QueryableByName)]
struct Header {
    #[diesel(embed)]
    state: State,
    #[diesel(sql_type = BigInt)]
    page_count: i64,
    /// The first page of the table `space_probe`.
    #[diesel(sql_type = Nullable<BigInt>)]
    probe_page: Option<i64>,
}

/// What is compared, of the committed transactions in a `-wal` file.
#[derive(Debug, Default)]
struct WalContent {
    page_size: u64,
    /// The state in each copy of page 1.
    states: Vec<State>,
    /// The pages of the first transaction, and the number of rows that each has if it is one of a table.
    first_transaction: Vec<(u32, u32)>,
    /// The number of pages after the first transaction.
    pages: Option<i64>,
}

/// Fails if a `-wal` file beside the database belongs to another one. Changes nothing.
pub(super) fn check(path: &Path) -> Result<(), DbError> {
    let wal = beside(path, "-wal");
    for _ in 0..TRIES {
        let (before, content) = (header(path), WalContent::read(&wal));
        if content.as_ref().is_err_and(was_begun_anew) {
            continue;
        }
        let (Some(before), Ok(content)) = (before, content) else {
            // There is no such file, or SQLite itself refuses one of them.
            return Ok(());
        };
        if content.fits(&before) {
            return Ok(());
        }
        if header(path) == Some(before) {
            let (path, wal) = (path.display(), wal.display());
            return Err(DbError::Damaged(format!(
                "{wal} belongs to another database than {path}, and opening both would destroy {path}; copy both first, because changes that were answered may be in {wal} alone; then put back the file that was beside {wal}, or restore a backup with `vestibule restore FILE`, which keeps both; move {wal} away only if you have put a complete backup into its place"
            )));
        }
    }
    Ok(())
}

/// The number of transactions in the file alone, without its `-wal` file; `None` if that cannot be read.
pub(super) fn transactions_in_file(path: &Path) -> Option<i32> {
    Some(header(path)?.0.state.mark.count)
}

fn was_begun_anew(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}

/// Reads the header through SQLite, and the length of the file in bytes. If this process opened and closed the file
/// itself, SQLite would lose its locks.
fn header(path: &Path) -> Option<(Header, u64)> {
    let file_bytes = path.metadata().ok().filter(|file| file.len() > 0)?.len();
    // SQLite ignores the `-wal` file of a file that it takes for immutable.
    let mut conn = connect_with(path, "immutable=1").ok()?;
    let header = sql_query(
        "SELECT *, (SELECT rootpage FROM sqlite_master WHERE name = 'space_probe') AS probe_page \
         FROM pragma_user_version, pragma_application_id, pragma_schema_version, pragma_page_count",
    );
    Some((header.get_result(&mut conn).ok()?, file_bytes))
}

impl State {
    fn of_page(page: &[u8]) -> Self {
        Self {
            mark: TransactionMark {
                count: number(page, USER_VERSION).cast_signed(),
                link: number(page, APPLICATION_ID).cast_signed(),
            },
            schema_version: number(page, SCHEMA_VERSION).into(),
        }
    }

    /// Whether one transaction may have led from `base` to this state.
    fn may_follow(self, base: Self) -> bool {
        let changes = self.schema_version - base.schema_version;
        self.mark.may_follow(base.mark) && (0..=MOST_CHANGES_OF_ONE_TRANSACTION).contains(&changes)
    }
}

impl WalContent {
    /// Fails with `Interrupted` if SQLite began the file anew meanwhile.
    fn read(wal: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(wal)?);
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        let magic = number(&header, 0);
        if magic & !1 != MAGIC {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        let page_size = number(&header, 8);
        let salts = header[16..24].to_vec();
        let mut sums = Checksum {
            big_endian: magic & 1 == 1,
            ..Checksum::default()
        };
        sums.add(&header[..24]);
        let mut content = Self {
            page_size: page_size.into(),
            ..Self::default()
        };
        if !sums.equal(&header[24..]) || !(512..=65_536).contains(&page_size) {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        let mut frame = vec![0; FRAME_HEADER + page_size as usize];
        let mut uncommitted = Vec::new();
        // The valid frames end where a salt or a checksum is wrong.
        while file.read_exact(&mut frame).is_ok() {
            sums.add(&frame[..8]);
            sums.add(&frame[FRAME_HEADER..]);
            if frame[8..16] != salts || !sums.equal(&frame[16..FRAME_HEADER]) {
                break;
            }
            let (page_number, page) = (number(&frame, 0), &frame[FRAME_HEADER..]);
            if page_number == 1 {
                uncommitted.push(State::of_page(page));
            }
            if content.pages.is_none() {
                let rows = number(page, ROWS) >> 16;
                content.first_transaction.push((page_number, rows));
            }
            // The last frame of a transaction has the number of pages after it.
            let pages = number(&frame, 4);
            if pages > 0 {
                content.pages.get_or_insert(pages.into());
                content.states.append(&mut uncommitted);
            }
        }
        let mut header_now = [0; HEADER];
        File::open(wal)?.read_exact(&mut header_now)?;
        if header_now != header {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        Ok(content)
    }

    /// Whether this can be the log of the database with this header. A part of the log may have been written
    /// into the database already.
    fn fits(&self, (header, file_bytes): &(Header, u64)) -> bool {
        match self.states.first() {
            Some(first) => {
                self.states.contains(&header.state)
                    || first.may_follow(header.state)
                    || self.begins_with_double_mark(*first, header)
            }
            None => self.pages.is_none_or(|pages| {
                pages == header.page_count || pages as u64 * self.page_size == *file_bytes
            }),
        }
    }

    /// Whether the first transaction is a probe for space of an earlier version, which marked it twice, and follows the
    /// database with this header. No other transaction leaves one row in the table `space_probe`.
    fn begins_with_double_mark(&self, first: State, header: &Header) -> bool {
        let one_row = header.probe_page.map(|page| (page, 1));
        let mut pages = self.first_transaction.iter();
        first.schema_version == header.state.schema_version
            && first.mark.may_follow_twice(header.state.mark)
            && pages.any(|&(page, rows)| one_row == Some((page.into(), rows)))
    }
}

/// SQLite's checksum of a `-wal` file, over pairs of 32-bit numbers.
#[derive(Default)]
struct Checksum {
    big_endian: bool,
    first: u32,
    second: u32,
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let read = |four: &[u8]| {
            let value = number(four, 0);
            if self.big_endian {
                value
            } else {
                value.swap_bytes()
            }
        };
        let (mut first, mut second) = (self.first, self.second);
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(read(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(read(&pair[4..])).wrapping_add(first);
        }
        (self.first, self.second) = (first, second);
    }

    fn equal(&self, stored: &[u8]) -> bool {
        number(stored, 0) == self.first && number(stored, 4) == self.second
    }
}

/// The big-endian number at this offset.
fn number(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(four)
}

/// The path with this text after it, such as `-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
