//! Reads the PEM files that settings name.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

/// How every PEM block begins.
const BEGIN: &str = "-----BEGIN ";
/// File names with these extensions are shown in errors. Anything else may be a secret that was
/// written where a path is expected.
const EXTENSIONS: [&str; 5] = ["pem", "key", "pub", "crt", "der"];

/// Reads the text of a PEM file; the error says what is wrong with the path or the file.
pub(super) fn read_pem(path: &str) -> Result<SecretString, String> {
    if path.contains(BEGIN) {
        return Err("the value is a key, not the path of its file".to_owned());
    }
    let extension = Path::new(path).extension().and_then(|end| end.to_str());
    let file = match extension {
        Some(extension) if EXTENSIONS.contains(&extension) => {
            format!("the file `{}`", path.escape_debug())
        }
        _ => "the file that it names".to_owned(),
    };
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("{file} does not exist"),
        _ => format!("{file} cannot be read: {error}"),
    })?;
    if !text.contains(BEGIN) {
        return Err(format!("{file} is not a PEM file"));
    }
    Ok(text.into())
}

/// Whether the text of a PEM file holds a private key of any kind.
pub(super) fn is_private_key(text: &SecretString) -> bool {
    text.expose_secret().contains("PRIVATE KEY-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_says_what_is_wrong_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.pem");
        fs::write(&path, "").unwrap();
        let problem = |path: &str| read_pem(path).unwrap_err();
        let missing = problem("no/such/key.pem");
        assert_eq!(missing, "the file `no/such/key.pem` does not exist");
        let empty = problem(path.to_str().unwrap());
        assert!(empty.ends_with("empty.pem` is not a PEM file"), "{empty}");
        let folder = problem(folder.path().to_str().unwrap());
        assert!(
            folder.starts_with("the file that it names cannot be read: "),
            "{folder}"
        );
    }

    #[test]
    fn a_secret_in_place_of_a_path_is_not_shown() {
        for text in ["hidden-secret", "-----BEGIN PRIVATE KEY-----\nhidden\n"] {
            let problem = read_pem(text).unwrap_err();
            assert!(!problem.contains("hidden"), "{problem}");
        }
    }
}
