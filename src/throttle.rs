//! Rate limits: sign-ins and refreshes per network of the client, wrong passwords per network and
//! login name and per network and account, and wrong old passwords per session.
//!
//! There is no limit per account alone, because strangers could lock users out. Failed requests are
//! counted as Django REST framework counts requests, in a sliding window; successful ones have a wide limit.
//! Each of the networks that contain an address is counted, the larger ones with higher limits.

mod bounded_map;
mod exchange_budget;
mod failure_limit;
mod limit_key;
mod old_passwords;
mod sliding_window;
mod wrong_passwords;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::accounts::passwords::PasswordSource;
use crate::clock::{Clock, whole_seconds};
use crate::error::{Error, SignInFailure};
use crate::ids::{SessionId, UserId};
use crate::settings::{ApiSettings, Rate};
pub use exchange_budget::{ExchangeBudget, ExchangeOutcome, ExchangePermit, ExchangeRefusal};
pub use failure_limit::CountedRequest;
use failure_limit::FailureLimit;
use limit_key::{
    LimitKey, account_change_key, account_key, family_key, known_browser_keys,
    network_account_keys, network_code_keys, network_keys, pending_key, session_key, step_key,
};
pub use old_passwords::OldPasswordAttempt;
use old_passwords::OldPasswords;
use sliding_window::SlidingWindow;
use wrong_passwords::WrongPasswords;

/// The pages of one browser session may ask for tokens this many times as often as one client may refresh
/// them, in a period that is longer by [`ROW_PERIODS`]: each request adds a row.
const SESSION_TOKEN_FACTOR: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// The same for the rotations of the tokens of one sign-in.
const ROTATION_FACTOR: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// What an account may do that adds rows, as a multiple of the failed sign-ins of one client, in the same longer period.
const ACCOUNT_FACTOR: NonZeroU32 = NonZeroU32::new(30).unwrap();
const ROW_PERIODS: u32 = 60;

/// All rate limits; `None` if a limit is off.
pub struct Throttle {
    clock: Clock,
    sign_ins: Option<Arc<FailureLimit>>,
    wrong_passwords: Option<WrongPasswords>,
    refreshes: Option<Arc<FailureLimit>>,
    session_tokens: Option<SlidingWindow>,
    rotations: Option<SlidingWindow>,
    organization_switches: Option<SlidingWindow>,
    /// Pending sign-ins, and changes of the account's credentials.
    account_rows: Option<SlidingWindow>,
    verifications: Option<Arc<FailureLimit>>,
    old_passwords: OldPasswords,
    /// Held while a request is checked and counted, so that concurrent requests cannot exceed a limit.
    counting: Mutex<()>,
}

/// A password that is being compared. It counts as wrong from the beginning, so that concurrent requests
/// cannot exceed the limit, and also if the client goes away.
#[must_use = "the password counts as wrong until `finish` is called"]
pub struct PasswordAttempt<'a> {
    throttle: &'a Throttle,
    client: Option<IpAddr>,
    keys: Vec<LimitKey>,
}

impl Throttle {
    /// The limits of the settings.
    pub fn new(settings: &ApiSettings, clock: &Clock) -> Self {
        let failures = |rate: Option<Rate>| rate.map(FailureLimit::new).map(Arc::new);
        let rows = |factor| {
            let rate = settings.throttle_refresh.map(|rate| row_rate(rate, factor));
            rate.map(SlidingWindow::new)
        };
        Self {
            clock: clock.clone(),
            sign_ins: failures(settings.throttle_login),
            wrong_passwords: settings.throttle_login.map(WrongPasswords::new),
            refreshes: failures(settings.throttle_refresh),
            session_tokens: rows(SESSION_TOKEN_FACTOR),
            rotations: rows(ROTATION_FACTOR),
            organization_switches: settings.throttle_login.map(SlidingWindow::new),
            account_rows: settings
                .throttle_login
                .map(|rate| SlidingWindow::new(account_rate(rate))),
            verifications: failures(settings.throttle_refresh),
            old_passwords: OldPasswords::new(),
            counting: Mutex::new(()),
        }
    }

    /// Counts a sign-in attempt of this client, as failed until it succeeds. Fails if a limit of one of its
    /// networks is reached; `None` if there are no limits.
    pub fn count_sign_in(&self, client: IpAddr) -> Result<Option<CountedRequest>, Error> {
        self.count_failure(self.sign_ins.as_ref(), &network_keys(client, ""))
    }

