//! Database leases: a column that holds the end of a lease lets one process at a time work on a row,
//! without a transaction that stays open meanwhile. A lease is identified by its end.

use diesel::dsl::{IsNull, LtEq, Or};
use diesel::expression::Expression;
use diesel::sql_types;
use diesel::{BoolExpressionMethods, ExpressionMethods};

use crate::clock::Timestamp;

/// The condition [`is_free`].
pub type IsFree<C> = Or<IsNull<C>, LtEq<C, Timestamp>>;

/// The condition that nobody holds the lease in `column`: it was never taken, was released or has
/// expired.
pub fn is_free<C>(column: C, now: Timestamp) -> IsFree<C>
where
    C: Expression<SqlType = sql_types::Nullable<sql_types::Timestamp>> + Copy,
{
    column.is_null().or(column.le(now))
}
