//! The organisations on the account page.

use super::Choice;

/// Which organisations there are to switch to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Organizations<'a> {
    /// Those that the person belongs to; the session's own is checked.
    pub choices: &'a [Choice<'a>],
    /// WorkOS could not tell them.
    pub away: bool,
    /// There are more than those.
    pub cut: bool,
    /// What was wrong with the choice.
    pub errors: &'a [String],
}

impl<'a> Organizations<'a> {
    /// What people call the session's own.
    pub fn current(&self) -> Option<&'a str> {
        let current = self.choices.iter().find(|choice| choice.checked);
        current.map(|choice| choice.name)
    }
}