    /// Counts a sign-in attempt from a browser in which this account has signed in before, as
    /// [`count_sign_in`](Self::count_sign_in) does. Fails if a limit of the account in this browser, or in all such
    /// browsers, is reached.
    pub fn count_known_browser(
        &self,
        source: &PasswordSource,
    ) -> Result<Option<CountedRequest>, Error> {
        self.count_failure(self.sign_ins.as_ref(), &source_keys(source, ""))
    }

    /// Counts an answer to a step of a pending sign-in, as [`count_sign_in`](Self::count_sign_in) does. It has
    /// a limit of its own, because its client has shown right credentials: the failures of others at its address
    /// do not matter.
    pub fn count_step(&self, id: &str) -> Result<Option<CountedRequest>, Error> {
        self.count_failure(self.sign_ins.as_ref(), &[step_key(id)])
    }

    /// Counts a token refresh of this client, as [`count_sign_in`](Self::count_sign_in) does.
    pub fn count_refresh(&self, client: IpAddr) -> Result<Option<CountedRequest>, Error> {
        self.count_failure(self.refreshes.as_ref(), &network_keys(client, ""))
    }

    /// Counts a token verification of this client: the limit is that of refreshes, counted separately.
    pub fn count_verification(&self, client: IpAddr) -> Result<Option<CountedRequest>, Error> {
        self.count_failure(self.verifications.as_ref(), &network_keys(client, ""))
    }

    /// Counts a request for tokens of this browser session. Fails if the limit is reached.
    pub fn count_session_tokens(&self, id: &SessionId) -> Result<(), Error> {
        self.count(self.session_tokens.as_ref(), &[session_key(id)])
    }

    /// Counts a rotation of the tokens of this family. Fails if the limit is reached.
    pub fn count_rotation(&self, family: &str) -> Result<(), Error> {
        self.count(self.rotations.as_ref(), &[family_key(family)])
    }

    /// Counts a switch of this account's organisation, which asks WorkOS. Fails if as many switches as
    /// sign-ins of one client have been made, in whatever sessions.
    pub fn count_organization_switch(&self, id: UserId) -> Result<(), Error> {
        self.count(self.organization_switches.as_ref(), &[account_key(id)])
    }

    /// Counts a change of this account's password, or a provider that is connected to it: each adds an audit event. Fails
    /// if the account has as many as it may have sign-ins.
    pub fn count_account_change(&self, id: UserId) -> Result<(), Error> {
        self.count(self.account_rows.as_ref(), &[account_change_key(id)])
    }

    /// Counts a pending sign-in, which adds a row, of this user of WorkOS. Fails as
    /// [`count_account_change`](Self::count_account_change) does.
    pub fn count_pending_sign_in(&self, subject: &str) -> Result<(), SignInFailure> {
        self.try_count(self.account_rows.as_ref(), &[pending_key(subject)])
            .map_err(|wait| SignInFailure::TooManySignIns(whole_seconds(wait)))
    }

