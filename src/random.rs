//! Random values from the system's cryptographic generator.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 256 bits, RFC 7636's recommendation for a value that nobody may guess.
const SECRET_BYTES: usize = 32;

/// The system's random number generator failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct RandomnessError;

/// `N` random bytes.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| RandomnessError)?;
    Ok(bytes)
}

/// 256 random bits as URL-safe text, for a `state`, a PKCE verifier or a session's id.
pub(crate) fn random_text() -> Result<String, RandomnessError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<SECRET_BYTES>()?))
}

/// 48 random bits as a number.
pub(crate) fn random_number() -> Result<i64, RandomnessError> {
    let bytes = random_bytes::<6>()?;
    Ok(bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | i64::from(*byte)))
}

/// A random number from 0 to 1 for what need not be secret; 0.5 if the generator fails.
pub(crate) fn random_fraction() -> f64 {
    match random_bytes::<1>() {
        Ok([byte]) => f64::from(byte) / 255.0,
        Err(RandomnessError) => 0.5,
    }
}
