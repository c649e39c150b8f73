//! The findings of the checks, and the report in Django's format.

use std::fmt;

/// The level of a finding, with Django's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum CheckLevel {
    /// Of use to vestibule's developers.
    Debug,
    /// Of use to the operator.
    Info,
    /// Probably a mistake.
    Warning,
    /// Something will not work.
    Error,
    /// The site must not run.
    Critical,
}

/// One finding of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckMessage {
    /// The stable id of the check; scripts and `SILENCED_SYSTEM_CHECKS` refer to it.
    pub id: &'static str,
    /// The level.
    pub level: CheckLevel,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl CheckMessage {
    pub(super) fn new(
        id: &'static str,
        level: CheckLevel,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            id,
            level,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// Makes a sentence of an error or a hint: with a capital letter, and one full stop at its end.
pub(super) fn sentence(text: impl fmt::Display) -> String {
    let text = text.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    let mut sentence: String = first.into_iter().chain(letters).collect();
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

/// The findings of a run, as Django's `check` prints them.
pub struct CheckReport {
    issues: Vec<CheckMessage>,
    silenced: usize,
}

impl CheckReport {
    /// The report of these findings. Equal findings count once, and those of a silenced id are only
    /// counted.
    pub fn new(issues: Vec<CheckMessage>, silenced_ids: &[String]) -> Self {
        let mut unique: Vec<CheckMessage> = Vec::new();
        for issue in issues {
            if !unique.contains(&issue) {
                unique.push(issue);
            }
        }
        let is_silenced = |issue: &CheckMessage| silenced_ids.iter().any(|id| id == issue.id);
        let (silenced, issues): (Vec<_>, Vec<_>) = unique.into_iter().partition(is_silenced);
        Self {
            issues,
            silenced: silenced.len(),
        }
    }

    /// Whether there is a finding of this level or above.
    pub fn reaches(&self, level: CheckLevel) -> bool {
        self.issues.iter().any(|issue| issue.level >= level)
    }

    /// The findings that are not silenced.
    pub fn issues(&self) -> &[CheckMessage] {
        &self.issues
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = [
            (CheckLevel::Critical, "CRITICALS"),
            (CheckLevel::Error, "ERRORS"),
            (CheckLevel::Warning, "WARNINGS"),
            (CheckLevel::Info, "INFOS"),
            (CheckLevel::Debug, "DEBUGS"),
        ];
        if !self.issues.is_empty() {
            writeln!(f, "System check identified some issues:\n")?;
        }
        for (level, heading) in groups {
            let mut group = self
                .issues
                .iter()
                .filter(|issue| issue.level == level)
                .peekable();
            if group.peek().is_none() {
                continue;
            }
            writeln!(f, "{heading}:")?;
            for CheckMessage {
                id, message, hint, ..
            } in group
            {
                writeln!(f, "?: ({id}) {message}\n\tHINT: {hint}")?;
            }
            writeln!(f)?;
        }
        let count = match self.issues.len() {
            0 => "no issues".to_owned(),
            1 => "1 issue".to_owned(),
            many => format!("{many} issues"),
        };
        let silenced = self.silenced;
        write!(f, "System check identified {count} ({silenced} silenced).")
    }
}
