//! Stores a [`Timestamp`] as `TIMESTAMP` in both databases, always in UTC.

use chrono::NaiveDateTime;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types;

use crate::clock::Timestamp;

impl<DB: Backend> ToSql<sql_types::Timestamp, DB> for Timestamp
where
    NaiveDateTime: ToSql<sql_types::Timestamp, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.naive().to_sql(out)
    }
}

impl<DB: Backend> FromSql<sql_types::Timestamp, DB> for Timestamp
where
    NaiveDateTime: FromSql<sql_types::Timestamp, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        NaiveDateTime::from_sql(value).map(Self::from_naive)
    }
}
