//! Database leases. A column holds the end of a lease, which lets one process at a time work on a row
//! without a transaction that stays open meanwhile. A lease is identified by its end.

/// The condition that nobody holds the lease in a column: it was never taken, was released or has
/// expired.
macro_rules! lease_is_free {
    ($column:expr, $now:expr) => {
        $column.is_null().or($column.le($now))
    };
}

pub(crate) use lease_is_free;
