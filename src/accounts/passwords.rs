//! Hashes and verifies passwords in Django's encoding, `algorithm$…`.
//!
//! These functions take as long as a password hash takes. The server calls them through [`Hasher`].

mod blocklist;
mod encoded;
mod hasher;
pub mod validators;

use argon2::{Algorithm, Version};
use aws_lc_rs::constant_time;

use crate::db::DbError;
use crate::random::{RandomnessError, random_bytes};
pub use blocklist::{BlocklistError, PasswordBlocklist};
pub use encoded::PasswordScheme;
use encoded::{Argon2Params, EncodedPassword, MAX_PASSWORD_LENGTH};
pub use hasher::{HashOutput, Hasher, HasherOverloaded, PasswordSource, SlotClock};

/// Memory of a new hash, in KiB: OWASP's Password Storage Cheat Sheet, Argon2id, second line.
const MEMORY_KIB: u32 = 19_456;
/// Passes of a new hash over its memory, from the same line.
const PASSES: u32 = 2;
/// The smallest amount of memory in OWASP's list, in KiB. More passes do not compensate for less.
const MIN_MEMORY_KIB: u32 = 7_168;
/// Characters of a new salt, of six random bits each.
const SALT_LENGTH: usize = 22;
/// Characters after the `!` of an unusable password, as in Django.
const UNUSABLE_LENGTH: usize = 40;

/// Why a password could not be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The system's random number generator failed.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The hash function failed, for example for lack of memory.
    #[error("the password could not be hashed")]
    Hash,
}

impl From<PasswordError> for DbError {
    /// For use in a transaction: the client may try again.
    fn from(error: PasswordError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Hashes a new password: `argon2$argon2id$v=19$m=19456,t=2,p=1$…`.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let parameters = Argon2Params {
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

/// Whether the password matches the stored hash. An unusable, unknown or malformed hash never
/// matches, nor does one whose parameters exceed the limits.
pub fn verify(password: &str, stored: &str) -> bool {
    let expected = EncodedPassword::parse(stored).and_then(|encoded| encoded.encode(password));
    // The whole text is compared, so that only the canonical encoding of a hash matches.
    expected.is_some_and(|expected| {
        constant_time::verify_slices_are_equal(expected.as_bytes(), stored.as_bytes()).is_ok()
    })
}

/// Compares the password that takes longest with the stored hash, to measure the comparison: the work of SHA-crypt
/// grows with the length of the password.
pub fn verify_longest(stored: &str) -> bool {
    verify(&"x".repeat(MAX_PASSWORD_LENGTH), stored)
}

/// The form in which a hash of a hasher that Django has removed is stored here, so that it is accepted at
/// one sign-in, which replaces it. `None` for every other hash. As Django stores it, no password matches.
pub fn legacy_form(django: &str) -> Option<String> {
    encoded::legacy_form(django)
}

/// Lets stored Argon2 hashes demand this much memory, in MiB, from now on in the whole process. Less than
/// before has no effect.
pub fn allow_argon2_memory(mib: u32) {
    encoded::allow_argon2_memory(mib);
}

/// Whether any password can match the stored hash.
pub fn is_usable(stored: &str) -> bool {
    EncodedPassword::parse(stored).is_some()
}

/// The scheme of a stored hash.
pub fn scheme(stored: &str) -> PasswordScheme {
    EncodedPassword::scheme_of(stored)
}

/// The scheme of a stored hash and the work of a comparison with it, which can be compared within a
/// scheme. `None` if no password can match, so that nothing is computed.
pub fn work(stored: &str) -> Option<(PasswordScheme, u64)> {
    let encoded = EncodedPassword::parse(stored)?;
    Some((encoded.scheme(), encoded.work()))
}

/// What Django would store for this password with the scheme, parameters and salt of the stored hash.
#[cfg(fuzzing)]
pub(crate) fn encode_like(stored: &str, password: &str) -> Option<String> {
    EncodedPassword::parse(stored)?.encode(password)
}

/// Whether [`hash`] would make a stronger hash. An Argon2id hash that costs at least as much memory
/// and work is kept, since a rehash must not weaken a password.
pub fn needs_upgrade(stored: &str) -> bool {
    match EncodedPassword::parse(stored) {
        None => false,
        Some(EncodedPassword::Argon2(argon2)) => {
            let work = |memory: u32, passes: u32| u64::from(memory) * u64::from(passes);
            argon2.algorithm != Algorithm::Argon2id
                || argon2.version != Some(Version::V0x13)
                || argon2.memory_kib < MIN_MEMORY_KIB
                || work(argon2.memory_kib, argon2.passes) < work(MEMORY_KIB, PASSES)
        }
        Some(_) => true,
    }
}

/// How every new hash begins.
pub fn current_prefix() -> String {
    format!("argon2$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$")
}

/// A hash that no password matches and that takes as long to compare as a new one. It is used if
/// the account does not exist.
pub fn decoy() -> String {
    let salt = "A".repeat(30);
    let hash = "A".repeat(43);
    format!("{}{salt}${hash}", current_prefix())
}

/// The marker that Django stores for an account without a password: `!` and 40 random characters.
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
