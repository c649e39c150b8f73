//! Where settings come from: the process's environment, then `.env` in the working directory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::dotenv::Dotenv;
use super::error::InvalidSetting;

/// The values as text, before they are parsed. The environment takes precedence over `.env`.
#[derive(Clone, Default)]
pub struct Source {
    values: HashMap<String, String>,
    expanded_dollars: Vec<String>,
    dotenv_file: Option<PathBuf>,
    dotenv_names: Vec<String>,
}

impl Source {
    /// Reads `.env` in the working directory, then the process's environment over it.
    pub fn load() -> Result<Self, InvalidSetting> {
        Self::load_from(Path::new(".env"))
    }

    /// Reads the file at `path`, if it exists, then the process's environment over it.
    pub fn load_from(path: &Path) -> Result<Self, InvalidSetting> {
        let Dotenv {
            values,
            expanded_dollars,
        } = Dotenv::load(path)?;
        let mut source = Self {
            dotenv_names: values.keys().cloned().collect(),
            values,
            expanded_dollars,
            dotenv_file: path.is_file().then(|| path.to_owned()),
        };
        for (name, value) in std::env::vars_os() {
            // A variable whose name is not UTF-8 cannot be a setting. A value that is not UTF-8
            // counts as absent, and the value in `.env` is not used in its place.
            let Ok(name) = name.into_string() else {
                continue;
            };
            source.expanded_dollars.retain(|expanded| *expanded != name);
            match value.into_string() {
                Ok(value) => source.values.insert(name, value),
                Err(_) => source.values.remove(&name),
            };
        }
        Ok(source)
    }

    /// A source of these pairs alone, without the environment: for tests and `--demo`.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = pairs.into_iter();
        Self {
            values: pairs.map(|(k, v)| (k.into(), v.into())).collect(),
            expanded_dollars: Vec::new(),
            dotenv_file: None,
            dotenv_names: Vec::new(),
        }
    }

    /// Sets `name`, replacing the value that was read: for command-line options.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The text of `name`, unchanged.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The names of all variables, those of other programs included.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The `.env` file that was read, if there was one.
    pub(super) fn dotenv_file(&self) -> Option<&Path> {
        self.dotenv_file.as_deref()
    }

    /// The names of the variables in `.env`, which are meant for this program.
    pub(super) fn dotenv_names(&self) -> &[String] {
        &self.dotenv_names
    }

    /// Variables of `.env` whose value has a `$` outside single quotes, which dotenvy expands.
    pub fn expanded_dollars(&self) -> &[String] {
        &self.expanded_dollars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_takes_precedence_over_dotenv() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "PATH=$HOME\nVESTIBULE_TEST_ONLY=here$y\n").unwrap();
        let source = Source::load_from(&path).unwrap();
        assert_eq!(source.get("PATH"), std::env::var("PATH").ok().as_deref());
        assert_eq!(source.expanded_dollars(), ["VESTIBULE_TEST_ONLY"]);
    }

    #[test]
    fn a_missing_file_is_no_error() {
        assert!(Source::load_from(Path::new("no/such/folder/.env")).is_ok());
    }
}
