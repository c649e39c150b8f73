//! The fields of a stored hash, and the limits that several schemes share.

/// Memory of one hash, in KiB. Django's Argon2 takes 102,400, its scrypt 16,384.
pub(super) const MAX_MEMORY_KIB: u32 = 131_072;
/// Argon2's lanes and scrypt's `p`. Django's defaults are 8 and 5.
pub(super) const MAX_LANES: u32 = 64;

/// Splits a text at `$` into exactly `N` fields.
pub(super) fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('$').collect::<Vec<_>>().try_into().ok()
}

/// A number from 1 to `max`, written without a sign or leading zeros: another form would not be equal to
/// the encoding of any password.
pub(super) fn number(text: &str, max: u32) -> Option<u32> {
    let number = text.parse().ok().filter(|number| *number <= max)?;
    text.starts_with(|first| matches!(first, '1'..='9'))
        .then_some(number)
}
