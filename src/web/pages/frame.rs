//! What all pages have in common: header, notice, footer.

use std::borrow::Cow;

/// The site's name, shown in the header, in the footer and after each title.
pub const SITE_NAME: &str = "Vestibule";
/// The most characters of an email address that fit into any line.
const SHORT_EMAIL: usize = 22;

/// The data of `base.html`, which every page extends.
#[derive(Clone, Copy, Debug)]
pub struct PageFrame<'a> {
    /// The style sheet's address, e.g. `/static/style.css?v=1a2b3c`.
    pub style_url: &'a str,
    /// The icon's address, for the browser tab and the header.
    pub icon_url: &'a str,
    /// The header's navigation.
    pub nav: Nav<'a>,
    /// A message above the page's own content, such as "You cancelled the sign-in."
    pub notice: Option<Notice<'a>>,
}

impl<'a> PageFrame<'a> {
    /// The signed-in user, if the page knows of one.
    pub fn user(&self) -> Option<&CurrentUser<'a>> {
        match &self.nav {
            Nav::SignedIn(user) => Some(user),
            Nav::Hidden | Nav::SignedOut => None,
        }
    }
}

/// The header's navigation.
#[derive(Clone, Copy, Debug)]
pub enum Nav<'a> {
    /// Only the site's name: for pages that do not know who is signed in.
    Hidden,
    /// A log-in link.
    SignedOut,
    /// The account link and a log-out link, below the banner if the session is impersonated.
    SignedIn(CurrentUser<'a>),
}

/// The signed-in user, as pages show them.
#[derive(Clone, Copy, Debug)]
pub struct CurrentUser<'a> {
    /// The email address, as given; may be empty.
    pub email: &'a str,
    /// The username of an account without an email address; else empty.
    pub username: &'a str,
    /// The given name; may be empty.
    pub first_name: &'a str,
    /// The family name; may be empty.
    pub last_name: &'a str,
    /// The picture's address; only `https:` and `http:` addresses are shown.
    pub picture_url: Option<&'a str>,
    /// Who impersonates the user in this session.
    pub impersonator: Option<ImpersonationBanner<'a>>,
}

impl<'a> CurrentUser<'a> {
    /// The first and last name, or one of them, or else the email address or the username.
    pub fn name(&self) -> Cow<'a, str> {
        match (self.first_name.trim(), self.last_name.trim()) {
            ("", "") => Cow::Borrowed(self.identifier()),
            (name, "") | ("", name) => Cow::Borrowed(name),
            (first, last) => Cow::Owned(format!("{first} {last}")),
        }
    }

    /// The email address, or else the username. An account may have neither.
    pub fn identifier(&self) -> &'a str {
        match (self.email, self.username) {
            ("", "") => "Nameless account",
            ("", username) => username,
            (email, _) => email,
        }
    }

    /// The email address in the parts between which a line may be broken: before the `@` if the address
    /// may be too long for a line of a phone, and before each dot of a domain that is too long by itself.
    pub fn email_parts(&self) -> Vec<&'a str> {
        let is_short = |text: &str| text.chars().count() <= SHORT_EMAIL;
        let Some(at) = self.email.rfind('@').filter(|_| !is_short(self.email)) else {
            return vec![self.email];
        };
        let (local, mut domain) = self.email.split_at(at);
        let mut labels = Vec::new();
        if !is_short(domain) {
            while let Some(dot) = domain.rfind('.') {
                let (rest, label) = domain.split_at(dot);
                labels.insert(0, label);
                domain = rest;
            }
        }
        [vec![local, domain], labels].concat()
    }

    /// Whether the user has a first or last name.
    pub fn has_name(&self) -> bool {
        !self.first_name.trim().is_empty() || !self.last_name.trim().is_empty()
    }

    /// One or two letters, shown in place of a picture.
    pub fn initials(&self) -> String {
        let names = [self.first_name, self.last_name];
        let letters: String = names.into_iter().filter_map(first_letter).collect();
        let letters = if letters.is_empty() {
            first_letter(self.email)
                .or_else(|| first_letter(self.username))
                .map(String::from)
                .unwrap_or_default()
        } else {
            letters
        };
        letters.to_uppercase()
    }

    /// The picture's address, if a browser could load it.
    pub fn picture(&self) -> Option<&'a str> {
        // A `data:` or `javascript:` address would only be refused by the policy and logged.
        self.picture_url
            .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
    }
}

fn first_letter(text: &str) -> Option<char> {
    text.chars().find(|letter| letter.is_alphanumeric())
}

/// The banner above every page of an impersonated session.
#[derive(Clone, Copy, Debug)]
pub struct ImpersonationBanner<'a> {
    /// The impersonator's email address.
    pub email: &'a str,
    /// The reason that was given in WorkOS's dashboard.
    pub reason: Option<&'a str>,
}

/// A message above the page's own content.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// Selects colour and symbol.
    pub level: NoticeLevel,
    /// One or two sentences.
    pub text: &'a str,
}

/// The level of a [`Notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeLevel {
    /// Information.
    Info,
    /// Something did not work as requested.
    Warning,
    /// Something was done.
    Success,
}

impl NoticeLevel {
    /// The class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Success => "success",
        }
    }
}

/// A link that is styled as a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionLink<'a> {
    /// The button's text, e.g. "Try again".
    pub label: &'a str,
    /// The link's address.
    pub url: &'a str,
}
