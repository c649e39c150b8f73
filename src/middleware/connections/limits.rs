//! How many connections this process can keep open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// The most connections, whatever the limit on descriptors is. An idle one takes about
/// 17 KB, one with an unfinished request of less than 16 KiB up to about 35 KB (measured).
const MOST_CONNECTIONS: usize = 20_000;
/// 32 MiB: several hundred requests of the largest size at once. They take about 60 MB (measured).
const MOST_RECEIVED: usize = 32 * 1024 * 1024;
/// With fewer connections than this no browser could use the site.
const FEWEST_CONNECTIONS: usize = 8;
/// A quarter of the descriptors, but at least and at most this many, is for the database, for requests
/// to other servers and for the log.
const RESERVED_DESCRIPTORS: std::ops::RangeInclusive<usize> = 64..=4_096;

/// The most open connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In total.
    pub total: usize,
    /// From one network: one IPv4 address, or one IPv6 /48.
    pub per_network: usize,
    /// The connections that the listener accepts before it waits. It is higher than `total`, so that
    /// there are descriptors for connections that have to be refused.
    pub accepted: usize,
    /// The bytes of requests that have arrived and are not answered, beyond the first 16 KiB of each
    /// connection.
    pub received: usize,
}

impl ConnectionLimits {
    /// The limits of this process, by its limit on open descriptors.
    pub fn of_this_process() -> Self {
        let descriptors = getrlimit(Resource::Nofile).current;
        Self::for_descriptors(descriptors.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        }))
    }

    /// The limits of a process that can open this many descriptors.
    fn for_descriptors(descriptors: usize) -> Self {
        let (least, most) = RESERVED_DESCRIPTORS.into_inner();
        let usable = descriptors.saturating_sub((descriptors / 4).clamp(least, most));
        let total = (usable - usable / 16).clamp(FEWEST_CONNECTIONS, MOST_CONNECTIONS);
        Self {
            total,
            per_network: (total / 4).max(FEWEST_CONNECTIONS),
            accepted: total + (total / 16).max(FEWEST_CONNECTIONS),
            received: MOST_RECEIVED,
        }
    }
}

/// Raises the soft limit on open descriptors to the hard one, which needs no privilege. Many systems set
/// the soft limit to 1024 for programs that use `select`.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::warn!("failed to raise the limit on open files to its maximum: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_leave_descriptors_for_everything_else() {
        for (descriptors, total, per_network) in [
            (1_024, 720, 180),
            (20_000, 14_910, 3_727),
            (usize::MAX, 20_000, 5_000),
            (256, 180, 45),
            (64, 8, 8),
        ] {
            let limits = ConnectionLimits::for_descriptors(descriptors);
            assert_eq!((limits.total, limits.per_network), (total, per_network));
            assert!(limits.accepted > limits.total);
            assert!(
                limits.accepted <= descriptors.saturating_sub(60).max(16),
                "{descriptors}"
            );
        }
    }
}
