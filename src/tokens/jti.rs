//! The ids of tokens. The first half of an access token's id is the first half of its family's id, so that no
//! further claim is needed to name the family. Access tokens of another program or of an earlier version name
//! no family.

use crate::hex::hex;
use crate::random::{RandomnessError, random_bytes};

/// The hexadecimal digits of the family's id in the `jti` of an access token.
pub(super) const FAMILY_DIGITS: usize = 16;
/// The hexadecimal digits of a `jti`.
pub(super) const JTI_DIGITS: usize = 32;

/// A token id: 128 random bits as hexadecimal digits, the form of Python's `uuid4().hex`.
pub(super) fn new_jti() -> Result<String, RandomnessError> {
    Ok(hex(&random_bytes::<16>()?))
}

/// The id of a new access token of this family. A family that another program began may have an id of
/// another form; its access tokens name no family.
pub(super) fn new_access_jti(family: &str) -> Result<String, RandomnessError> {
    let random = new_jti()?;
    Ok(match family_digits(family) {
        Some(digits) => format!("{digits}{}", &random[FAMILY_DIGITS..]),
        None => random,
    })
}

/// The first half of an id that has the form of a `jti`.
pub(super) fn family_digits(id: &str) -> Option<&str> {
    let has_form = id.len() == JTI_DIGITS
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    has_form.then(|| &id[..FAMILY_DIGITS])
}
