//! Parses stored password hashes of all of Django's schemes, and limits their parameters.
//!
//! A stored hash cannot demand more than 128 MiB of memory, nor more than a few times the work of
//! the strongest parameters recommended for Django.

mod argon2;
mod fields;

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::hex::sha256_hex;

pub(super) use self::argon2::Argon2Params;
use self::fields::{MAX_LANES, MAX_MEMORY_KIB, fields, number};

/// The maximum length of a stored hash. Django's column holds 128 characters.
const MAX_LENGTH: usize = 512;
/// Django 6.1's default is 1,500,000.
const MAX_ITERATIONS: u32 = 10_000_000;
/// scrypt's N·r·p. Django's default is 655,360; OWASP's strongest is 1,048,576.
const MAX_SCRYPT_WORK: u64 = 4_194_304;
/// scrypt's block size r. The usual value is 8, also in Django.
const MAX_SCRYPT_R: u32 = 64;
/// bcrypt's cost, the binary logarithm of its rounds. Django's default is 12.
const MAX_BCRYPT_COST: u32 = 15;
/// The length of scrypt's output in Django, in bytes.
const SCRYPT_LENGTH: usize = 64;

/// The scheme of a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PasswordScheme {
    /// `argon2$…`
    Argon2,
    /// `pbkdf2_sha256$…`
    Pbkdf2Sha256,
    /// `pbkdf2_sha1$…`
    Pbkdf2Sha1,
    /// `bcrypt_sha256$…`
    BcryptSha256,
    /// `bcrypt$…`
    Bcrypt,
    /// `scrypt$…`
    Scrypt,
    /// `!…`: deliberately no password.
    Unusable,
    /// Anything else, including malformed hashes and excessive parameters. No password matches it.
    Unknown,
}

impl PasswordScheme {
    pub(super) fn of(stored: &str) -> Self {
        match EncodedPassword::parse(stored) {
            Some(EncodedPassword::Argon2(_)) => Self::Argon2,
            Some(EncodedPassword::Pbkdf2 { sha1: false, .. }) => Self::Pbkdf2Sha256,
            Some(EncodedPassword::Pbkdf2 { sha1: true, .. }) => Self::Pbkdf2Sha1,
            Some(EncodedPassword::Bcrypt { sha256: true, .. }) => Self::BcryptSha256,
            Some(EncodedPassword::Bcrypt { sha256: false, .. }) => Self::Bcrypt,
            Some(EncodedPassword::Scrypt { .. }) => Self::Scrypt,
            None if stored.starts_with('!') => Self::Unusable,
            None => Self::Unknown,
        }
    }

    /// Django's name of the scheme.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2 => "argon2",
            Self::Pbkdf2Sha256 => "pbkdf2_sha256",
            Self::Pbkdf2Sha1 => "pbkdf2_sha1",
            Self::BcryptSha256 => "bcrypt_sha256",
            Self::Bcrypt => "bcrypt",
            Self::Scrypt => "scrypt",
            Self::Unusable => "unusable",
            Self::Unknown => "unknown",
        }
    }
}

/// The scheme, parameters and salt of a stored hash. The hash itself is not kept.
pub(super) enum EncodedPassword<'a> {
    Argon2(Argon2Params),
    Pbkdf2 {
        sha1: bool,
        iterations: NonZeroU32,
        salt: &'a str,
    },
    Bcrypt {
        sha256: bool,
        /// `2a`, `2b` or `2y`: names that different libraries give to the same algorithm.
        version: &'a str,
        cost: u32,
        salt: [u8; 16],
    },
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
        salt: &'a str,
    },
}

impl<'a> EncodedPassword<'a> {
    /// Parses a stored hash. `None`: no password can match it.
    pub(super) fn parse(stored: &'a str) -> Option<Self> {
        if stored.len() > MAX_LENGTH {
            return None;
        }
        let (algorithm, rest) = stored.split_once('$')?;
        match algorithm {
            "argon2" => Argon2Params::parse(rest).map(Self::Argon2),
            "pbkdf2_sha256" => Self::pbkdf2(rest, false),
            "pbkdf2_sha1" => Self::pbkdf2(rest, true),
            "bcrypt_sha256" => Self::bcrypt(rest, true),
            "bcrypt" => Self::bcrypt(rest, false),
            "scrypt" => Self::scrypt(rest),
            _ => None,
        }
    }

