//! Passwords, as Django stores them: `algorithm$…`, read through one bounded parser.
//!
//! Everything here takes as long as password hashes take: servers go through [`Hasher`].

mod encoded;
mod hasher;
pub mod validators;

use argon2::{Algorithm, Version};
use aws_lc_rs::constant_time;

use crate::db::DbError;
use crate::random::{RandomnessError, random_bytes};
pub use encoded::PasswordScheme;
use encoded::{Argon2, EncodedPassword};
pub use hasher::{HashOutput, Hasher, HasherOverloaded};

/// Memory of a new hash in KiB: OWASP's Password Storage Cheat Sheet, Argon2id, second line.
const MEMORY_KIB: u32 = 19_456;
/// Passes of a new hash over its memory, from the same line.
const PASSES: u32 = 2;
/// Below this much memory (KiB), the least in OWASP's list, more passes make up for nothing.
const LEAST_MEMORY_KIB: u32 = 7_168;
/// Characters of a new salt; six random bits each.
const SALT_LENGTH: usize = 22;
/// Characters behind the `!` of an unusable password, as Django's.
const UNUSABLE_LENGTH: usize = 40;

/// Why there is no new hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The system's random numbers failed.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The hash itself failed, for want of memory.
    #[error("the password could not be hashed")]
    Hash,
}

impl From<PasswordError> for DbError {
    /// For work inside a transaction: it can be tried again.
    fn from(error: PasswordError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A new hash: `argon2$argon2id$v=19$m=19456,t=2,p=1$…`.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let parameters = Argon2 {
        algorithm: Algorithm::Argon2id,
        version: Some(Version::V0x13),
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        lanes: 1,
        salt: random_letters::<SALT_LENGTH>()?.into_bytes(),
        length: 32,
    };
    parameters.encode(password).ok_or(PasswordError::Hash)
}

/// Compares a password with a stored hash. What is unusable, unknown, malformed or asks for more
/// than it may never matches.
pub fn verify(password: &str, stored: &str) -> bool {
    let again = EncodedPassword::parse(stored).and_then(|encoded| encoded.encode(password));
    // The whole text is compared, so that no other spelling of a hash matches.
    again.is_some_and(|again| {
        constant_time::verify_slices_are_equal(again.as_bytes(), stored.as_bytes()).is_ok()
    })
}

/// Whether any password could match.
pub fn is_usable(stored: &str) -> bool {
    EncodedPassword::parse(stored).is_some()
}

/// By which scheme it was made.
pub fn scheme(stored: &str) -> PasswordScheme {
    PasswordScheme::of(stored)
}

/// Whether [`hash`] makes a stronger one. Argon2id that costs at least as much, in memory and in
/// work, is left as it is: a rehash must never weaken.
pub fn needs_upgrade(stored: &str) -> bool {
    match EncodedPassword::parse(stored) {
        None => false,
        Some(EncodedPassword::Argon2(argon2)) => {
            let work = |memory: u32, passes: u32| u64::from(memory) * u64::from(passes);
            argon2.algorithm != Algorithm::Argon2id
                || argon2.version != Some(Version::V0x13)
                || argon2.memory_kib < LEAST_MEMORY_KIB
                || work(argon2.memory_kib, argon2.passes) < work(MEMORY_KIB, PASSES)
        }
        Some(_) => true,
    }
}

/// A hash that no password has, as costly to compare with as a new one: for accounts that are not
/// there.
pub fn decoy() -> String {
    let salt = "A".repeat(30);
    let hash = "A".repeat(43);
    format!("argon2$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${hash}")
}

/// Django's mark of an account without a password: `!` and 40 random characters, so that no two
/// rows look alike.
pub fn unusable_password() -> Result<String, PasswordError> {
    Ok(format!("!{}", random_letters::<UNUSABLE_LENGTH>()?))
}

fn random_letters<const N: usize>() -> Result<String, PasswordError> {
    const ALPHABET: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let bytes = random_bytes::<N>()?;
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 64)]);
    Ok(bytes.iter().map(letter).collect())
}

#[cfg(test)]
mod tests;
