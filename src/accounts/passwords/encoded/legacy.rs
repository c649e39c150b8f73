//! Hashes of the hashers that Django has removed: MD5, SHA-1, and what `crypt` of the system computed.
//!
//! They are stored behind a prefix of their own, so that only hashes which were imported for this
//! purpose are ever accepted. The first sign-in replaces them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use md5::{Digest, Md5};

use super::fields::fields;
use super::scheme::PasswordScheme;
use super::sha_crypt::ShaCryptParams;
use crate::hex::hex;

const PREFIX: &str = "legacy$";
/// The digits of an MD5 hash.
const MD5_DIGITS: usize = 32;
/// The digits of a SHA-1 hash.
const SHA1_DIGITS: usize = 40;

/// A hash function that is too fast for passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::accounts::passwords) enum FastDigest {
    Md5,
    Sha1,
}

impl FastDigest {
    /// The digest of the salt and the password, as hexadecimal digits.
    pub(super) fn hex(self, salt: &str, password: &str) -> String {
        let input = [salt.as_bytes(), password.as_bytes()].concat();
        match self {
            Self::Md5 => hex(&Md5::digest(input)),
            Self::Sha1 => hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &input).as_ref()),
        }
    }
}

/// The parameters and the salt of a hash of a removed hasher.
pub(in crate::accounts::passwords) enum LegacyPassword<'a> {
    /// `md5$salt$hash` or `sha1$salt$hash`; without a salt also the MD5 hash alone.
    Digest {
        digest: FastDigest,
        salt: &'a str,
        is_bare: bool,
    },
    /// `crypt$$` and a hash of the system's `crypt`.
    Crypt(ShaCryptParams<'a>),
}

impl<'a> LegacyPassword<'a> {
    /// Parses a hash as it is stored here, after [`PREFIX`].
    pub(super) fn parse(stored: &'a str) -> Option<Self> {
        Self::parse_django(stored.strip_prefix(PREFIX)?)
    }

    /// Parses a hash as Django stores it.
    fn parse_django(text: &'a str) -> Option<Self> {
        if is_hex(text, MD5_DIGITS) {
            return Some(Self::Digest {
                digest: FastDigest::Md5,
                salt: "",
                is_bare: true,
            });
        }
        let (algorithm, rest) = text.split_once('$')?;
        let digest = |digest, digits| {
            let [salt, hash] = fields(rest)?;
            is_hex(hash, digits).then_some(Self::Digest {
                digest,
                salt,
                is_bare: false,
            })
        };
        match algorithm {
            "md5" => digest(FastDigest::Md5, MD5_DIGITS),
            "sha1" => digest(FastDigest::Sha1, SHA1_DIGITS),
            "crypt" => ShaCryptParams::parse(rest.strip_prefix('$')?).map(Self::Crypt),
            _ => None,
        }
    }

    pub(super) fn scheme(&self) -> PasswordScheme {
        match self {
            Self::Digest { digest, salt, .. } => match (digest, salt.is_empty()) {
                (FastDigest::Md5, false) => PasswordScheme::Md5,
                (FastDigest::Md5, true) => PasswordScheme::UnsaltedMd5,
                (FastDigest::Sha1, false) => PasswordScheme::Sha1,
                (FastDigest::Sha1, true) => PasswordScheme::UnsaltedSha1,
            },
            Self::Crypt(_) => PasswordScheme::Crypt,
        }
    }

    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Digest { .. } => 1,
            Self::Crypt(crypt) => crypt.rounds().into(),
        }
    }

    /// The text that is stored here for this password with the same parameters and salt.
    pub(super) fn encode(&self, password: &str) -> Option<String> {
        Some(match self {
            Self::Digest {
                digest,
                salt,
                is_bare,
            } => {
                let hash = digest.hex(salt, password);
                match (is_bare, digest) {
                    (true, _) => format!("{PREFIX}{hash}"),
                    (false, FastDigest::Md5) => format!("{PREFIX}md5${salt}${hash}"),
                    (false, FastDigest::Sha1) => format!("{PREFIX}sha1${salt}${hash}"),
                }
            }
            Self::Crypt(crypt) => format!("{PREFIX}crypt$${}", crypt.encode(password)?),
        })
    }
}

/// The form in which a hash of a removed hasher of Django's is stored here; `None` for all others.
pub(in crate::accounts::passwords) fn legacy_form(django: &str) -> Option<String> {
    LegacyPassword::parse_django(django).map(|_| format!("{PREFIX}{django}"))
}

fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(is_digit)
}
