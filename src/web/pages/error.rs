//! The page of any error.

use askama::Template;

use super::frame::{ActionLink, PageFrame};

/// Any error, as a page.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
    /// The HTTP status, e.g. 503.
    pub status: u16,
    /// What happened, in a few words; also the page's title.
    pub heading: &'a str,
    /// What happened and what to do, in one or two sentences.
    pub message: &'a str,
    /// The request's id, under which the log has the details.
    pub request_id: Option<&'a str>,
    /// The first button; without one the page links to home.
    pub action: Option<ActionLink<'a>>,
    /// A second button.
    pub other: Option<ActionLink<'a>>,
}

impl<'a> ErrorPage<'a> {
    /// The first button, so that every error page leads somewhere.
    pub fn main_action(&self) -> ActionLink<'a> {
        self.action.unwrap_or(ActionLink {
            label: "Go home",
            url: "/",
        })
    }
}
