//! The pages of a sign-in that WorkOS has not finished.

use askama::Template;

use super::{Action, Page};

/// `GET /auth/step`: an organisation to choose, or a code to type.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "step.html")]
pub struct Step<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// Where the form goes.
    pub action: &'a str,
    /// When this was asked, which tells it from the question after it.
    pub asked_at: &'a str,
    /// What is asked for.
    pub ask: Ask<'a>,
    /// What was wrong with the answer.
    pub errors: &'a [String],
    /// A fresh sign-in, which has a new code sent.
    pub afresh_url: &'a str,
    /// The same for another person.
    pub another_url: &'a str,
}

/// What a person is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// One of these organisations.
    Organization(&'a [Choice<'a>]),
    /// The code that was sent to this address.
    Email(Option<&'a str>),
    /// The code that an authenticator shows.
    Totp,
}

/// An organisation to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// WorkOS's id.
    pub id: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// Whether it is the one that was chosen before, or is in use.
    pub checked: bool,
    /// Whether the focus goes there after a mistake: to the one that is checked, or else the first.
    pub focused: bool,
}

/// A sign-in that goes on at WorkOS, where the person has to ask for it.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "elsewhere.html")]
pub struct Elsewhere<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// What is missing, in a few words.
    pub heading: &'a str,
    /// What it is, and what happens next.
    pub message: &'a str,
    /// The way on.
    pub action: Action<'a>,
    /// The same for another person.
    pub another_url: &'a str,
}
