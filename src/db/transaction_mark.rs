//! What tells one state of SQLite's file from the others: each transaction of this application changes two numbers in
//! the header of the file.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as QueryError;
use diesel::sql_types::Integer;

use crate::random::random_bytes;

/// The numbers of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub(super) struct TransactionMark {
    /// The number of transactions so far; it may wrap around.
    #[diesel(sql_type = Integer, column_name = "user_version")]
    pub(super) count: i32,
    /// The upper half is the lower half of the transaction before, and the lower half is random. So two copies of
    /// a file differ after the first transaction in each, although they have the same count. It is 0 in files of
    /// earlier versions, which do not change it.
    #[diesel(sql_type = Integer, column_name = "application_id")]
    pub(super) link: i32,
}

impl TransactionMark {
    /// Marks a transaction, before it is committed. Called once in a transaction.
    pub(super) fn write(conn: &mut SqliteConnection) -> QueryResult<()> {
        let Self { count, link } = Self::read(conn)?.next()?;
        conn.batch_execute(&format!(
            "PRAGMA user_version = {count}; PRAGMA application_id = {link}"
        ))
    }

    /// Writes the page with the mark, and leaves the mark as it is.
    pub(super) fn write_again(conn: &mut SqliteConnection) -> QueryResult<()> {
        let Self { count, .. } = Self::read(conn)?;
        conn.batch_execute(&format!("PRAGMA user_version = {count}"))
    }

    fn read(conn: &mut SqliteConnection) -> QueryResult<Self> {
        let mark =
            "SELECT user_version, application_id FROM pragma_user_version, pragma_application_id";
        diesel::sql_query(mark).get_result(conn)
    }

    fn next(self) -> QueryResult<Self> {
        let random = random_bytes::<2>();
        let random = random.map_err(|error| QueryError::SerializationError(error.into()))?;
        // The bit keeps the number apart from those of known file formats.
        let random = u16::from_be_bytes(random) | 0x8000;
        Ok(Self {
            count: self.count.wrapping_add(1),
            link: (self.link << 16) | i32::from(random),
        })
    }

    /// Whether one transaction may have led from `base` to this mark. Another program's changes neither number, and
    /// that of an earlier version only the count.
    pub(super) fn may_follow(self, base: Self) -> bool {
        let [link, before] = [self.link, base.link].map(i32::cast_unsigned);
        match self.count.wrapping_sub(base.count) {
            0 => link == before,
            1 => link == before || link >> 16 == before & 0xffff,
            _ => false,
        }
    }

    /// Whether one transaction with two marks may have led from `base` to this one. The number that connects the first
    /// of them to `base` is not left.
    pub(super) fn may_follow_twice(self, base: Self) -> bool {
        const RANDOM_BITS: u32 = 0x8000_8000;
        self.count.wrapping_sub(base.count) == 2
            && self.link.cast_unsigned() & RANDOM_BITS == RANDOM_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_follows_its_own_predecessor_only() {
        let common = TransactionMark { count: 7, link: 0 };
        let with_lower_half = |random: i32| TransactionMark {
            count: 8,
            link: random,
        };
        let (one, other) = (with_lower_half(0x8001), with_lower_half(0x8002));
        let next = one.next().unwrap();
        assert!(one.may_follow(common) && other.may_follow(common) && next.may_follow(one));
        assert!(!next.may_follow(other) && !one.may_follow(other) && !next.may_follow(common));
        assert!(next.next().unwrap().link < 0, "no number of a known format");
    }

    #[test]
    fn transactions_of_earlier_versions_and_of_other_programs_follow() {
        let base = TransactionMark {
            count: i32::MAX,
            link: -7,
        };
        let earlier = TransactionMark {
            count: i32::MIN,
            ..base
        };
        assert!(base.may_follow(base) && earlier.may_follow(base));
        assert!(earlier.next().unwrap().may_follow(earlier));
        assert!(!base.may_follow(earlier));
    }
}
