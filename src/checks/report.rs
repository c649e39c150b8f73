//! What a check finds, and how Django prints it.

use std::fmt;

/// How bad it is, with Django's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Level {
    /// For developers of vestibule.
    Debug,
    /// To know.
    Info,
    /// To look at.
    Warning,
    /// It will not work.
    Error,
    /// It must not run.
    Critical,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Stable: scripts may look for it.
    pub id: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Issue {
    pub(super) fn new(
        id: &'static str,
        level: Level,
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

/// What was found, as Django's `check` prints it.
pub struct Report {
    issues: Vec<Issue>,
}

impl Report {
    /// The report of these issues, the same one named twice only once.
    pub fn new(issues: Vec<Issue>) -> Self {
        let mut once: Vec<Issue> = Vec::new();
        for issue in issues {
            if !once.contains(&issue) {
                once.push(issue);
            }
        }
        Self { issues: once }
    }

    /// Whether anything is as bad as `level`, or worse.
    pub fn reaches(&self, level: Level) -> bool {
        self.issues.iter().any(|issue| issue.level >= level)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.issues.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = [
            (Level::Critical, "CRITICALS"),
            (Level::Error, "ERRORS"),
            (Level::Warning, "WARNINGS"),
            (Level::Info, "INFOS"),
            (Level::Debug, "DEBUGS"),
        ];
        if !self.is_empty() {
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
            for Issue {
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
        write!(f, "System check identified {count} (0 silenced).")
    }
}
