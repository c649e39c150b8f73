//! Resolves host names with the operating system's resolver, so that `/etc/hosts` and `nsswitch.conf` count, on
//! threads of its own.
//!
//! reqwest's own resolver uses tokio's blocking threads, of which 512 can wait for a silent name server, and which
//! the database uses too. Here one thread looks up a host at a time, whatever the number of requests to it. The
//! hosts come from the settings, so that there are only a few.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::single_flight::{FlightLeader, SingleFlight};

/// How long addresses are used without another lookup. The operating system does not tell their lifetime.
const FRESH: Duration = Duration::from_secs(30);
/// How long older addresses are used if the lookup fails.
const STALE: Duration = Duration::from_secs(3_600);
/// How long a lookup is waited for if there are older addresses.
const STALE_PATIENCE: Duration = Duration::from_millis(500);

/// The addresses of a host, or why they are unknown.
type Answer = Result<Vec<SocketAddr>, String>;
type Lookup = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// The resolver; clones share its cache and its threads.
#[derive(Clone)]
pub(super) struct HostResolver {
    lookup: Lookup,
    cache: Arc<Mutex<HashMap<String, CachedAddresses>>>,
    lookups: SingleFlight<String, Option<Answer>>,
}

#[derive(Clone)]
struct CachedAddresses {
    addresses: Vec<SocketAddr>,
    found_at: Instant,
}

impl HostResolver {
    /// The resolver of this process.
    pub(super) fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<HostResolver>> =
            LazyLock::new(|| Arc::new(HostResolver::new(look_up)));
        Arc::clone(&SHARED)
    }

    fn new(lookup: Lookup) -> Self {
        Self {
            lookup,
            cache: Arc::default(),
            lookups: SingleFlight::default(),
        }
    }

    async fn addresses(&self, host: &str) -> Answer {
        let cached = self.cache.lock().get(host).cloned();
        let cached = cached.filter(|cached| cached.found_at.elapsed() < STALE);
        if let Some(fresh) = &cached
            && fresh.found_at.elapsed() < FRESH
        {
            return Ok(fresh.addresses.clone());
        }
        let (mut progress, flight) = self.lookups.join(host.to_owned());
        if let Some(flight) = flight {
            self.start_lookup(flight);
        }
        let answer = progress.wait_for(Option::is_some);
        let answer = match &cached {
            // The time-out of the connection limits this.
            None => answer.await.ok(),
            Some(_) => {
                let answer = tokio::time::timeout(STALE_PATIENCE, answer).await;
                answer.ok().and_then(Result::ok)
            }
        };
        let answer = answer.and_then(|answer| (*answer).clone());
        match (answer, cached) {
            (Some(Err(_)) | None, Some(stale)) => Ok(stale.addresses),
            (Some(answer), _) => answer,
            (None, None) => Err("the lookup ended early".to_owned()),
        }
    }

    /// Looks a host up on a thread. If none can be started, the callers fail at once.
    fn start_lookup(&self, flight: FlightLeader<String, Option<Answer>>) {
        let resolver = self.clone();
        let run = move || {
            let host = flight.key();
            let answer = (resolver.lookup)(host).map_err(|error| error.to_string());
            if let Ok(addresses) = &answer {
                let found = CachedAddresses {
                    addresses: addresses.clone(),
                    found_at: Instant::now(),
                };
                resolver.cache.lock().insert(host.clone(), found);
            }
            flight.complete(Some(answer));
        };
        let started = std::thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(run);
        if let Err(error) = started {
            log::error!("failed to start a thread that looks up a host: {error}");
        }
    }
}

impl Resolve for HostResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The port is set by the caller.
fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    Ok((host, 0).to_socket_addrs()?.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use futures_util::future::join_all;

    use super::*;

    const ADDRESS: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    #[tokio::test]
    async fn a_silent_name_server_takes_one_thread_for_each_host() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        static RELEASE: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
        let (release, released) = mpsc::channel();
        *RELEASE.lock() = Some(released);
        let resolver = HostResolver::new(|host| {
            LOOKUPS.fetch_add(1, Ordering::SeqCst);
            if host == "silent.test" {
                let released = RELEASE.lock().take().expect("one lookup at a time");
                released.recv().expect("the test releases it");
            }
            Ok(vec![ADDRESS])
        });
        let waiting = (0..600).map(|_| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.addresses("silent.test").await })
        });
        let waiting: Vec<_> = waiting.collect();
        assert_eq!(resolver.addresses("other.test").await, Ok(vec![ADDRESS]));
        let blocking = tokio::task::spawn_blocking(|| "the database works");
        assert_eq!(blocking.await.unwrap(), "the database works");
        assert_eq!(
            LOOKUPS.load(Ordering::SeqCst),
            2,
            "600 requests share one lookup"
        );
        assert!(waiting.iter().all(|request| !request.is_finished()));
        release.send(()).unwrap();
        for answer in join_all(waiting).await {
            assert_eq!(answer.unwrap(), Ok(vec![ADDRESS]));
        }
    }

    #[tokio::test]
    async fn older_addresses_are_used_if_the_lookup_fails() {
        let resolver = HostResolver::new(|_| Err(io::Error::other("no name server")));
        assert_eq!(
            resolver.addresses("host.test").await,
            Err("no name server".to_owned())
        );
        let put = |age: Duration| {
            let found_at = Instant::now()
                .checked_sub(age)
                .expect("the machine is older");
            let cached = CachedAddresses {
                addresses: vec![ADDRESS],
                found_at,
            };
            resolver.cache.lock().insert("host.test".to_owned(), cached);
        };
        put(FRESH + Duration::from_secs(1));
        assert_eq!(resolver.addresses("host.test").await, Ok(vec![ADDRESS]));
        put(STALE);
        assert_eq!(
            resolver.addresses("host.test").await,
            Err("no name server".to_owned())
        );
    }

    #[tokio::test]
    async fn the_hosts_file_counts() {
        let resolver = HostResolver::new(look_up);
        let addresses = resolver.addresses("localhost").await.unwrap();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()));
    }
}
