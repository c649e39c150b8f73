//! The pages on which a password is typed; none of them ever shows one.

use askama::Template;

use super::Page;

/// `GET /login`: e-mail and password, with WorkOS beside them.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "login.html")]
pub struct Login<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// The form; `None` where nobody comes in by a password.
    pub form: Option<LoginForm<'a>>,
    /// The way to WorkOS, with `next` encoded in it where there is one.
    pub workos_url: &'a str,
    /// Whether it is the way that is offered first.
    pub workos_first: bool,
    /// Where whoever is signed in already goes on to.
    pub landing: &'a str,
}

/// E-mail and password, and what was wrong with them.
#[derive(Clone, Copy, Debug)]
pub struct LoginForm<'a> {
    /// What was typed.
    pub email: &'a str,
    /// The way back, checked; may be empty.
    pub next: &'a str,
    /// Why nobody came in.
    pub refusal: Option<&'a str>,
    /// What is wrong with the e-mail by itself.
    pub email_errors: &'a [String],
    /// What is wrong with the password by itself.
    pub password_errors: &'a [String],
    /// The way to WorkOS, which proves the e-mail.
    pub forgot_url: &'a str,
}

impl LoginForm<'_> {
    /// Whether there is anything to correct.
    pub fn failed(&self) -> bool {
        let complete = self.email_errors.is_empty() && self.password_errors.is_empty();
        self.refusal.is_some() || !complete
    }

    /// The id of the refusal's sentence, which describes both fields; empty without one.
    pub fn refusal_id(&self) -> &'static str {
        self.refusal.map_or("", |_| "refusal")
    }

    /// Whether the person goes on at the e-mail, or else at the password.
    pub fn begins_at_email(&self) -> bool {
        !self.email_errors.is_empty() || !self.failed()
    }
}

/// What is wrong with the form that changes a password, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordErrors {
    /// Of the old password.
    pub old_password: Vec<String>,
    /// Of the new one.
    pub new_password1: Vec<String>,
    /// Of the new one's repetition, or of both.
    pub new_password2: Vec<String>,
}

impl PasswordErrors {
    /// Whether there is anything to correct. All three are typed again then, from the first on.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// The id of the sentence that nothing was changed; empty without one.
    pub fn summary_id(&self) -> &'static str {
        if self.any() { "not-changed" } else { "" }
    }
}
