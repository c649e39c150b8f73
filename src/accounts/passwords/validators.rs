//! What a new password must not be.
