//! Rate limits: sign-ins and refreshes per client address, and wrong passwords per client address and
//! account.
//!
//! There is no limit per account alone, because strangers could lock users out. Requests are counted as
//! Django REST framework counts them, in a sliding window.

mod bounded_map;
mod exchange_budget;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};

use crate::accounts::email_key;
use crate::clock::Clock;
use crate::error::Error;
use crate::ids::SessionId;
use crate::settings::{ApiSettings, Rate};
use bounded_map::{BoundedMap, KeyHash};
pub use exchange_budget::{ExchangeBudget, ExchangeOutcome, ExchangePermit, ExchangeRefusal};

/// A wrong password expires this many times more slowly than a sign-in. With `10/min`, ten wrong
/// passwords are allowed at once, then one a minute.
const WRONG_PASSWORD_FACTOR: u32 = 10;
/// The pages of one browser session may ask for tokens this many times as often as one client may refresh
/// them, in a period that is longer by [`SESSION_TOKEN_PERIODS`]: each request adds a row.
const SESSION_TOKEN_FACTOR: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const SESSION_TOKEN_PERIODS: u32 = 60;
/// The mask of a /64 network, the smallest that a customer gets (RFC 6177): its addresses count as one
/// client.
const IPV6_NETWORK_MASK: u128 = !0 << 64;

/// A sliding window: at most `rate.requests` requests within any `rate.period`.
struct SlidingWindow {
    rate: Rate,
    times: BoundedMap<VecDeque<Duration>>,
}

/// A leaky bucket: at most `capacity` wrong passwords, of which one expires in each `interval`.
struct WrongPasswords {
    capacity: u32,
    interval: Duration,
    /// When the last of them expires.
    expires_at: BoundedMap<Duration>,
}

/// All rate limits; `None` if a limit is off.
pub struct Throttle {
    clock: Clock,
    sign_ins: Option<SlidingWindow>,
    wrong_passwords: Option<WrongPasswords>,
    refreshes: Option<SlidingWindow>,
    session_tokens: Option<SlidingWindow>,
}

impl Throttle {
    /// The limits of the settings.
    pub fn new(settings: &ApiSettings, clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            sign_ins: settings.throttle_login.map(SlidingWindow::new),
            wrong_passwords: settings.throttle_login.map(WrongPasswords::new),
            refreshes: settings.throttle_refresh.map(SlidingWindow::new),
            session_tokens: settings
                .throttle_refresh
                .map(session_token_rate)
                .map(SlidingWindow::new),
        }
    }

    /// Counts a sign-in attempt of this client. Fails if the limit is reached.
    pub fn count_sign_in(&self, client: IpAddr) -> Result<(), Error> {
        self.count(self.sign_ins.as_ref(), client)
    }

    /// Counts a token refresh of this client. Fails if the limit is reached.
    pub fn count_refresh(&self, client: IpAddr) -> Result<(), Error> {
        self.count(self.refreshes.as_ref(), client)
    }

    /// Counts a request for tokens of this browser session. Fails if the limit is reached.
    pub fn count_session_tokens(&self, id: &SessionId) -> Result<(), Error> {
        let Some(window) = &self.session_tokens else {
            return Ok(());
        };
        throttled(window.count(text_hash(id), self.clock.elapsed()))
    }

    /// Fails if this client has sent too many wrong passwords for this account.
    pub fn check_password_attempts(&self, client: IpAddr, email: &str) -> Result<(), Error> {
        let Some(failures) = &self.wrong_passwords else {
            return Ok(());
        };
        throttled(failures.check(key_hash(client, email), self.clock.elapsed()))
    }

    /// Counts a wrong password of this client for this account.
    pub fn count_wrong_password(&self, client: IpAddr, email: &str) {
        if let Some(failures) = &self.wrong_passwords {
            failures.count(key_hash(client, email), self.clock.elapsed());
        }
    }

    fn count(&self, window: Option<&SlidingWindow>, client: IpAddr) -> Result<(), Error> {
        let Some(window) = window else { return Ok(()) };
        throttled(window.count(key_hash(client, ""), self.clock.elapsed()))
    }
}

impl SlidingWindow {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            times: BoundedMap::new(),
        }
    }

    /// Counts a request, unless the limit is reached: then the error is the time to wait.
    fn count(&self, key: KeyHash, now: Duration) -> Result<(), Duration> {
        let Rate { requests, period } = self.rate;
        self.times.update(key, now, |times| {
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

impl WrongPasswords {
    fn new(rate: Rate) -> Self {
        Self {
            capacity: rate.requests.get(),
            interval: rate.period * WRONG_PASSWORD_FACTOR / rate.requests.get(),
            expires_at: BoundedMap::new(),
        }
    }

    /// Whether another password may be checked; the error is the time to wait.
    fn check(&self, key: KeyHash, now: Duration) -> Result<(), Duration> {
        let expires_at = self.expires_at.get(key).unwrap_or_default();
        let remaining = expires_at.saturating_sub(now);
        match remaining.checked_sub(self.interval * (self.capacity - 1)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    fn count(&self, key: KeyHash, now: Duration) {
        let (interval, longest) = (self.interval, self.interval * self.capacity);
        self.expires_at.update(key, now, |expires_at| {
            // A full bucket does not get fuller, so that the time to wait is bounded.
            *expires_at = ((*expires_at).max(now) + interval).min(now + longest);
            ((), *expires_at)
        });
    }
}

/// The error for a client, with the time to wait in whole seconds, rounded up.
fn throttled(outcome: Result<(), Duration>) -> Result<(), Error> {
    outcome.map_err(|wait| Error::Throttled(whole_seconds(wait)))
}

fn whole_seconds(wait: Duration) -> u64 {
    let partial = u64::from(wait.subsec_nanos() > 0);
    (wait.as_secs() + partial).max(1)
}

fn session_token_rate(refreshes: Rate) -> Rate {
    Rate {
        requests: refreshes.requests.saturating_mul(SESSION_TOKEN_FACTOR),
        period: refreshes.period * SESSION_TOKEN_PERIODS,
    }
}

/// A hash of an id, so that all keys have the same size.
fn text_hash(text: &str) -> KeyHash {
    half(&digest::digest(&SHA256, text.as_bytes()))
}

fn half(digest: &digest::Digest) -> KeyHash {
    let mut half = KeyHash::default();
    half.copy_from_slice(&digest.as_ref()[..16]);
    half
}

/// A hash of the client's address and of the normalised email address, so that all keys have the same
/// size.
fn key_hash(client: IpAddr, email: &str) -> KeyHash {
    let network = match client.to_canonical() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & IPV6_NETWORK_MASK),
    };
    let mut context = digest::Context::new(&SHA256);
    context.update(&network.octets());
    context.update(email_key(email).as_bytes());
    half(&context.finish())
}

#[cfg(test)]
mod tests;
