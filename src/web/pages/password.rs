//! The password forms. No page ever shows a password.

use askama::Template;

use super::frame::PageFrame;
use crate::settings::LoginField;

/// `GET /login`: the password form, and a link to log in with WorkOS.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
    /// The form; `None` where passwords are not used.
    pub form: Option<LoginForm<'a>>,
    /// The address of the log-in with WorkOS, including an encoded `next` if there is one.
    pub workos_url: &'a str,
    /// Whether the log-in with WorkOS is shown above the form.
    pub workos_first: bool,
    /// Where a user who is already signed in can continue.
    pub continue_url: &'a str,
}

/// The login field and the password field, and their errors.
#[derive(Clone, Copy, Debug)]
pub struct LoginForm<'a> {
    /// What the login field asks for.
    pub field: LoginField,
    /// The email or username that was entered.
    pub login_name: &'a str,
    /// The validated page to return to; may be empty.
    pub next: &'a str,
    /// The error of the form as a whole.
    pub refusal: Option<&'a str>,
    /// The errors of the login field.
    pub name_errors: &'a [String],
    /// The errors of the password field.
    pub password_errors: &'a [String],
    /// The log-in with WorkOS, which verifies the email address.
    pub forgot_url: &'a str,
}

impl LoginForm<'_> {
    /// Whether the form has any error.
    pub fn failed(&self) -> bool {
        let complete = self.name_errors.is_empty() && self.password_errors.is_empty();
        self.refusal.is_some() || !complete
    }

    /// The element id of the form's error, which describes both fields; empty without one.
    pub fn refusal_id(&self) -> &'static str {
        self.refusal.map_or("", |_| "refusal")
    }

    /// The label of the login field.
    pub fn label(&self) -> &'static str {
        match self.field {
            LoginField::Email => "Email",
            LoginField::Username => "Username or email",
        }
    }

    /// The login field's name and element id.
    pub fn field_name(&self) -> &'static str {
        self.field.name()
    }

    /// Whether the login field gets the focus, or else the password field.
    pub fn focuses_name(&self) -> bool {
        !self.name_errors.is_empty() || !self.failed()
    }
}

/// The errors of the form that changes a password, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordChangeErrors {
    /// Of the old password.
    pub old_password: Vec<String>,
    /// Of the new password.
    pub new_password1: Vec<String>,
    /// Of the confirmation, or of both new passwords.
    pub new_password2: Vec<String>,
}

impl PasswordChangeErrors {
    /// Whether there is any error. All three fields are then empty, and the first has the focus.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// The element id of the sentence that nothing was changed; empty without errors.
    pub fn summary_id(&self) -> &'static str {
        if self.any() { "not-changed" } else { "" }
    }
}
