//! What an import did: counts, and what it would not take and why.

use std::collections::BTreeMap;
use std::fmt;

use super::ImportOptions;

/// How many rows of a kind are named.
const NAMED: usize = 5;

/// Why a row was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalReason {
    /// Ids are whole numbers here.
    KeyNoInteger,
    /// Below 1, or so high that no id would be left.
    KeyOutOfRange,
    /// It was brought before, and its account was deleted here since.
    DeletedHere,
    /// The id is somebody else's here.
    IdTaken,
    /// No account can have this e-mail.
    BadEmail(&'static str),
    /// Another account has the e-mail, in whatever case.
    EmailTaken,
    /// No user of WorkOS's can have this id.
    BadWorkosId,
    /// Another account is linked to this user of WorkOS's.
    WorkosIdTaken,
    /// A time that cannot be read.
    NoTime,
    /// A flag that is neither yes nor no.
    NoFlag,
    /// A NUL character, which PostgreSQL cannot keep.
    Nul,
    /// Bytes that are no text.
    NotUtf8,
    /// A token without an id.
    NoJti,
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyNoInteger => "key is no integer",
            Self::KeyOutOfRange => "key out of range",
            Self::DeletedHere => "account was deleted here since",
            Self::IdTaken => "id already taken here by somebody else",
            Self::BadEmail(problem) => problem,
            Self::EmailTaken => "e-mail belongs to another account",
            Self::BadWorkosId => "WorkOS id with spaces or control characters",
            Self::WorkosIdTaken => "WorkOS user is linked to another account",
            Self::NoTime => "time that cannot be read",
            Self::NoFlag => "flag that is neither true nor false",
            Self::Nul => "NUL character",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::NoJti => "token without a jti",
        })
    }
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// The row's key, as it may be shown.
    pub id: String,
    /// Why.
    pub reason: RefusalReason,
    /// The account that is in the way.
    pub other: Option<i64>,
}

impl RefusedRow {
    pub(super) fn new(id: impl fmt::Display, reason: RefusalReason) -> Self {
        Self {
            id: id.to_string(),
            reason,
            other: None,
        }
    }

    pub(super) fn by(self, other: i64) -> Self {
        Self {
            other: Some(other),
            ..self
        }
    }
}

impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.other {
            Some(other) => write!(f, "{} (by {other})", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// Counts of one kind of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportTally {
    /// New here.
    pub taken: u64,
    /// Here already, changed in Django since.
    pub updated: u64,
    /// Here already.
    pub unchanged: u64,
    /// Tokens past their end, which need no blacklist.
    pub expired: u64,
    /// Of each reason, how many and the first few.
    pub refused: BTreeMap<RefusalReason, (u64, Vec<RefusedRow>)>,
}

impl ImportTally {
    /// How many rows were not taken, or not wholly.
    pub fn refused(&self) -> u64 {
        self.refused.values().map(|(count, _)| count).sum()
    }

    pub(super) fn refuse(&mut self, refusal: RefusedRow) {
        let (count, first) = self.refused.entry(refusal.reason).or_default();
        *count += 1;
        if first.len() < NAMED {
            first.push(refusal);
        }
    }

    pub(super) fn add(&mut self, batch: Self) {
        self.taken += batch.taken;
        self.updated += batch.updated;
        self.unchanged += batch.unchanged;
        self.expired += batch.expired;
        for (reason, (count, first)) in batch.refused {
            let (total, named) = self.refused.entry(reason).or_default();
            *total += count;
            let room = NAMED.saturating_sub(named.len());
            named.extend(first.into_iter().take(room));
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in [
            ("taken", self.taken),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
        ] {
            write!(f, "\n  {name:<10}{count:>12}")?;
        }
        if self.expired > 0 {
            write!(f, "\n  {:<10}{:>12}", "expired", self.expired)?;
        }
        write!(f, "\n  {:<10}{:>12}", "refused", self.refused())?;
        for (reason, (count, first)) in &self.refused {
            let named: Vec<_> = first.iter().map(RefusedRow::to_string).collect();
            let more = if *count > NAMED as u64 { ", …" } else { "" };
            write!(f, "\n    {count:>8}  {reason}: {}{more}", named.join(", "))?;
        }
        Ok(())
    }
}

/// What an import did.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// Accounts.
    pub users: ImportTally,
    /// simplejwt's blacklisted refresh tokens; `None`: Django has no such table.
    pub tokens: Option<ImportTally>,
    heading: String,
}

impl ImportReport {
    pub(super) fn new(options: &ImportOptions) -> Self {
        let would = if options.dry_run {
            ", had this not been a dry run"
        } else {
            ""
        };
        Self {
            users: ImportTally::default(),
            tokens: None,
            heading: format!(
                "{} of {}{would}:",
                options.table.escape_debug(),
                options.from
            ),
        }
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users, from {}", self.heading)?;
        self.users.write(f)?;
        if let Some(tokens) = &self.tokens {
            f.write_str("\nBlacklisted refresh tokens:")?;
            tokens.write(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_count_and_a_bounded_list() {
        let mut tally = ImportTally::default();
        for id in 1..=3 {
            let mut batch = ImportTally {
                taken: 10,
                ..ImportTally::default()
            };
            for part in 0..3 {
                batch.refuse(RefusedRow::new(id * 10 + part, RefusalReason::EmailTaken).by(7));
            }
            batch.refuse(RefusedRow::new(id, RefusalReason::Nul));
            tally.add(batch);
        }
        assert_eq!((tally.taken, tally.refused()), (30, 12));
        let report = ImportReport {
            users: tally,
            tokens: None,
            heading: "x:".to_owned(),
        };
        let text = report.to_string();
        assert!(text.contains("9  e-mail belongs to another account: 10 (by 7), 11 (by 7), 12 (by 7), 20 (by 7), 21 (by 7), …"), "{text}");
        assert!(text.contains("3  NUL character: 1, 2, 3"), "{text}");
        assert!(!text.contains("1, 2, 3, …"), "{text}");
    }
}
