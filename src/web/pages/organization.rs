//! The organisation section of the account page.

use super::step_page::OrganizationChoice;

/// The session's organisation, and those that the user can switch to.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrganizationSection<'a> {
    /// The name of the session's organisation, if WorkOS told it.
    pub current: Option<&'a str>,
    /// The user's other organisations.
    pub choices: &'a [OrganizationChoice<'a>],
    /// WorkOS could not list the organisations.
    pub unavailable: bool,
    /// The user has more organisations than are listed.
    pub truncated: bool,
    /// The errors of the form that switches organisations.
    pub errors: &'a [String],
}
