//! The pages of a sign-in that needs another step.

use askama::Template;

use super::frame::{ActionLink, PageFrame};
use crate::workos::Organization;

/// `GET /auth/step`: a choice of organisations, or a field for a code.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "step.html")]
pub struct StepPage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
    /// The form's address.
    pub action: &'a str,
    /// When the question was asked, which distinguishes it from the next question.
    pub asked_at: &'a str,
    /// The question.
    pub prompt: StepPrompt<'a>,
    /// The errors of the answer.
    pub errors: &'a [String],
    /// Starts the sign-in again, which sends a new code.
    pub restart_url: &'a str,
    /// Starts the sign-in again for another user.
    pub another_url: &'a str,
}

/// The question of a [`StepPage`].
#[derive(Clone, Copy, Debug)]
pub enum StepPrompt<'a> {
    /// A choice of these organisations.
    Organization(&'a [OrganizationChoice<'a>]),
    /// The code that was sent to this address.
    Email(Option<&'a str>),
    /// The code that an authenticator app shows.
    Totp,
}

/// An organisation to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrganizationChoice<'a> {
    /// WorkOS's id.
    pub id: &'a str,
    /// The name, or the id if there is none.
    pub name: &'a str,
    /// Whether it is selected.
    pub checked: bool,
    /// Whether it gets the focus after an error: the selected one, or else the first.
    pub focused: bool,
}

impl<'a> OrganizationChoice<'a> {
    /// Choices sorted by name; the one with the id `selected` is checked.
    pub fn sorted(
        organizations: impl Iterator<Item = &'a Organization>,
        selected: &str,
    ) -> Vec<Self> {
        let mut choices: Vec<Self> = organizations
            .map(|one| Self {
                id: &one.id,
                name: Self::name_of(one),
                checked: *one.id == *selected,
                focused: *one.id == *selected,
            })
            .collect();
        choices.sort_by_cached_key(|choice| choice.name.to_lowercase());
        if !choices.iter().any(|choice| choice.checked)
            && let Some(first) = choices.first_mut()
        {
            first.focused = true;
        }
        choices
    }

    /// An organisation's name, or its id if it has none.
    pub fn name_of(organization: &'a Organization) -> &'a str {
        match organization.name.trim() {
            "" => &organization.id,
            _ => &organization.name,
        }
    }
}

/// A sign-in that continues at WorkOS when the user follows the link.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "continue_at_workos.html")]
pub struct ContinueAtWorkosPage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
    /// What is missing, in a few words.
    pub heading: &'a str,
    /// What is missing, and what happens next.
    pub message: &'a str,
    /// The link to WorkOS.
    pub action: ActionLink<'a>,
    /// Starts the sign-in again for another user.
    pub another_url: &'a str,
}
