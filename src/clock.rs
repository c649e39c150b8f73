//! Timestamps and the application's clock. Code that depends on the time gets `now` as a parameter, so that
//! a test can set it.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, Utc};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types;

/// A stored time that is later than the present by more than this was written while a clock was wrong. Times
/// before that may have the clock of another replica.
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// A time in UTC with the precision of both databases, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Timestamp)]
pub struct Timestamp(NaiveDateTime);

impl Timestamp {
    /// The beginning of 1970, before every time that is stored.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH.naive_utc());

    /// The end of the year 9999, which both databases can store.
    pub const FAR_AWAY: Self = Self(
        match DateTime::from_timestamp(253_402_300_799, 0) {
            Some(moment) => moment,
            None => DateTime::UNIX_EPOCH,
        }
        .naive_utc(),
    );

    /// The time `micros` microseconds after the Unix epoch; `None` if it is out of range.
    pub fn from_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).map(Self::from)
    }

    /// The time `seconds` after the Unix epoch, the unit of JWTs and cookies; `None` if it is out of range.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        DateTime::from_timestamp(seconds, 0).map(Self::from)
    }

    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> i64 {
        self.0.and_utc().timestamp()
    }

    /// The same time as chrono's type.
    pub fn utc(self) -> DateTime<Utc> {
        self.0.and_utc()
    }

    /// This time plus `delta`; unchanged if the result is out of range.
    #[must_use]
    pub fn plus(self, delta: TimeDelta) -> Self {
        self.0.checked_add_signed(delta).map_or(self, Self)
    }

    /// Whether this time, which was the present when it was stored, is in the future: the clock was ahead then.
    pub fn is_from_future(self, now: Self) -> bool {
        self > now.plus(CLOCK_TOLERANCE)
    }

    pub(crate) fn from_naive(naive: NaiveDateTime) -> Self {
        Self(naive.trunc_subsecs(6))
    }

    pub(crate) fn naive(&self) -> &NaiveDateTime {
        &self.0
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(moment: DateTime<Utc>) -> Self {
        Self::from_naive(moment.naive_utc())
    }
}

/// RFC 3339 in UTC: `2026-11-21T19:10:09.440066Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .utc()
                .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        )
    }
}

/// The clock of this process differs from the database's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference {
    /// By how much this process's clock is ahead; negative if it is behind.
    ahead: TimeDelta,
}

impl ClockDifference {
    /// The largest difference that is no cause for concern.
    const TOLERANCE: TimeDelta = TimeDelta::seconds(2);

    /// The difference, if it is larger than two seconds. `database_now` was read between `before` and `elapsed`
    /// later.
    pub fn find(before: Timestamp, database_now: Timestamp, elapsed: Duration) -> Option<Self> {
        let elapsed = TimeDelta::from_std(elapsed).unwrap_or(TimeDelta::MAX);
        let earliest = before.utc() - database_now.utc();
        let latest = before.plus(elapsed).utc() - database_now.utc();
        if earliest > Self::TOLERANCE {
            Some(Self { ahead: earliest })
        } else if latest < -Self::TOLERANCE {
            Some(Self { ahead: latest })
        } else {
            None
        }
    }
}

impl fmt::Display for ClockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ahead.num_milliseconds().unsigned_abs() as f64 / 1000.0;
        let side = match self.ahead < TimeDelta::zero() {
            true => "behind",
            false => "ahead of",
        };
        write!(
            f,
            "this machine's clock is {seconds:.1} s {side} the database's; set both by NTP"
        )
    }
}

/// A time to wait in whole seconds, rounded up; at least one.
pub fn whole_seconds(wait: Duration) -> u64 {
    let partial = u64::from(wait.subsec_nanos() > 0);
    (wait.as_secs() + partial).max(1)
}

/// The system's clock, or a clock that a test sets.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    set: Option<Arc<AtomicI64>>,
    /// How far a test has put this clock ahead of the database's.
    ahead: TimeDelta,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that shows `now` until it is advanced. Its clones share the time.
    pub fn standing_at(now: Timestamp) -> Self {
        Self {
            set: Some(Arc::new(AtomicI64::new(now.utc().timestamp_micros()))),
            ahead: TimeDelta::zero(),
        }
    }

    /// The same clock on a machine whose clock is wrong by `ahead`, for a test.
    #[must_use]
    pub fn wrong_by(&self, ahead: TimeDelta) -> Self {
        Self {
            ahead,
            ..self.clone()
        }
    }

    /// What the database's clock shows if a test has set it; `None` means to ask the database.
    pub fn set_in_database(&self) -> Option<Timestamp> {
        Timestamp::from_micros(self.set.as_ref()?.load(Ordering::SeqCst))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        let system = || DateTime::<Utc>::from(std::time::SystemTime::now()).into();
        self.set_in_database()
            .unwrap_or_else(system)
            .plus(self.ahead)
    }

    /// The time since an arbitrary point in the past. It never decreases, even if an operator sets the
    /// system's clock back.
    pub fn elapsed(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.set {
            Some(micros) => {
                let micros = micros.load(Ordering::SeqCst);
                Duration::from_micros(micros.try_into().unwrap_or_default())
            }
            None => START.elapsed(),
        }
    }

    /// Advances a clock of a test; does nothing to the system's clock.
    pub fn advance(&self, delta: TimeDelta) {
        if let (Some(micros), Some(step)) = (&self.set, delta.num_microseconds()) {
            micros.fetch_add(step, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_microseconds() {
        let fine = DateTime::from_timestamp(1, 123_456_789).unwrap();
        assert_eq!(
            Timestamp::from(fine).to_string(),
            "1970-01-01T00:00:01.123456Z"
        );
    }

    #[test]
    fn clocks_differ_only_if_the_time_of_the_query_does_not_explain_it() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let found = |before, database, elapsed| {
            let found =
                ClockDifference::find(at(before), at(database), Duration::from_secs(elapsed));
            found.map(|it| it.ahead.num_seconds())
        };
        assert_eq!(found(100, 98, 0), None);
        assert_eq!(found(100, 97, 0), Some(3));
        assert_eq!(found(100, 102, 0), None);
        assert_eq!(found(100, 103, 0), Some(-3));
        assert_eq!(found(100, 103, 5), None);
        assert_eq!(found(100, 109, 5), Some(-4));
    }

    #[test]
    fn clones_of_a_set_clock_advance_together() {
        let clock = Clock::standing_at(Timestamp::from_seconds(100).unwrap());
        let clone = clock.clone();
        clock.advance(TimeDelta::seconds(5));
        assert_eq!(clone.now().seconds(), 105);
        assert_eq!(clone.now(), clone.now());
    }
}
