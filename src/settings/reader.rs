//! Reads one variable after another and collects the errors.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;

use super::database_url::DatabaseUrl;
use super::error::{InvalidSetting, NOT_SET, SettingsError};
use super::pem::{is_private_key, read_pem};
use super::source::Source;

/// Reads settings from a source. An invalid value is recorded and replaced by the default, so that the
/// next variable is still read; [`Reader::finish`] then returns the errors instead of the settings.
pub(super) struct Reader<'a> {
    source: &'a Source,
    names: Vec<&'static str>,
    errors: Vec<InvalidSetting>,
    private_key_files: Vec<PathBuf>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self {
            source,
            names: Vec::new(),
            errors: Vec::new(),
            private_key_files: Vec::new(),
        }
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.errors.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError {
                invalid: self.errors,
                misspelt: Vec::new(),
            })
        }
    }

    /// The PEM files with private keys that have been read.
    pub(super) fn private_key_files(&self) -> &[PathBuf] {
        &self.private_key_files
    }

    /// The name of every variable that was asked for, whether it is set or not.
    pub(super) fn into_names(self) -> Vec<&'static str> {
        self.names
    }

    /// Whether a variable is set and not empty.
    pub(super) fn is_set(&mut self, name: &'static str) -> bool {
        self.text(name).is_some()
    }

    /// A variable with a default. An empty value counts as unset, as compose files leave it.
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
                None => self.invalid(name, shown(text), wanted),
            }
        }
        default_value(parse(default))
    }

    /// A variable whose empty value means `None`, unlike a variable that is unset.
    pub(super) fn or_nothing<T>(
        &mut self,
        name: &'static str,
        default: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        match self.raw(name).map(str::trim) {
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
            self.invalid(name, NOT_SET, wanted);
            return T::default();
        };
        parse(text).unwrap_or_else(|| {
            self.invalid(name, shown(text), wanted);
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
            self.invalid(name, shown(text), wanted);
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
        let text = self.raw(name).filter(|text| !text.is_empty())?;
        let value = parse(text);
        if value.is_none() {
            self.invalid(name, hidden(text), wanted);
        }
        value
    }

    /// The text of the PEM file that a variable names, which must be set.
    pub(super) fn required_pem_file(
        &mut self,
        name: &'static str,
        wanted: &str,
    ) -> Option<SecretString> {
        let text = self.text(name).map(|path| self.pem_file(path));
        match text.unwrap_or_else(|| Err(NOT_SET.to_owned())) {
            Ok(text) => Some(text),
            Err(problem) => {
                self.invalid(name, problem, wanted);
                None
            }
        }
    }

    /// The texts of the PEM files in a list between commas.
    pub(super) fn pem_files(&mut self, name: &'static str, wanted: &str) -> Vec<SecretString> {
        let mut files = Vec::new();
        for path in parts(self.text(name).unwrap_or_default()) {
            match self.pem_file(path) {
                Ok(text) => files.push(text),
                Err(problem) => self.invalid(name, problem, wanted),
            }
        }
        files
    }

    /// Reports that a variable, required because of another one, is not set.
    pub(super) fn missing(&mut self, name: &'static str, wanted: &str) {
        if self.text(name).is_none() {
            self.invalid(name, NOT_SET, wanted);
        }
    }

    /// A required variable whose value is never shown.
    pub(super) fn secret(
        &mut self,
        name: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<SecretString>,
    ) -> SecretString {
        // Not trimmed: a space at its end may be part of a key that another program shares.
        let problem = match self.raw(name).filter(|text| !text.is_empty()) {
            None => NOT_SET.to_owned(),
            Some(text) => match parse(text) {
                Some(secret) => return secret,
                None => hidden(text),
            },
        };
        self.invalid(name, problem, wanted);
        SecretString::default()
    }

    /// A list between commas whose values are never shown.
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
                    let problem = format!("entry {}: {}", place + 1, hidden(text));
                    self.invalid(name, problem, wanted);
                }
            }
        }
        secrets
    }

    /// A list between commas.
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
                None => self.invalid(name, shown(text), wanted),
            }
        }
        values
    }

    /// A whole number within `bounds`.
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

    /// The database's URL, which may hold a password.
    pub(super) fn database_url(&mut self, name: &'static str, default: &str) -> DatabaseUrl {
        if let Some(text) = self.text(name) {
            match DatabaseUrl::parse(text) {
                Ok(url) => return url,
                Err(problem) => {
                    self.invalid(
                        name,
                        problem,
                        "sqlite:PATH or postgres://USER@HOST/DATABASE",
                    );
                }
            }
        }
        default_value(DatabaseUrl::parse(default).ok())
    }

    /// The text of a PEM file. The path of a file with a private key is kept.
    fn pem_file(&mut self, path: &str) -> Result<SecretString, String> {
        let text = read_pem(path)?;
        if is_private_key(&text) {
            self.private_key_files.push(PathBuf::from(path));
        }
        Ok(text)
    }

    fn raw(&mut self, name: &'static str) -> Option<&'a str> {
        self.names.push(name);
        self.source.get(name)
    }

    fn text(&mut self, name: &'static str) -> Option<&'a str> {
        self.raw(name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    fn invalid(&mut self, name: &'static str, problem: impl Into<String>, wanted: &str) {
        let hint = format!("set it to {wanted}");
        self.errors.push(InvalidSetting::new(name, problem, hint));
    }
}

#[expect(
    clippy::expect_used,
    reason = "every default is valid, as the test of the defaults shows"
)]
fn default_value<T>(default: Option<T>) -> T {
    default.expect("a default is valid")
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// A value as a message shows it: on one line, and not at all if it looks like a misplaced secret.
fn shown(text: &str) -> String {
    let holds_a_key = text.contains("sk_");
    let holds_a_password = text
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'));
    if holds_a_key || holds_a_password {
        return hidden(text);
    }
    format!("`{}` is not valid", text.escape_debug())
}

fn hidden(text: &str) -> String {
    format!(
        "the value of {} bytes is not valid, and is not shown",
        text.len()
    )
}
