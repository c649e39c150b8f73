//! A file of breached passwords, which is searched on disk.
//!
//! The format is that of the downloads of Have I Been Pwned: each line is the SHA-1 hash of a password in
//! forty hexadecimal digits, optionally followed by a colon and a count, and the lines are sorted by
//! hash.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// No line is longer, with its end.
const MAX_LINE: usize = 96;
/// The digits of a SHA-1 hash.
const DIGITS: usize = 40;
/// How many lines are checked when the file is opened.
const SAMPLES: u64 = 1_000;

/// Why a blocklist cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BlocklistError {
    /// The file does not exist or cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The file has no line.
    #[error("the file is empty")]
    Empty,
    /// A line is not a hash, or not a whole line.
    #[error("the line at byte {0} is not a SHA-1 hash in hexadecimal digits, as `HASH:COUNT`")]
    Format(u64),
    /// A line comes before one with a smaller hash.
    #[error("the lines before byte {0} are not sorted by hash")]
    Order(u64),
}

/// An open blocklist. Nothing of it is held in memory.
#[derive(Debug)]
pub struct PasswordBlocklist {
    file: File,
    /// The size in bytes, without line ends at the end.
    size: u64,
}

/// A line of the file.
struct HashLine {
    start: u64,
    /// Where the next line starts.
    next: u64,
    hash: [u8; DIGITS],
}

impl PasswordBlocklist {
    /// Opens a file and checks a sample of its lines.
    pub fn open(path: &Path) -> Result<Self, BlocklistError> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut list = Self { file, size };
        let end = list.read(size.saturating_sub(MAX_LINE as u64), MAX_LINE)?;
        let line_ends = end.iter().rev().take_while(|byte| is_line_end(**byte));
        list.size -= line_ends.count() as u64;
        if list.size == 0 {
            return Err(BlocklistError::Empty);
        }
        list.check_samples()?;
        Ok(list)
    }

    /// Whether the file lists this password.
    pub fn contains(&self, password: &str) -> Result<bool, BlocklistError> {
        let wanted = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let wanted = crate::hex::hex(wanted.as_ref());
        let (mut low, mut high) = (0, self.size);
        while low < high {
            let line = self.line_at(low + (high - low) / 2)?;
            match line.hash.as_slice().cmp(wanted.as_bytes()) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = line.next,
                std::cmp::Ordering::Greater => high = line.start,
            }
        }
        Ok(false)
    }

    fn check_samples(&self) -> Result<(), BlocklistError> {
        let mut last: Option<HashLine> = None;
        for sample in 0..=SAMPLES {
            let offset = (u128::from(self.size - 1) * u128::from(sample)) / u128::from(SAMPLES);
            let line = self.line_at(u64::try_from(offset).unwrap_or_default())?;
            if let Some(last) = &last
                && last.start != line.start
                && last.hash >= line.hash
            {
                return Err(BlocklistError::Order(line.start));
            }
            last = Some(line);
        }
        Ok(())
    }

    /// The line that contains this byte.
    fn line_at(&self, offset: u64) -> Result<HashLine, BlocklistError> {
        let begin = offset.saturating_sub(MAX_LINE as u64);
        let bytes = self.read(begin, 2 * MAX_LINE)?;
        let at = usize::try_from(offset - begin).unwrap_or_default();
        let (before, after) = bytes.split_at_checked(at).unwrap_or_default();
        let start = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(end_of_previous) => end_of_previous + 1,
            None if begin == 0 => 0,
            None => return Err(BlocklistError::Format(offset)),
        };
        let length = after.iter().position(|byte| *byte == b'\n');
        let end = length.map_or(bytes.len(), |length| at + length);
        let start_offset = begin + start as u64;
        let invalid = BlocklistError::Format(start_offset);
        let is_whole = length.is_some() || begin + end as u64 >= self.size;
        let hash = bytes.get(start..end).and_then(parse_line);
        match hash {
            Some(hash) if is_whole => Ok(HashLine {
                start: start_offset,
                next: begin + end as u64 + 1,
                hash,
            }),
            _ => Err(invalid),
        }
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, BlocklistError> {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let length = length.min(self.size.saturating_sub(offset));
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

/// The hash of a line, in lower-case digits.
fn parse_line(line: &[u8]) -> Option<[u8; DIGITS]> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(DIGITS)?;
    let is_count = |count: &[u8]| count.iter().all(u8::is_ascii_digit);
    let ends = rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_count);
    if !ends || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash: [u8; DIGITS] = digits.try_into().ok()?;
    hash.make_ascii_lowercase();
    Some(hash)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests;
