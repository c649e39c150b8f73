//! The report of an import: counts, and the refused rows with their reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::options::ImportOptions;
pub use super::refusal::{CountLabel, RefusalReason, RefusedRow};
use super::source_notes::SourceNotes;
use crate::accounts::User;

/// How many refused rows are named for each reason.
const NAMED: usize = 5;
/// How many accounts are named for each remark that a later run repeats.
const NAMED_OF_ALL: usize = 10;

/// Counts of imported rows: users or tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportTally {
    /// Rows that were inserted. The report calls them `taken`.
    pub inserted: u64,
    /// Rows that were imported before and have changed in Django.
    pub updated: u64,
    /// Rows that were imported before and have not changed.
    pub unchanged: u64,
    /// Accounts of rows that are open after the import.
    pub open: u64,
    /// Accounts of rows that are closed after the import.
    pub closed: u64,
    /// Expired tokens, which need no blacklist.
    pub expired: u64,
    /// For each reason the number of refused rows, and the first of them.
    pub refused: BTreeMap<RefusalReason, (u64, Vec<RefusedRow>)>,
    /// For each scheme of Django's password hashes the number of rows that were imported, or compared.
    pub hashes: BTreeMap<&'static str, u64>,
    /// For each kind of what accounts have in other tables the number of imported or removed rows.
    pub items: BTreeMap<CountLabel, u64>,
    /// The providers of the identities that were read.
    pub providers: BTreeSet<String>,
    /// For each remark all accounts that it is about. A later run names them again.
    pub named: BTreeMap<CountLabel, Vec<String>>,
    /// For each remark on what was removed all accounts that it is about. No later run names them.
    pub removed: BTreeMap<CountLabel, Vec<String>>,
    /// For each remark the number of rows that it is about, and the first of them.
    pub notes: BTreeMap<CountLabel, (u64, Vec<String>)>,
    /// For each reason all accounts that are closed in Django, or may be, and open here.
    pub still_open: BTreeMap<CountLabel, Vec<String>>,
}

impl ImportTally {
    /// The number of rows that were refused, wholly or in part.
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

    pub(super) fn count_account(&mut self, is_open: bool) {
        match is_open {
            true => self.open += 1,
            false => self.closed += 1,
        }
    }

    pub(super) fn count_item(&mut self, kind: CountLabel) {
        *self.items.entry(kind).or_default() += 1;
    }

    /// Names an account, whatever the number of those that the remark is about.
    pub(super) fn name(&mut self, remark: CountLabel, key: impl fmt::Display) {
        self.named.entry(remark).or_default().push(key.to_string());
    }

    /// Names an account from which something was removed.
    pub(super) fn name_removal(&mut self, remark: CountLabel, key: impl fmt::Display) {
        let named = self.removed.entry(remark).or_default();
        named.push(key.to_string());
    }

    /// Names an account that is closed in Django, or may be, and open here.
    pub(super) fn name_still_open(&mut self, reason: CountLabel, user: &User) {
        let name = format!("{} ({})", user.key(), user.label().escape_debug());
        self.still_open.entry(reason).or_default().push(name);
    }

    pub(super) fn note(&mut self, remark: CountLabel, row: impl fmt::Display) {
        let (count, first) = self.notes.entry(remark).or_default();
        *count += 1;
        if first.len() < NAMED {
            first.push(row.to_string());
        }
    }

    pub(super) fn add(&mut self, batch: Self) {
        self.inserted += batch.inserted;
        self.updated += batch.updated;
        self.unchanged += batch.unchanged;
        self.expired += batch.expired;
        self.open += batch.open;
        self.closed += batch.closed;
        for (reason, (count, first)) in batch.refused {
            let (total, named) = self.refused.entry(reason).or_default();
            *total += count;
            let missing = NAMED.saturating_sub(named.len());
            named.extend(first.into_iter().take(missing));
        }
        for (scheme, count) in batch.hashes {
            *self.hashes.entry(scheme).or_default() += count;
        }
        for (kind, count) in batch.items {
            *self.items.entry(kind).or_default() += count;
        }
        self.providers.extend(batch.providers);
        for (remark, accounts) in batch.named {
            self.named.entry(remark).or_default().extend(accounts);
        }
        for (remark, accounts) in batch.removed {
            self.removed.entry(remark).or_default().extend(accounts);
        }
        for (reason, accounts) in batch.still_open {
            self.still_open.entry(reason).or_default().extend(accounts);
        }
        for (remark, (count, first)) in batch.notes {
            let (total, named) = self.notes.entry(remark).or_default();
            *total += count;
            let missing = NAMED.saturating_sub(named.len());
            named.extend(first.into_iter().take(missing));
        }
    }

    /// `names_all`: whether all accounts are named that a remark is about.
    fn write(&self, f: &mut fmt::Formatter<'_>, names_all: bool) -> fmt::Result {
        for (name, count) in [
            ("taken", self.inserted),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
        ] {
            write!(f, "\n  {name:<10}{count:>12}")?;
        }
        if self.expired > 0 {
            write!(f, "\n  {:<10}{:>12}", "expired", self.expired)?;
        }
        write!(f, "\n  {:<10}{:>12}", "refused", self.refused())?;
        self.write_refusals(f)?;
        if self.open + self.closed > 0 {
            write!(
                f,
                "\n  accounts after the import\n    {:>8} open\n    {:>8} closed",
                self.open, self.closed
            )?;
        }
        self.write_remarks(f)?;
        self.write_named(f, names_all)
    }

