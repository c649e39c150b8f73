//! The throttle: how often one client may try to sign in or refresh, and how often it may be wrong
//! about one account.
//!
//! Never by the account alone: a stranger must not be able to lock anyone out. Requests are counted as
//! Django REST framework counts them: so many within any stretch of the setting's time.

mod memory;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};

use crate::accounts::email_key;
use crate::clock::Clock;
use crate::error::Error;
use crate::settings::{ApiSettings, Rate};
use memory::{Fingerprint, Memory};

/// Wrong passwords for one account from one address are forgotten one by one, so many times more
/// slowly than sign-ins from that address: ten at once, then one a minute.
const FAILURES_LAST: u32 = 10;
/// What one customer of a provider has of IPv6 (RFC 6177), so that nobody has addresses to spare.
const IPV6_NETWORK: u128 = !0 << 64;

/// So many within any stretch of the period.
struct Window {
    rate: Rate,
    times: Memory<VecDeque<Duration>>,
}

/// So many at once, then one whenever `each` has passed.
struct Failures {
    most: u32,
    each: Duration,
    /// When the last of them will be forgotten.
    forgotten_at: Memory<Duration>,
}

/// Every limit there is; `None` where it is off.
pub struct Throttle {
    clock: Clock,
    sign_ins: Option<Window>,
    failures: Option<Failures>,
    refreshes: Option<Window>,
}

impl Throttle {
    /// The limits that the settings want.
    pub fn new(settings: &ApiSettings, clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            sign_ins: settings.throttle_login.map(Window::new),
            failures: settings.throttle_login.map(Failures::new),
            refreshes: settings.throttle_refresh.map(Window::new),
        }
    }

    /// Counts a sign-in that is tried, whoever it is for.
    pub fn sign_in(&self, client: IpAddr) -> Result<(), Error> {
        self.count(self.sign_ins.as_ref(), client)
    }

    /// Counts a refresh.
    pub fn refresh(&self, client: IpAddr) -> Result<(), Error> {
        self.count(self.refreshes.as_ref(), client)
    }

    /// Refuses a password for an account that this client was wrong about too often.
    pub fn password(&self, client: IpAddr, email: &str) -> Result<(), Error> {
        let Some(failures) = &self.failures else {
            return Ok(());
        };
        allowed(failures.look(fingerprint(client, email), self.clock.elapsed()))
    }

    /// Counts a wrong password.
    pub fn wrong_password(&self, client: IpAddr, email: &str) {
        if let Some(failures) = &self.failures {
            failures.note(fingerprint(client, email), self.clock.elapsed());
        }
    }

    fn count(&self, window: Option<&Window>, client: IpAddr) -> Result<(), Error> {
        let Some(window) = window else { return Ok(()) };
        allowed(window.count(fingerprint(client, ""), self.clock.elapsed()))
    }
}

impl Window {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            times: Memory::new(),
        }
    }

    /// Counts one more; `Err`: how long to wait for it, and it is not counted.
    fn count(&self, key: Fingerprint, now: Duration) -> Result<(), Duration> {
        let Rate { requests, period } = self.rate;
        self.times.change(key, now, |times| {
            while times.front().is_some_and(|oldest| *oldest + period <= now) {
                times.pop_front();
            }
            match times.front() {
                Some(oldest) if times.len() >= requests.get() as usize => {
                    (Err(*oldest + period - now), now + period)
                }
                _ => {
                    times.push_back(now);
                    (Ok(()), now + period)
                }
            }
        })
    }
}

impl Failures {
    fn new(rate: Rate) -> Self {
        Self {
            most: rate.requests.get(),
            each: rate.period * FAILURES_LAST / rate.requests.get(),
            forgotten_at: Memory::new(),
        }
    }

    /// `Err`: how long it takes until one is forgotten.
    fn look(&self, key: Fingerprint, now: Duration) -> Result<(), Duration> {
        let forgotten_at = self.forgotten_at.get(key).unwrap_or_default();
        let lasting = forgotten_at.saturating_sub(now);
        match lasting.checked_sub(self.each * (self.most - 1)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    fn note(&self, key: Fingerprint, now: Duration) {
        let (each, most) = (self.each, self.each * self.most);
        self.forgotten_at.change(key, now, |forgotten_at| {
            // More at once than are counted change nothing: the wait has its bound.
            *forgotten_at = ((*forgotten_at).max(now) + each).min(now + most);
            ((), *forgotten_at)
        });
    }
}

fn allowed(outcome: Result<(), Duration>) -> Result<(), Error> {
    outcome.map_err(|wait| {
        let begun = u64::from(wait.subsec_nanos() > 0);
        Error::Throttled((wait.as_secs() + begun).max(1))
    })
}

/// A client's address, and an e-mail as accounts compare it: of one size, however long the e-mail.
fn fingerprint(client: IpAddr, email: &str) -> Fingerprint {
    let network = match client.to_canonical() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & IPV6_NETWORK),
    };
    let mut context = digest::Context::new(&SHA256);
    context.update(&network.octets());
    context.update(email_key(email).as_bytes());
    let mut half = Fingerprint::default();
    half.copy_from_slice(&context.finish().as_ref()[..16]);
    half
}

#[cfg(test)]
mod tests;
