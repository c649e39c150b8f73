//! Finds variables whose name is almost the name of a setting.

use std::fmt;

/// Shorter names need fewer typing errors to become another English word.
const SHORT_NAME: usize = 6;
/// In a part of this length or more, between underscores, two typing errors are accepted.
const LONG_PART: usize = 7;

/// A variable that is probably a misspelt setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisspeltName {
    /// The variable as it is set.
    pub name: String,
    /// The setting with the most similar name.
    pub meant: &'static str,
}

impl fmt::Display for MisspeltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.escape_debug();
        write!(f, "{name} is not a setting; did you mean {}?", self.meant)
    }
}

/// Finds the names in `set` that are almost one of `known`, in alphabetical order. A setting that is
/// set under its right name is not suggested: the similar name then belongs to another program.
pub(super) fn find<'a>(
    set: impl Iterator<Item = &'a str>,
    known: &[&'static str],
) -> Vec<MisspeltName> {
    let set: Vec<&str> = set.collect();
    let is_set = |name: &&'static str| set.contains(name);
    let missing: Vec<&'static str> = known.iter().copied().filter(|name| !is_set(name)).collect();
    let mut found: Vec<MisspeltName> = set
        .iter()
        .filter(|name| !known.contains(name))
        .filter_map(|name| {
            let similar = missing
                .iter()
                .filter_map(|known| Some((similarity(name, known)?, *known)));
            let (_, meant) = similar.min()?;
            Some(MisspeltName {
                name: (*name).to_owned(),
                meant,
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The number of typing errors between two names; `None` where they are too many to be an accident.
fn similarity(name: &str, known: &str) -> Option<usize> {
    // Nobody types a digit by accident: SECRET_KEY2 is a variable of its own.
    if name.len() > known.len() + 2 || name.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let name = name.to_ascii_uppercase();
    let errors = typing_errors(&name, known);
    let similar = match errors {
        0 => true,
        1 if known.len() < SHORT_NAME => {
            name.len() >= known.len() && name.as_bytes().first() == known.as_bytes().first()
        }
        1 => true,
        2 => known.len() >= SHORT_NAME && parts_are_similar(&name, known),
        _ => false,
    };
    similar.then_some(errors)
}

/// Whether two typing errors are in two parts, or in one long part. `META_CLIENT_ID` is not
/// `OKTA_CLIENT_ID`.
fn parts_are_similar(name: &str, known: &str) -> bool {
    let (names, knowns) = (name.split('_'), known.split('_'));
    if names.clone().count() != knowns.clone().count() {
        return known.split('_').all(|part| part.len() >= SHORT_NAME);
    }
    names.zip(knowns).all(|(name, known)| {
        let allowed = if known.len() >= LONG_PART { 2 } else { 1 };
        typing_errors(name, known) <= allowed
    })
}

/// The optimal string alignment distance: letters added, left out, replaced, or swapped with the next.
fn typing_errors(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swapped {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 8] = [
        "BIND",
        "DATABASE_URL",
        "ALLOWED_HOSTS",
        "OKTA_CLIENT_ID",
        "PUBLIC_URL",
        "RUST_LOG",
        "SECRET_KEY",
        "WORKOS_API_KEY",
    ];

    fn meant(name: &str) -> Option<&'static str> {
        let found = find([name].into_iter(), &KNOWN);
        found.first().map(|found| found.meant)
    }

    #[test]
    fn a_letter_or_two_away_is_a_misspelt_setting() {
        for (name, known) in [
            ("DATABSE_URL", "DATABASE_URL"),
            ("DATBASE_UR", "DATABASE_URL"),
            ("DATABASEURL", "DATABASE_URL"),
            ("DATABASE_URI", "DATABASE_URL"),
            ("database_url", "DATABASE_URL"),
            ("ALLOWD_HOST", "ALLOWED_HOSTS"),
            ("WORKOS_API_KYE", "WORKOS_API_KEY"),
            ("SECERT_KEY", "SECRET_KEY"),
            ("BIDN", "BIND"),
            ("RUSTLOG", "RUST_LOG"),
        ] {
            assert_eq!(meant(name), Some(known), "{name}");
        }
    }

    #[test]
    fn variables_of_other_programs_are_left_alone() {
        for name in [
            "PATH",
            "HOME",
            "BIN",
            "FIND",
            "KIND",
            "HOST",
            "LANG",
            "SHELL",
            "PWD",
            "META_CLIENT_ID",
            "SECRET_KEY2",
            "RUST_LIB",
            "DATABASE_NAME",
            "PUBLIC_API",
            "RUST_BACKTRACE",
            "STRIPE_API_KEY",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }

    #[test]
    fn a_setting_that_is_set_is_not_suggested() {
        let set = ["DATABASE_URI", "DATABASE_URL", "SECRET_KYE"];
        let found = find(set.into_iter(), &KNOWN);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["SECRET_KYE is not a setting; did you mean SECRET_KEY?"]
        );
    }
}
