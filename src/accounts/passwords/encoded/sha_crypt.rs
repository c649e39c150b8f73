//! SHA-crypt, `$5$…` and `$6$…`: what the `crypt` of Linux systems computes.

use base64ct::{Base64ShaCrypt, Encoding};
use sha_crypt::{Params, sha256_crypt, sha512_crypt};

use super::fields::number;

/// The rounds of a hash that does not say how many.
const DEFAULT_ROUNDS: u32 = 5_000;
/// The most rounds that are computed.
const MAX_ROUNDS: u32 = 100_000;
/// More characters of a salt are not used.
const MAX_SALT_LENGTH: usize = 16;
/// The longest password that is compared, in bytes: the work of each round grows with it.
pub(in crate::accounts::passwords) const MAX_PASSWORD_LENGTH: usize = 1_024;
/// The order in which the bytes of a SHA-256 hash are encoded.
const ORDER_256: [usize; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28,
    18, 29, 19, 9, 30, 31,
];
/// The order in which the bytes of a SHA-512 hash are encoded.
const ORDER_512: [usize; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8,
    50, 51, 30, 9, 10, 52, 31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58,
    37, 38, 17, 59, 60, 39, 18, 19, 61, 40, 41, 20, 62, 63,
];

/// The parameters and the salt of a SHA-crypt hash.
pub(in crate::accounts::passwords) struct ShaCryptParams<'a> {
    is_512: bool,
    /// `None` if the hash does not say.
    rounds: Option<u32>,
    salt: &'a str,
}

impl<'a> ShaCryptParams<'a> {
    /// Parses `$6$salt$hash` or `$6$rounds=656000$salt$hash`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (is_512, rest) = match text.split_at_checked(3)? {
            ("$5$", rest) => (false, rest),
            ("$6$", rest) => (true, rest),
            _ => return None,
        };
        let (rounds, rest) = match rest.strip_prefix("rounds=") {
            Some(rest) => {
                let (rounds, rest) = rest.split_once('$')?;
                (Some(number(rounds, MAX_ROUNDS)?), rest)
            }
            None => (None, rest),
        };
        let (salt, hash) = rest.split_once('$')?;
        let parsed = Self {
            is_512,
            rounds,
            salt,
        };
        let hash_length = if is_512 { 86 } else { 43 };
        (salt.len() <= MAX_SALT_LENGTH && hash.len() == hash_length && parsed.params().is_some())
            .then_some(parsed)
    }

    pub(super) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(DEFAULT_ROUNDS)
    }

    fn params(&self) -> Option<Params> {
        Params::new(self.rounds()).ok()
    }

    /// The text that `crypt` returns for this password with the same parameters and salt.
    pub(super) fn encode(&self, password: &str) -> Option<String> {
        let params = self.params()?;
        let (password, salt) = (password.as_bytes(), self.salt.as_bytes());
        if password.len() > MAX_PASSWORD_LENGTH {
            return None;
        }
        let (name, bytes) = if self.is_512 {
            let hash = sha512_crypt(password, salt, params);
            ("6", ORDER_512.map(|at| hash[at]).to_vec())
        } else {
            let hash = sha256_crypt(password, salt, params);
            ("5", ORDER_256.map(|at| hash[at]).to_vec())
        };
        let rounds = match self.rounds {
            Some(rounds) => format!("rounds={rounds}$"),
            None => String::new(),
        };
        let hash = Base64ShaCrypt::encode_string(&bytes);
        Some(format!("${name}${rounds}{}${hash}", self.salt))
    }
}
