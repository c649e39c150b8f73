//! Fingerprints of sessions, which take less memory than their ids.

use aws_lc_rs::digest;

use crate::ids::SessionId;

/// The first half of the SHA-256 of a session's id. A million of them take 32 MB, a quarter of what the ids would
/// take.
pub type SessionFingerprint = [u8; 16];

/// The fingerprint of a session's id.
pub fn fingerprint(session_id: &SessionId) -> SessionFingerprint {
    let digest = digest::digest(&digest::SHA256, session_id.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_ref()[..16]);
    half
}
