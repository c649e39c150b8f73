//! How long expired rows are kept.

use chrono::TimeDelta;

use super::error::SettingsError;
use super::reader::Reader;
use super::source::Source;
use super::tokens::{access_lifetime, leeway};

/// More than a year, so that an audit can compare a month with the same month of the year before.
const AUDIT_RETENTION_DAYS: i64 = 400;
/// Ten years.
const LONGEST_AUDIT_RETENTION: i64 = 3_650;

/// How long expired rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionSettings {
    /// The lifetime of an access token: the row of a revoked session is kept for as long.
    pub access_lifetime: TimeDelta,
    /// How long a refresh token is accepted after its end: its row is kept for as long.
    pub leeway: TimeDelta,
    /// How long audit events are kept.
    pub audit_events: TimeDelta,
}

impl RetentionSettings {
    /// Reads `ACCESS_TOKEN_LIFETIME`, `LEEWAY` and `AUDIT_RETENTION_DAYS` alone: `flushexpiredtokens` needs
    /// no key.
    pub fn from_source(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let lifetime = access_lifetime(&mut reader);
        let settings = Self::read(&mut reader, lifetime);
        reader.finish(settings)
    }

    pub(super) fn read(reader: &mut Reader<'_>, access_lifetime: TimeDelta) -> Self {
        Self {
            access_lifetime,
            leeway: leeway(reader),
            audit_events: TimeDelta::days(reader.number(
                "AUDIT_RETENTION_DAYS",
                &AUDIT_RETENTION_DAYS,
                1..=LONGEST_AUDIT_RETENTION,
            )),
        }
    }
}
