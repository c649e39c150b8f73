//! What is wrong with the settings.

use std::fmt;

use super::misspelt::MisspeltName;

/// The problem with a required setting that is absent or empty.
pub(super) const NOT_SET: &str = "not set";

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSetting {
    /// The variable, or `.env` where the file itself is at fault.
    pub name: &'static str,
    /// What is wrong with the value; never shows a secret.
    pub problem: String,
    /// What to do, as an order that begins with a verb.
    pub hint: String,
}

impl InvalidSetting {
    pub(super) fn new(
        name: &'static str,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            name,
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// Whether a required setting is absent, as when nothing has been set up yet.
    pub fn is_not_set(&self) -> bool {
        self.problem == NOT_SET
    }
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.name, self.problem, self.hint)
    }
}

/// All that is wrong with the settings.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", .invalid.iter().map(InvalidSetting::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SettingsError {
    /// Every setting that cannot be used.
    pub invalid: Vec<InvalidSetting>,
    /// Variables that look like misspelt settings: one of them may be a setting that is missing.
    pub misspelt: Vec<MisspeltName>,
}

impl From<InvalidSetting> for SettingsError {
    fn from(error: InvalidSetting) -> Self {
        Self {
            invalid: vec![error],
            misspelt: Vec::new(),
        }
    }
}
