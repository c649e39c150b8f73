//! Home, and the questions before a log-out or a log-in that another site asked for.

use askama::Template;

use super::frame::PageFrame;

/// `GET /`: greets a signed-in user, and shows others how to log in.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage<'a> {
    /// Its `nav` decides whether the page shows the greeting or the log-in links.
    pub page: PageFrame<'a>,
    /// The address of the log-in link, including an encoded `next` if there is one.
    pub login_url: &'a str,
    /// The address of the password form; `None` where passwords are not used.
    pub password_login_url: Option<&'a str>,
}

impl HomePage<'_> {
    /// The log-in address with WorkOS's hint to offer signing up.
    pub fn sign_up_url(&self) -> String {
        let separator = if self.login_url.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{separator}screen_hint=sign-up", self.login_url)
    }
}

/// `GET /auth/logout` from another site: asks before it logs the user out.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "logout_confirm.html")]
pub struct LogoutConfirmPage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
}

/// `GET /auth/login` from another site while a user is signed in: asks before it replaces the session.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "replace_session.html")]
pub struct ReplaceSessionPage<'a> {
    /// The page's frame. It must have a user.
    pub page: PageFrame<'a>,
    /// The address that continues with the log-in.
    pub continue_url: &'a str,
}