    /// Parses `iterations$salt$hash`.
    fn pbkdf2(rest: &'a str, sha1: bool) -> Option<Self> {
        let [iterations, salt, _] = fields(rest)?;
        Some(Self::Pbkdf2 {
            sha1,
            iterations: NonZeroU32::new(number(iterations, MAX_ITERATIONS)?)?,
            salt,
        })
    }

    /// Parses `$2b$12$` and 53 characters.
    fn bcrypt(rest: &'a str, sha256: bool) -> Option<Self> {
        let parts: bcrypt::HashParts = rest.parse().ok()?;
        let version = rest.get(1..3)?;
        let cost = parts.get_cost();
        let known = matches!(version, "2a" | "2b" | "2y")
            && (4..=MAX_BCRYPT_COST).contains(&cost)
            && rest.get(4..6)? == format!("{cost:02}");
        known.then(|| Self::Bcrypt {
            sha256,
            version,
            cost,
            salt: parts.get_salt_raw(),
        })
    }

    /// Parses `N$salt$r$p$hash`.
    fn scrypt(rest: &'a str) -> Option<Self> {
        let [n, salt, r, p, _] = fields(rest)?;
        let n = number(n, MAX_MEMORY_KIB * 8)?;
        let r = number(r, MAX_SCRYPT_R)?;
        let p = number(p, MAX_LANES)?;
        let work = u64::from(n) * u64::from(r) * u64::from(p);
        // scrypt needs N + p blocks of 128·r bytes; 8 · 128 bytes are 1 KiB.
        let memory_kib = u64::from(r) * (u64::from(n) + u64::from(p)) / 8;
        let within_limits = memory_kib <= u64::from(MAX_MEMORY_KIB) && work <= MAX_SCRYPT_WORK;
        let log_n = u8::try_from(n.trailing_zeros()).ok()?;
        (within_limits && n.is_power_of_two() && n > 1).then_some(Self::Scrypt {
            log_n,
            r,
            p,
            salt,
        })
    }

    /// The work of a comparison, to compare hashes of the same scheme.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Argon2(argon2) => u64::from(argon2.memory_kib) * u64::from(argon2.passes),
            Self::Pbkdf2 { iterations, .. } => u64::from(iterations.get()),
            Self::Bcrypt { cost, .. } => 1 << cost,
            Self::Scrypt { log_n, r, p, .. } => (1 << log_n) * u64::from(*r) * u64::from(*p),
        }
    }

    /// The text that Django stores for this password with the same parameters and salt.
    pub(super) fn encode(&self, password: &str) -> Option<String> {
        match self {
            Self::Argon2(argon2) => argon2.encode(password),
            Self::Pbkdf2 {
                sha1,
                iterations,
                salt,
            } => {
                let (name, algorithm, length) = if *sha1 {
                    ("pbkdf2_sha1", pbkdf2::PBKDF2_HMAC_SHA1, 20)
                } else {
                    ("pbkdf2_sha256", pbkdf2::PBKDF2_HMAC_SHA256, 32)
                };
                let mut hash = vec![0; length];
                let salt_bytes = salt.as_bytes();
                pbkdf2::derive(
                    algorithm,
                    *iterations,
                    salt_bytes,
                    password.as_bytes(),
                    &mut hash,
                );
                Some(format!(
                    "{name}${iterations}${salt}${}",
                    STANDARD.encode(hash)
                ))
            }
            Self::Bcrypt {
                sha256,
                version,
                cost,
                salt,
            } => {
                let (name, input) = if *sha256 {
                    ("bcrypt_sha256", sha256_hex(password).into_bytes())
                } else {
                    ("bcrypt", password.as_bytes().to_vec())
                };
                let parts = bcrypt::hash_with_salt(input, *cost, *salt).ok()?;
                let (salt, hash) = (parts.get_salt(), parts.to_string().split_off(29));
                Some(format!("{name}$${version}${cost:02}${salt}{hash}"))
            }
            Self::Scrypt { log_n, r, p, salt } => {
                let parameters = scrypt::Params::new(*log_n, *r, *p).ok()?;
                let mut hash = [0; SCRYPT_LENGTH];
                scrypt::scrypt(password.as_bytes(), salt.as_bytes(), &parameters, &mut hash)
                    .ok()?;
                let n = 1_u64 << log_n;
                Some(format!(
                    "scrypt${n}${salt}${r}${p}${}",
                    STANDARD.encode(hash)
                ))
            }
        }
    }
}
