//! The pages of the second factor.

use askama::Template;
use chrono::{DateTime, Utc};
use qrcodegen::QrCodeEcc;

use super::frame::PageFrame;

/// The light modules around a QR code, which readers need (ISO/IEC 18004).
const QUIET_ZONE: i32 = 4;

/// `GET /login/code`: the field for the code that follows a password.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "login_code.html")]
pub struct LoginCodePage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
    /// The validated page to return to; may be empty.
    pub next: &'a str,
    /// Whether a recovery code is asked for.
    pub recovery: bool,
    /// The errors of the code.
    pub errors: &'a [String],
    /// The same page for the other kind of code.
    pub other_url: &'a str,
    /// The log-in form.
    pub restart_url: &'a str,
}

/// The account page's section about the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticatorSection {
    /// The account cannot have one.
    Hidden,
    /// It is not set up.
    Off,
    /// It is set up.
    On {
        /// The number of unused recovery codes.
        recovery_codes: i64,
    },
}

/// `GET /account/authenticator` without a factor: the secret, and the field for a code that confirms
/// it.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "authenticator_setup.html")]
pub struct AuthenticatorSetupPage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
    /// The address as a QR code; `None` if it is too long for one.
    pub qr_code: Option<&'a QrCode>,
    /// The address that adds the account to an app on the same device.
    pub uri: &'a str,
    /// The secret for typing.
    pub secret: &'a str,
    /// The encrypted state of the set-up.
    pub setup: &'a str,
    /// The errors of the code.
    pub errors: &'a [String],
}

/// `GET /account/authenticator` with a factor.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "authenticator.html")]
pub struct AuthenticatorPage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
    /// When the factor was set up.
    pub created_at: DateTime<Utc>,
    /// The number of unused recovery codes.
    pub recovery_codes: i64,
    /// The errors of the forms.
    pub forms: &'a AuthenticatorForms,
}

/// The errors of the forms of an [`AuthenticatorPage`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticatorForms {
    /// Of the form that makes new recovery codes.
    pub recovery_codes_errors: Vec<String>,
    /// Of the form that removes the factor.
    pub remove_errors: Vec<String>,
}

impl AuthenticatorForms {
    /// Whether there is any error.
    pub fn failed(&self) -> bool {
        *self != Self::default()
    }
}

/// New recovery codes, which are shown once.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "recovery_codes.html")]
pub struct RecoveryCodesPage<'a> {
    /// The page's frame.
    pub page: PageFrame<'a>,
    /// The codes.
    pub codes: &'a [String],
}

/// A QR code as the path of an SVG image.
#[derive(Clone, Debug)]
pub struct QrCode {
    /// The width and height, including the quiet zone, in modules.
    pub size: i32,
    /// The dark modules.
    pub path: String,
}

impl QrCode {
    /// The QR code of a text; `None` if the text is too long.
    pub fn new(text: &str) -> Option<Self> {
        let code = qrcodegen::QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let modules = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark = modules.filter(|(x, y)| code.get_module(*x, *y));
        let path = dark.map(|(x, y)| format!("M{},{}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE));
        Some(Self {
            size: code.size() + 2 * QUIET_ZONE,
            path: path.collect(),
        })
    }
}
