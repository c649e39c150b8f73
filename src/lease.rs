//! Database leases. A column holds the end of a lease, which lets one process at a time work on a row
//! without a transaction that stays open meanwhile. A lease is identified by its end.

/// The condition that nobody holds the lease in a column: it was never taken, was released or has
/// expired; or it ends so long after `until`, when a lease that is taken now ends, that it was taken while a clock
/// was ahead.
macro_rules! lease_is_free {
    ($column:expr, $now:expr, $until:expr) => {
        $column
            .is_null()
            .or($column.le($now))
            .or($column.gt($until.plus($crate::clock::CLOCK_TOLERANCE)))
    };
}

pub(crate) use lease_is_free;
