//! Reads one variable after another and collects what is wrong.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use secrecy::SecretString;

use super::{DatabaseUrl, SettingError, SettingsError, Source};

/// What is said of a required variable that is absent or empty.
pub(super) const NOT_SET: &str = "not set";

/// A mistake is kept and the default stands in, so that the reading goes on to the next variable;
/// [`Reader::finish`] lets nothing out when there was one.
pub(super) struct Reader<'a> {
    source: &'a Source,
    errors: Vec<SettingError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self {
            source,
            errors: Vec::new(),
        }
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.errors.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError(self.errors))
        }
    }

    /// An optional variable; empty counts as unset, as compose files leave it.
    pub(super) fn value<T>(
        &mut self,
        name: &'static str,
        default: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        if let Some(text) = self.text(name) {
            match parse(text) {
                Some(value) => return value,
                None => self.wrong(name, shown(text), wanted),
            }
        }
        standing_in(parse(default))
    }

    /// A variable that may be set to nothing, which is not the same as leaving it unset.
    pub(super) fn or_nothing<T>(
        &mut self,
        name: &'static str,
        default: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        match self.source.get(name).map(str::trim) {
            Some("") => None,
            _ => Some(self.value(name, default, wanted, parse)),
        }
    }

    /// A variable without a default.
    pub(super) fn required<T: Default>(
        &mut self,
        name: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let Some(text) = self.text(name) else {
            self.wrong(name, NOT_SET, wanted);
            return T::default();
        };
        parse(text).unwrap_or_else(|| {
            self.wrong(name, shown(text), wanted);
            T::default()
        })
    }

    /// A variable that may be left unset.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(text);
        if value.is_none() {
            self.wrong(name, shown(text), wanted);
        }
        value
    }

    /// A variable that may be left unset, and whose value is never shown.
    pub(super) fn optional_secret(
        &mut self,
        name: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<SecretString>,
    ) -> Option<SecretString> {
        let text = self.source.get(name).filter(|text| !text.is_empty())?;
        let value = parse(text);
        if value.is_none() {
            self.wrong(name, unshown(text), wanted);
        }
        value
    }

    /// Says that a variable, required because of another, is not set.
    pub(super) fn missing(&mut self, name: &'static str, wanted: &str) {
        if self.text(name).is_none() {
            self.wrong(name, NOT_SET, wanted);
        }
    }

    /// A required variable whose value is never shown.
    pub(super) fn secret(
        &mut self,
        name: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<SecretString>,
    ) -> SecretString {
        // As it stands: a space at its end is part of a key that another program shares.
        let problem = match self.source.get(name).filter(|text| !text.is_empty()) {
            None => NOT_SET.to_owned(),
            Some(text) => match parse(text) {
                Some(secret) => return secret,
                None => unshown(text),
            },
        };
        self.wrong(name, problem, wanted);
        SecretString::default()
    }

    /// A comma list whose values are never shown.
    pub(super) fn secrets(
        &mut self,
        name: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<SecretString>,
    ) -> Vec<SecretString> {
        let mut secrets = Vec::new();
        for (place, text) in parts(self.text(name).unwrap_or_default()).enumerate() {
            match parse(text) {
                Some(secret) => secrets.push(secret),
                None => {
                    let problem = format!("entry {}: {}", place + 1, unshown(text));
                    self.wrong(name, problem, &format!("each entry wants {wanted}"));
                }
            }
        }
        secrets
    }

    /// A comma list.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        default: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for text in parts(self.text(name).unwrap_or(default)) {
            match parse(text) {
                Some(value) => values.push(value),
                None => self.wrong(name, shown(text), wanted),
            }
        }
        values
    }

    /// A whole number between bounds.
    pub(super) fn number<T>(
        &mut self,
        name: &'static str,
        default: &T,
        bounds: RangeInclusive<T>,
    ) -> T
    where
        T: FromStr + PartialOrd + Display,
    {
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.value(name, &default.to_string(), &wanted, |text| {
            text.parse().ok().filter(|number| bounds.contains(number))
        })
    }

    /// The database, whose value may hold a password.
    pub(super) fn database_url(&mut self, name: &'static str, default: &str) -> DatabaseUrl {
        if let Some(text) = self.text(name) {
            match DatabaseUrl::parse(text) {
                Ok(url) => return url,
                Err(problem) => {
                    self.wrong(
                        name,
                        problem,
                        "wants sqlite:PATH or postgres://USER@HOST/DATABASE",
                    );
                }
            }
        }
        standing_in(DatabaseUrl::parse(default).ok())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.source
            .get(name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    fn wrong(&mut self, name: &'static str, problem: impl Into<String>, wanted: &str) {
        let hint = if wanted.contains("wants") {
            wanted.to_owned()
        } else {
            format!("wants {wanted}")
        };
        self.errors.push(SettingError::new(name, problem, hint));
    }
}

#[expect(
    clippy::expect_used,
    reason = "every default parses, as the test of the defaults shows"
)]
fn standing_in<T>(default: Option<T>) -> T {
    default.expect("a default parses")
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// A value as a message shows it: on one line, unless it looks like a secret in the wrong place.
fn shown(text: &str) -> String {
    let holds_a_key = text.contains("sk_");
    let holds_a_password = text
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'));
    if holds_a_key || holds_a_password {
        return unshown(text);
    }
    format!("read `{}`", text.escape_debug())
}

fn unshown(text: &str) -> String {
    format!("read {} bytes, which are not shown", text.len())
}
