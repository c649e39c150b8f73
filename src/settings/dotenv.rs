//! Reads a `.env` file, and names the line of an error without showing its content.

use std::collections::HashMap;
use std::path::Path;

use super::error::InvalidSetting;

/// The name under which the file's own errors are reported.
const FILE: &str = ".env";

/// The variables of a `.env` file.
#[derive(Default)]
pub(super) struct Dotenv {
    pub(super) values: HashMap<String, String>,
    /// Variables whose value has a `$` outside single quotes, which dotenvy expands.
    pub(super) expanded_dollars: Vec<String>,
}

impl Dotenv {
    /// Reads the file at `path`; without a file there are no variables.
    pub(super) fn load(path: &Path) -> Result<Self, InvalidSetting> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(InvalidSetting::new(
                FILE,
                format!("cannot be read: {error}"),
                "replace it with a readable UTF-8 text file, or remove it",
            )),
        }
    }

    fn parse(text: &str) -> Result<Self, InvalidSetting> {
        // Windows editors write a byte order mark, which would become part of the first name.
        let text = text.trim_start_matches('\u{feff}');
        let entries = entries(text)?;
        // dotenvy refuses a last line that ends with a space instead of a line feed.
        let whole = format!("{text}\n");
        let values: Result<_, _> = dotenvy::from_read_iter(whole.as_bytes()).collect();
        Ok(Self {
            // dotenvy's own message repeats the line, which may hold a secret.
            values: values.map_err(|_| malformed(&entries))?,
            expanded_dollars: expanded_dollars(&entries),
        })
    }
}

/// A variable and its value as they are written: one line, or several where a quoted value goes on.
struct Entry {
    /// The number of its first line, from 1.
    line: usize,
    text: String,
}

/// Divides the file into entries, as dotenvy does.
fn entries(text: &str) -> Result<Vec<Entry>, InvalidSetting> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut open_quote = None;
    for (index, line) in text.lines().enumerate() {
        match (open_quote, entries.last_mut()) {
            (Some(quote), Some(entry)) => {
                // A quote that was forgotten would take the next setting into its value.
                if is_assignment(line) {
                    return Err(unclosed(entry.line, quote));
                }
                entry.text.push('\n');
                entry.text.push_str(line);
            }
            _ => entries.push(Entry {
                line: index + 1,
                text: line.to_owned(),
            }),
        }
        if open_quote.is_some() || !line.trim_start().starts_with('#') {
            open_quote = quote_after(line, open_quote);
        }
    }
    match (open_quote, entries.last()) {
        (Some(quote), Some(entry)) => Err(unclosed(entry.line, quote)),
        _ => Ok(entries),
    }
}

/// The quote that is open at the end of a line, by dotenvy's rules; `open` is the one at its start.
fn quote_after(line: &str, open: Option<char>) -> Option<char> {
    let (mut quote, mut escaped, mut after_space) = (open, false, false);
    for c in line.chars() {
        if escaped {
            (escaped, after_space) = (false, false);
            continue;
        }
        match (quote, c) {
            (_, '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if after_space => return None,
            _ => {}
        }
        // For dotenvy, a `#` after two spaces does not begin a comment.
        after_space = quote.is_none() && c.is_whitespace() && !after_space;
    }
    quote
}

/// Whether a line looks like `NAME=value`. The last line of a key in base64 ends with its `=`.
fn is_assignment(line: &str) -> bool {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some((name, value)) = line.split_once('=') else {
        return false;
    };
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && !value.is_empty()
        && !value.starts_with('=')
}

fn unclosed(line: usize, quote: char) -> InvalidSetting {
    InvalidSetting::new(
        FILE,
        format!("line {line} opens a quote ({quote}) that is not closed"),
        "close it at the end of the value",
    )
}

fn malformed(entries: &[Entry]) -> InvalidSetting {
    let is_malformed = |entry: &&Entry| {
        let text = format!("{}\n", entry.text);
        dotenvy::from_read_iter(text.as_bytes()).any(|item| item.is_err())
    };
    let entry = entries.iter().find(is_malformed);
    let place = entry.map_or_else(
        || "a line".to_owned(),
        |entry| format!("line {}", entry.line),
    );
    InvalidSetting::new(
        FILE,
        format!("{place} is not NAME=value"),
        "put a value with spaces, quotes, `$` or `#` between single quotes",
    )
}

fn expanded_dollars(entries: &[Entry]) -> Vec<String> {
    let assignment = |entry: &'_ Entry| {
        let text = entry.text.trim();
        let text = text.strip_prefix("export ").unwrap_or(text);
        let (name, value) = text.split_once('=')?;
        // A comment behind a value is not part of the value.
        let value = value.split(" #").next().unwrap_or_default().trim();
        let is_comment = name.trim_start().starts_with('#');
        let is_expanded = !value.starts_with('\'') && value.contains('$');
        (!is_comment && is_expanded).then(|| name.trim().to_owned())
    };
    entries.iter().filter_map(assignment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Dotenv::parse(text).err().unwrap().to_string()
    }

    #[test]
    fn a_malformed_line_is_named_by_number_and_never_shown() {
        for (text, line) in [
            ("A=1\nB=two words secret\nC=3\n", 2),
            ("A='several\nlines'\nB=two words secret\n", 3),
            ("secret\n", 1),
        ] {
            let error = problem(text);
            assert!(
                error.contains(&format!("line {line} is not NAME=value")),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named_with_its_line() {
        for (text, line, quote) in [
            ("A=1\nSECRET_KEY='half a secret\n", 2, '\''),
            ("SECRET_KEY=\"half a secret\nA=1\n", 1, '"'),
            // A later quote closes it: dotenvy reads B as part of A, without an error.
            ("A='half a secret\nB='secret\n", 1, '\''),
            ("A='half a secret\nexport B_C=it's a secret\n", 1, '\''),
            ("A=secret  # isn't a comment for dotenvy\n", 1, '\''),
        ] {
            let error = problem(text);
            let expected = format!(".env: line {line} opens a quote ({quote}) that is not closed");
            assert!(error.starts_with(&expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_quoted_value_may_have_several_lines() {
        let key = "-----BEGIN KEY-----\nQUJD\nREVG==\nQQ=\n-----END KEY-----";
        let file = format!("# It's a comment\nKEY='{key}'\nA=1 # it's one\nB=\"say \\\"x\\\"\"\n");
        let dotenv = Dotenv::parse(&file).unwrap();
        assert_eq!(dotenv.values["KEY"], key);
        assert_eq!(dotenv.values["A"], "1");
        assert_eq!(dotenv.values["B"], "say \"x\"");
    }

    #[test]
    fn the_last_line_may_end_with_a_space() {
        assert_eq!(Dotenv::parse("A=1\nB=2 ").unwrap().values["B"], "2");
    }

    #[test]
    fn dollars_outside_single_quotes_are_noticed() {
        let text = "A='a$b'\nexport B=a$b\n# C=$c\nD=\"x$y.\"\nE=plain # costs $5\n";
        let dotenv = Dotenv::parse(text).unwrap();
        assert_eq!(dotenv.expanded_dollars, ["B", "D"]);
        assert_eq!(dotenv.values["A"], "a$b");
    }
}
