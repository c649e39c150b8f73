//! Parses stored password hashes of all of Django's schemes, and limits their parameters.
//!
//! A stored hash cannot demand more than 128 MiB of memory (Argon2 more by a setting), nor more than a
//! few times the work of the strongest parameters recommended for Django.

mod argon2;
mod fields;
mod legacy;
mod scheme;
mod sha_crypt;

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::hex::sha256_hex;

pub(super) use self::argon2::{Argon2Params, allow_argon2_memory};
use self::fields::{MAX_LANES, MAX_MEMORY_KIB, fields, number};
pub(super) use self::legacy::legacy_form;
use self::legacy::{FastDigest, LegacyPassword};
pub use self::scheme::PasswordScheme;
pub(super) use self::sha_crypt::MAX_PASSWORD_LENGTH;

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

/// The scheme, parameters and salt of a stored hash. The hash itself is not kept.
pub(super) enum EncodedPassword<'a> {
    Argon2(Argon2Params),
    Pbkdf2 {
        variant: Pbkdf2Variant,
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
    Legacy(LegacyPassword<'a>),
}

/// What PBKDF2 is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pbkdf2Variant {
    Sha256,
    Sha1,
    /// With SHA-256, of a hash of the password: hashers from Django's documentation, which strengthen
    /// the hashes of a table without the passwords.
    Wrapped(FastDigest),
}

impl Pbkdf2Variant {
    /// Django's name of the scheme.
    fn name(self) -> &'static str {
        self.scheme().name()
    }

    fn scheme(self) -> PasswordScheme {
        match self {
            Self::Sha256 => PasswordScheme::Pbkdf2Sha256,
            Self::Sha1 => PasswordScheme::Pbkdf2Sha1,
            Self::Wrapped(FastDigest::Sha1) => PasswordScheme::Pbkdf2WrappedSha1,
            Self::Wrapped(FastDigest::Md5) => PasswordScheme::Pbkdf2WrappedMd5,
        }
    }
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
            "pbkdf2_sha256" => Self::pbkdf2(rest, Pbkdf2Variant::Sha256),
            "pbkdf2_sha1" => Self::pbkdf2(rest, Pbkdf2Variant::Sha1),
            "pbkdf2_wrapped_sha1" => Self::pbkdf2(rest, Pbkdf2Variant::Wrapped(FastDigest::Sha1)),
            "pbkdf2_wrapped_md5" => Self::pbkdf2(rest, Pbkdf2Variant::Wrapped(FastDigest::Md5)),
            "bcrypt_sha256" => Self::bcrypt(rest, true),
            "bcrypt" => Self::bcrypt(rest, false),
            "scrypt" => Self::scrypt(rest),
            "legacy" => LegacyPassword::parse(stored).map(Self::Legacy),
            _ => None,
        }
    }

    /// The scheme of a stored hash, whether a password can match it or not.
    pub(super) fn scheme_of(stored: &'a str) -> PasswordScheme {
        match Self::parse(stored) {
            Some(encoded) => encoded.scheme(),
            None if stored.starts_with('!') => PasswordScheme::Unusable,
            None => PasswordScheme::Unknown,
        }
    }

    /// Parses `iterations$salt$hash`.
    fn pbkdf2(rest: &'a str, variant: Pbkdf2Variant) -> Option<Self> {
        let [iterations, salt, _] = fields(rest)?;
        Some(Self::Pbkdf2 {
            variant,
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
            Self::Legacy(legacy) => legacy.work(),
        }
    }

    /// The scheme.
    pub(super) fn scheme(&self) -> PasswordScheme {
        match self {
            Self::Argon2(_) => PasswordScheme::Argon2,
            Self::Pbkdf2 { variant, .. } => variant.scheme(),
            Self::Bcrypt { sha256: true, .. } => PasswordScheme::BcryptSha256,
            Self::Bcrypt { sha256: false, .. } => PasswordScheme::Bcrypt,
            Self::Scrypt { .. } => PasswordScheme::Scrypt,
            Self::Legacy(legacy) => legacy.scheme(),
        }
    }

    /// The text that Django stores for this password with the same parameters and salt.
    pub(super) fn encode(&self, password: &str) -> Option<String> {
        match self {
            Self::Argon2(argon2) => argon2.encode(password),
            Self::Pbkdf2 {
                variant,
                iterations,
                salt,
            } => {
                let (algorithm, length) = match variant {
                    Pbkdf2Variant::Sha1 => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
                    _ => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
                };
                let wrapped = match variant {
                    Pbkdf2Variant::Wrapped(digest) => Some(digest.hex(salt, password)),
                    _ => None,
                };
                let input = wrapped.as_deref().unwrap_or(password).as_bytes();
                let mut hash = vec![0; length];
                pbkdf2::derive(algorithm, *iterations, salt.as_bytes(), input, &mut hash);
                let (name, hash) = (variant.name(), STANDARD.encode(hash));
                Some(format!("{name}${iterations}${salt}${hash}"))
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
            Self::Legacy(legacy) => legacy.encode(password),
        }
    }
}