    fn write_refusals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, (count, first)) in &self.refused {
            let named: Vec<_> = first.iter().map(RefusedRow::to_string).collect();
            write_rows(f, *count, for_count(reason.label(), *count), &named)?;
            if let Some(advice) = reason.advice() {
                write!(f, "\n              {advice}")?;
            }
        }
        Ok(())
    }

    fn write_remarks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.hashes.is_empty() {
            f.write_str("\n  passwords")?;
        }
        for (scheme, count) in &self.hashes {
            write!(f, "\n    {count:>8} {scheme}")?;
        }
        if !self.items.is_empty() {
            f.write_str("\n  other tables")?;
        }
        for (kind, count) in &self.items {
            write!(f, "\n    {count:>8} {}", for_count(*kind, *count))?;
        }
        if !self.notes.is_empty() {
            f.write_str("\n  notes")?;
        }
        for (remark, (count, first)) in &self.notes {
            write_rows(f, *count, for_count(*remark, *count), first)?;
        }
        Ok(())
    }

    fn write_named(&self, f: &mut fmt::Formatter<'_>, names_all: bool) -> fmt::Result {
        for (remark, accounts) in &self.removed {
            let remark = for_count(*remark, accounts.len() as u64);
            write!(f, "\n  {remark}:\n    {}", accounts.join(", "))?;
        }
        for (remark, accounts) in &self.named {
            let remark = for_count(*remark, accounts.len() as u64);
            match accounts.get(..NAMED_OF_ALL) {
                Some(first) if accounts.len() > first.len() && !names_all => write!(
                    f,
                    "\n  {remark}:\n    {} accounts, which a run with --verbose names, with --dry-run too: {}, …",
                    accounts.len(),
                    first.join(", ")
                )?,
                _ => write!(f, "\n  {remark}:\n    {}", accounts.join(", "))?,
            }
        }
        Ok(())
    }
}

fn for_count((plural, singular): CountLabel, count: u64) -> &'static str {
    if count == 1 { singular } else { plural }
}

fn write_rows(
    f: &mut fmt::Formatter<'_>,
    count: u64,
    what: impl fmt::Display,
    first: &[String],
) -> fmt::Result {
    let more = if count > NAMED as u64 { ", …" } else { "" };
    write!(f, "\n    {count:>8} {what}: {}{more}", first.join(", "))
}

/// The report of an import. It is printed when the import ends.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// Counts of users.
    pub users: ImportTally,
    /// Counts of simplejwt's blacklisted refresh tokens; `None` if Django has no such table.
    pub tokens: Option<ImportTally>,
    /// The tables of Django's that refer to its user table and are not imported, with their rows.
    pub not_imported: BTreeMap<String, u64>,
    /// What to know if the source may lack tables of second factors.
    pub second_factors: Option<String>,
    /// The options of earlier imports that name second factors, and count in this one too.
    pub factor_options: Option<String>,
    /// What to know about columns by which earlier imports closed accounts: those that the source lacks, and new values
    /// that open such accounts.
    pub closed_accounts: Vec<String>,
    /// What to know about columns and tables of the source.
    pub source: SourceNotes,
    /// Whether all accounts are named that a remark is about.
    pub names_all: bool,
    heading: String,
}

impl ImportReport {
    pub(super) fn new(options: &ImportOptions) -> Self {
        let condition = if options.dry_run {
            ", had this not been a dry run"
        } else {
            ""
        };
        Self {
            users: ImportTally::default(),
            tokens: None,
            not_imported: BTreeMap::new(),
            second_factors: None,
            factor_options: None,
            closed_accounts: Vec::new(),
            source: SourceNotes::default(),
            names_all: false,
            heading: format!(
                "{} of {}{condition}:",
                options.table.escape_debug(),
                options.from
            ),
        }
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users, from {}", self.heading)?;
        self.users.write(f, self.names_all)?;
        if let Some(tokens) = &self.tokens {
            f.write_str("\nBlacklisted refresh tokens:")?;
            tokens.write(f, self.names_all)?;
        }
        for remark in &self.closed_accounts {
            write!(f, "\nClosed accounts: {remark}")?;
        }
        if let Some(remark) = &self.second_factors {
            write!(f, "\nSecond factors: {remark}")?;
        }
        if let Some(options) = &self.factor_options {
            write!(
                f,
                "\nSecond factors, by options of earlier imports: {options}"
            )?;
        }
        self.source.fmt(f)?;
        if !self.not_imported.is_empty() {
            f.write_str("\nNot imported, by table:")?;
        }
        for (table, count) in &self.not_imported {
            write!(f, "\n    {count:>8} {}", table.escape_debug())?;
        }
        // The last lines are the ones that are read.
        for (reason, accounts) in &self.users.still_open {
            let reason = for_count(*reason, accounts.len() as u64);
            write!(f, "\n{reason}:\n    {}", accounts.join("\n    "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
