//! Where settings come from: the process's environment, then `.env` in the working directory.

use std::collections::HashMap;
use std::path::Path;

use super::SettingError;

/// The raw values, before anything is parsed. The real environment wins over `.env`.
#[derive(Clone, Default)]
pub struct Source {
    values: HashMap<String, String>,
    dollars: Vec<String>,
}

impl Source {
    /// Reads `.env` in the working directory, then the process's environment over it.
    pub fn load() -> Result<Self, SettingError> {
        Self::load_from(Path::new(".env"))
    }

    /// Reads the file at `path` (none is fine), then the process's environment over it.
    pub fn load_from(path: &Path) -> Result<Self, SettingError> {
        let mut source = Self::default();
        source.read_dotenv(path)?;
        for (name, value) in std::env::vars_os() {
            // A name that is no text can only be somebody else's; a value that is none counts as
            // absent, and must not let `.env` speak for it.
            let Ok(name) = name.into_string() else {
                continue;
            };
            source.dollars.retain(|expanded| *expanded != name);
            match value.into_string() {
                Ok(value) => source.values.insert(name, value),
                Err(_) => source.values.remove(&name),
            };
        }
        Ok(source)
    }

    /// A source of just these pairs, with no look at the environment: tests and `--demo`.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let values = pairs
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        Self {
            values,
            dollars: Vec::new(),
        }
    }

    /// Sets `name`, over whatever was read: a command-line option.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The text of `name`, as it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Variables of `.env` whose value holds a `$` outside single quotes, which dotenvy expands.
    pub fn expanded_dollars(&self) -> &[String] {
        &self.dollars
    }

    fn read_dotenv(&mut self, path: &Path) -> Result<(), SettingError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(SettingError::new(
                    ".env",
                    format!("cannot be read: {error}"),
                    "wants to be a readable UTF-8 text file, or absent",
                ));
            }
        };
        // Windows editors put a mark in front, which would become part of the first name.
        let text = text.trim_start_matches('\u{feff}');
        self.dollars = names_with_dollar(text);
        for item in dotenvy::from_read_iter(text.as_bytes()) {
            match item {
                Ok((name, value)) => {
                    self.values.insert(name, value);
                }
                // dotenvy's own message repeats the offending line, which may hold a secret.
                Err(_) => return Err(bad_line(text)),
            }
        }
        Ok(())
    }
}

/// Names the first line that dotenvy cannot read by itself.
fn bad_line(text: &str) -> SettingError {
    let fails = |line: &str| dotenvy::from_read_iter(line.as_bytes()).any(|item| item.is_err());
    let number = text.lines().position(fails);
    let place = number.map_or_else(|| "a line".to_owned(), |n| format!("line {}", n + 1));
    SettingError::new(
        ".env",
        format!("{place} is not NAME=value"),
        "wants a value with spaces, quotes, `$` or `#` between single quotes",
    )
}

fn names_with_dollar(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("export ")
                .unwrap_or(line.trim())
                .split_once('=')
        })
        .filter(|(name, value)| {
            // A comment behind a value is not the value.
            let value = value.split(" #").next().unwrap_or_default().trim();
            !name.trim_start().starts_with('#') && !value.starts_with('\'') && value.contains('$')
        })
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dotenv(text: &str) -> Result<Source, SettingError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, text).unwrap();
        Source::load_from(&path)
    }

    #[test]
    fn the_real_environment_wins_over_dotenv() {
        let source = dotenv("PATH=/nowhere\nVESTIBULE_TEST_ONLY=here\n").unwrap();
        assert_eq!(source.get("PATH"), std::env::var("PATH").ok().as_deref());
        assert_eq!(source.get("VESTIBULE_TEST_ONLY"), Some("here"));
    }

    #[test]
    fn a_missing_file_is_no_error() {
        assert!(Source::load_from(Path::new("no/such/folder/.env")).is_ok());
    }

    #[test]
    fn a_broken_line_is_named_by_number_and_never_shown() {
        let error = dotenv("A=1\nSECRET_KEY='half a secret\n")
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(".env"), "{error}");
        assert!(!error.contains("half a secret"), "{error}");
        let error = dotenv("A=1\nB=two words secret\nC=3\n")
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(!error.contains("two words"), "{error}");
    }

    #[test]
    fn dollars_outside_single_quotes_are_noticed() {
        let source =
            dotenv("A='a$b'\nexport B=a$b\n# C=$c\nD=\"x$y.\"\nE=plain # costs $5\nPATH=$HOME\n")
                .unwrap();
        assert_eq!(source.expanded_dollars(), ["B", "D"]);
        assert_eq!(source.get("A"), Some("a$b"));
    }
}
