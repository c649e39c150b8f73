//! Counts failures in memory, and writes them once a minute. Anybody can cause failures, so the number
//! of rows is limited: an attacker cannot fill the disk, and causes no write in a request.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::event::AuditEvent;
use crate::client_network::ClientNetwork;
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::sessions::truncate_user_agent;
use crate::workos::ClientDevice;

/// How often the counted failures are written.
const INTERVAL: Duration = Duration::from_secs(60);
/// The most rows that are written at once: at most 43,200 a day, about 10 MB, for each process.
const MAX_ROWS: usize = 30;
/// The most kinds of failure that are counted one by one between two writes. A provider's network may have half as
/// many as are left, so that one with many addresses leaves a part to others.
const MAX_KINDS: usize = 1_000;

/// Counts the failures of this process. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct FailureCounter {
    counts: Arc<Mutex<FailureCounts>>,
}

#[derive(Debug, Default)]
struct FailureCounts {
    /// Failures that agree in event and client address.
    kinds: HashMap<(AuditEvent, Option<String>), CountedFailure>,
    /// The number of kinds of each provider's network.
    of_providers: HashMap<Option<ClientNetwork>, usize>,
    /// Failures beyond [`MAX_KINDS`].
    omitted: u64,
}

impl FailureCounts {
    /// Counts another kind of failure of this provider's network, if there is room for it.
    fn admit_kind(&mut self, provider: Option<ClientNetwork>) -> bool {
        let left = MAX_KINDS.saturating_sub(self.kinds.len());
        let own = self.of_providers.entry(provider).or_default();
        let has_room = *own < left / 2;
        *own += usize::from(has_room);
        has_room
    }
}

/// The network of the provider of a client, a /32 or an IPv4 /16; `None` if the address is not known.
fn provider_of(device: &ClientDevice) -> Option<ClientNetwork> {
    let address: IpAddr = device.ip_address.as_deref()?.parse().ok()?;
    ClientNetwork::containing(address).pop()
}

#[derive(Clone, Debug)]
struct CountedFailure {
    /// The device of the first of these failures.
    device: ClientDevice,
    /// When the first of them happened.
    at: Timestamp,
    times: u64,
}

impl FailureCounter {
    /// Counts a failure. Failures with the same event and client address become one row, which has the
    /// time and the request of the first of them.
    pub fn count(&self, event: AuditEvent, device: &ClientDevice, now: Timestamp) {
        let key = (event, device.ip_address.clone());
        let mut counts = self.counts.lock();
        if let Some(known) = counts.kinds.get_mut(&key) {
            known.times += 1;
        } else if !counts.admit_kind(provider_of(device)) {
            counts.omitted += 1;
        } else {
            // Up to a thousand of them are in memory.
            let user_agent = truncate_user_agent(device.user_agent.as_deref());
            let failure = CountedFailure {
                device: ClientDevice {
                    user_agent,
                    ..device.clone()
                },
                at: now,
                times: 1,
            };
            counts.kinds.insert(key, failure);
        }
    }

    /// [`count`](Self::count), if there is an event.
    pub fn count_any(&self, event: Option<AuditEvent>, device: &ClientDevice, now: Timestamp) {
        if let Some(event) = event {
            self.count(event, device, now);
        }
    }

    /// Writes the counted failures every minute, for as long as this future is awaited.
    pub async fn write_periodically(&self, database: &Database, clock: &Clock) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.write(database, clock.now()).await;
        }
    }

    /// Writes the failures that were counted since the last write. Failures that cannot be written are
    /// lost, and the log says so.
    pub async fn write(&self, database: &Database, now: Timestamp) {
        let counts = std::mem::take(&mut *self.counts.lock());
        let FailureCounts {
            kinds, mut omitted, ..
        } = counts;
        let kinds = kinds
            .into_iter()
            .map(|((event, _), failure)| (event, failure));
        let mut failures: Vec<(AuditEvent, CountedFailure)> = kinds.collect();
        keep_in_order(&mut failures);
        let rest = failures.split_off(failures.len().min(MAX_ROWS));
        omitted += rest.iter().map(|(_, failure)| failure.times).sum::<u64>();
        if failures.is_empty() && omitted == 0 {
            return;
        }
        failures.sort_by_key(|(_, failure)| failure.at);
        let written = database.write(move |conn| record_all(conn, &failures, omitted, now));
        if let Err(error) = written.await {
            log::error!("failed to write the audit events of failures, which are lost: {error}");
        }
    }
}

/// Sorts the failures so that the first ones can be kept: those of known accounts before others, of each
/// account, and of each provider's network, the most frequent one before all second ones. So the failures of one
/// account or network do not displace those of another.
fn keep_in_order(failures: &mut [(AuditEvent, CountedFailure)]) {
    failures.sort_by_key(|(_, failure)| Reverse(failure.times));
    let mut of_accounts: HashMap<Option<UserId>, usize> = HashMap::new();
    let mut of_providers: HashMap<Option<ClientNetwork>, usize> = HashMap::new();
    // Called once for each element, in order.
    failures.sort_by_cached_key(|(event, failure)| {
        let account = event.columns().user_id;
        let of_account = of_accounts.entry(account).or_default();
        *of_account += 1;
        let of_provider = of_providers
            .entry(provider_of(&failure.device))
            .or_default();
        *of_provider += 1;
        (account.is_none(), *of_account, *of_provider)
    });
}

fn record_all(
    conn: &mut Conn,
    failures: &[(AuditEvent, CountedFailure)],
    omitted: u64,
    now: Timestamp,
) -> Result<(), DbError> {
    for (event, failure) in failures {
        event.record_times(conn, &failure.device, failure.at, failure.times)?;
    }
    if omitted > 0 {
        let nobody = ClientDevice::default();
        AuditEvent::FailuresOmitted.record_times(conn, &nobody, now, omitted)?;
    }
    Ok(())
}