    /// Begins the comparison of a password for this login name, on whatever route. Fails if too many wrong ones
    /// for it came from one of the client's networks, or from the browser, if the account has signed in there
    /// before. Whether an account has the name does not matter.
    pub fn begin_password(
        &self,
        source: &PasswordSource,
        name: &str,
    ) -> Result<PasswordAttempt<'_>, Error> {
        let client = match source {
            PasswordSource::Address(client) => Some(*client),
            PasswordSource::KnownBrowser { .. } => None,
        };
        self.begin(client, source_keys(source, name))
    }

    /// Begins the comparison of the password of a signed-in account, which has these login names.
    pub fn begin_own_password(
        &self,
        client: IpAddr,
        id: UserId,
        names: &[String],
    ) -> Result<PasswordAttempt<'_>, Error> {
        let mut keys = network_account_keys(client, id);
        keys.extend(names.iter().flat_map(|name| network_keys(client, name)));
        self.begin(Some(client), keys)
    }

    /// Begins the comparison of a code of this account, after its password or in its session. Wrong passwords
    /// of others do not count here.
    pub fn begin_code(&self, client: IpAddr, id: UserId) -> Result<PasswordAttempt<'_>, Error> {
        self.begin(Some(client), network_code_keys(client, id))
    }

    fn begin(
        &self,
        client: Option<IpAddr>,
        keys: Vec<LimitKey>,
    ) -> Result<PasswordAttempt<'_>, Error> {
        if let Some(wrong) = &self.wrong_passwords {
            let now = self.clock.elapsed();
            let _counting = self.counting.lock();
            let mut checks = keys.iter().map(|key| wrong.check(*key, now));
            throttled(checks.find(Result::is_err).unwrap_or(Ok(())))?;
            keys.iter().for_each(|key| wrong.count(*key, now));
        }
        Ok(PasswordAttempt {
            throttle: self,
            client,
            keys,
        })
    }

    /// Begins the comparison of the old password in a signed-in session. Fails if as many comparisons
    /// are running or have failed as a session is allowed; it applies even if the other limits are off.
    pub fn begin_old_password(&self, session: &SessionId) -> Result<OldPasswordAttempt<'_>, Error> {
        let key = session_key(session).hash;
        let attempt = self.old_passwords.begin(key, self.clock.elapsed());
        // The running comparisons end within seconds.
        attempt.ok_or(Error::Throttled(1))
    }

    fn count_failure(
        &self,
        limit: Option<&Arc<FailureLimit>>,
        keys: &[LimitKey],
    ) -> Result<Option<CountedRequest>, Error> {
        let Some(limit) = limit else { return Ok(None) };
        let _counting = self.counting.lock();
        let counted = limit.count(keys, &self.clock);
        counted.map(Some).map_err(Error::throttled_for)
    }

    fn count(&self, window: Option<&SlidingWindow>, keys: &[LimitKey]) -> Result<(), Error> {
        throttled(self.try_count(window, keys))
    }

    fn try_count(&self, window: Option<&SlidingWindow>, keys: &[LimitKey]) -> Result<(), Duration> {
        let Some(window) = window else { return Ok(()) };
        let now = self.clock.elapsed();
        let _counting = self.counting.lock();
        // Nothing is counted if one of the limits is reached: neither the other networks nor new keys.
        let mut checks = keys.iter().map(|key| window.check(*key, now));
        checks.find(Result::is_err).unwrap_or(Ok(()))?;
        keys.iter().for_each(|key| window.count(*key, now));
        Ok(())
    }
}

impl PasswordAttempt<'_> {
    /// Counts the attempt for the account too, by whichever of its names it is reached. Returns whether its
    /// password may be accepted: `false` after too many wrong ones by all names together from one of the
    /// client's networks. The client must not be able to tell, because it would learn which names belong
    /// together.
    #[must_use]
    pub fn admits_account(&mut self, id: UserId) -> bool {
        let (Some(wrong), Some(client)) = (&self.throttle.wrong_passwords, self.client) else {
            return true;
        };
        let keys = network_account_keys(client, id);
        let now = self.throttle.clock.elapsed();
        let _counting = self.throttle.counting.lock();
        let admitted = keys.iter().all(|key| wrong.check(*key, now).is_ok());
        if admitted {
            keys.iter().for_each(|key| wrong.count(*key, now));
            self.keys.extend(keys);
        }
        admitted
    }

    /// Ends the attempt. Only a password that was compared and refused still counts.
    pub fn finish(self, is_wrong: bool) {
        if let (Some(wrong), false) = (&self.throttle.wrong_passwords, is_wrong) {
            let now = self.throttle.clock.elapsed();
            self.keys.iter().for_each(|key| wrong.forget(*key, now));
        }
    }
}

/// What counts passwords for this login name from this source.
fn source_keys(source: &PasswordSource, name: &str) -> Vec<LimitKey> {
    match source {
        PasswordSource::Address(client) => network_keys(*client, name),
        PasswordSource::KnownBrowser { account, browser } => known_browser_keys(account, browser),
    }
}

/// The error for a client, with the time to wait.
fn throttled(outcome: Result<(), Duration>) -> Result<(), Error> {
    outcome.map_err(Error::throttled_for)
}

/// How often a request that adds a row is allowed.
fn row_rate(rate: Rate, factor: NonZeroU32) -> Rate {
    Rate {
        requests: rate.requests.saturating_mul(factor),
        period: rate.period * ROW_PERIODS,
    }
}

/// How often an account may sign in, by `THROTTLE_LOGIN`: each sign-in adds rows. By default 300 times an hour.
pub fn account_rate(failures: Rate) -> Rate {
    row_rate(failures, ACCOUNT_FACTOR)
}

#[cfg(test)]
mod tests;
