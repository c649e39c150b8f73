//! Django's four default password validators, with Django's messages, and the blocklist.

use std::collections::HashMap;
use std::path::Path;

use passwords::analyzer::is_common_password;

use super::blocklist::{BlocklistError, PasswordBlocklist};

/// Django's `max_similarity`.
const MAX_SIMILARITY: f64 = 0.7;
/// Django's `min_length`, in characters.
const MIN_LENGTH: usize = 8;

/// The attributes that a password must not be too similar to. Unknown ones are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserAttributes<'a> {
    /// The account's username.
    pub username: &'a str,
    /// The account's email.
    pub email: &'a str,
    /// The account's first name.
    pub first_name: &'a str,
    /// The account's last name.
    pub last_name: &'a str,
}

/// Django's validators and the blocklist of `PASSWORD_BLOCKLIST_FILE`, if there is one.
#[derive(Debug, Default)]
pub struct PasswordValidator {
    blocklist: Option<PasswordBlocklist>,
}

impl PasswordValidator {
    /// Opens the blocklist at this path.
    pub fn new(blocklist: Option<&Path>) -> Result<Self, BlocklistError> {
        let blocklist = blocklist.map(PasswordBlocklist::open).transpose()?;
        Ok(Self { blocklist })
    }

    /// All error messages for `password`: [`validate`]'s and the blocklist's.
    pub fn validate(
        &self,
        password: &str,
        about: &UserAttributes<'_>,
    ) -> Result<Vec<String>, BlocklistError> {
        let mut messages = validate(password, about);
        messages.extend(self.blocklist_errors(password)?);
        Ok(messages)
    }

    /// The error message if the blocklist lists `password`. Reads the disk.
    pub fn blocklist_errors(&self, password: &str) -> Result<Vec<String>, BlocklistError> {
        let listed = match &self.blocklist {
            Some(blocklist) => blocklist.contains(password)?,
            None => false,
        };
        let message = listed.then(|| "This password has appeared in a data breach.".to_owned());
        Ok(Vec::from_iter(message))
    }
}

/// Django's error messages for `password`, in Django's order; empty if it is valid.
pub fn validate(password: &str, about: &UserAttributes<'_>) -> Vec<String> {
    let mut messages = Vec::new();
    if password.contains('\0') {
        // Forms refuse NUL, so nobody could sign in with such a password.
        messages.push("Null characters are not allowed.".to_owned());
    }
    if let Some(name) = similar_attribute(password, about) {
        messages.push(format!("The password is too similar to the {name}."));
    }
    if password.chars().count() < MIN_LENGTH {
        messages.push(format!(
            "This password is too short. It must contain at least {MIN_LENGTH} characters."
        ));
    }
    if is_common(password) {
        messages.push("This password is too common.".to_owned());
    }
    if is_entirely_numeric(password) {
        messages.push("This password is entirely numeric.".to_owned());
    }
    messages
}

/// The first attribute that the password is too similar to, by its verbose name in Django's model.
fn similar_attribute(password: &str, about: &UserAttributes<'_>) -> Option<&'static str> {
    let password = password.to_lowercase();
    let attributes = [
        ("username", about.username),
        ("first name", about.first_name),
        ("last name", about.last_name),
        ("email address", about.email),
    ];
    let similar = |value: &str| {
        let value = value.to_lowercase();
        let mut parts = words(&value).chain([value.as_str()]);
        parts.any(|part| is_similar(&password, part))
    };
    attributes
        .into_iter()
        .find(|(_, value)| !value.is_empty() && similar(value))
        .map(|(name, _)| name)
}

/// Python's `re.split(r"\W+", …)`. If the text starts or ends with a non-word character, there is
/// an empty part.
fn words(value: &str) -> impl Iterator<Item = &str> {
    let is_separator = |c: char| !c.is_alphanumeric() && c != '_';
    let ends = [
        value.starts_with(is_separator),
        value.ends_with(is_separator),
    ];
    let empty = ends.into_iter().filter(|end| *end).map(|_| "");
    let words = value.split(is_separator).filter(|word| !word.is_empty());
    words.chain(empty)
}

fn is_similar(password: &str, part: &str) -> bool {
    !exceeds_maximum_length_ratio(password, part) && quick_ratio(password, part) >= MAX_SIMILARITY
}

/// Whether the part is so much shorter than the password that the two cannot be similar.
#[expect(
    clippy::cast_precision_loss,
    reason = "a password's length is far below 2^52"
)]
fn exceeds_maximum_length_ratio(password: &str, part: &str) -> bool {
    let (password, part) = (password.chars().count(), part.chars().count());
    password >= 10 * part && (part as f64) < MAX_SIMILARITY / 2.0 * password as f64
}

/// Python's `SequenceMatcher.quick_ratio`: the share of characters that both texts have, in any
/// order.
#[expect(
    clippy::cast_precision_loss,
    reason = "a password's length is far below 2^52"
)]
fn quick_ratio(password: &str, part: &str) -> f64 {
    let mut left: HashMap<char, usize> = HashMap::new();
    for c in part.chars() {
        *left.entry(c).or_default() += 1;
    }
    let mut matches = 0_usize;
    for c in password.chars() {
        if let Some(count) = left.get_mut(&c).filter(|count| **count > 0) {
            *count -= 1;
            matches += 1;
        }
    }
    let length = password.chars().count() + part.chars().count();
    if length == 0 {
        return 1.0;
    }
    2.0 * matches as f64 / length as f64
}

/// Whether the crate's list of common passwords contains the password: in lower case and without
/// surrounding spaces, as Django looks it up, or unchanged, since some of the list's 99,838 entries
/// have capitals. The list contains 8,335 of the 8,354 entries of Django's list that pass the other
/// validators.
fn is_common(password: &str) -> bool {
    // Python's `strip` removes these four control characters too.
    let is_space = |c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c);
    is_common_password(password.to_lowercase().trim_matches(is_space))
        || is_common_password(password)
}

/// Refuses more than Python's `isdigit`: also Roman numerals, fractions and the like.
fn is_entirely_numeric(password: &str) -> bool {
    !password.is_empty() && password.chars().all(char::is_numeric)
}

#[cfg(test)]
mod tests;
