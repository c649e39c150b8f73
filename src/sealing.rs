//! Authenticated encryption of stored values: AES-256-GCM with a random nonce.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

/// A value could not be encrypted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a value could not be encrypted")]
pub struct SealError;

/// A key that seals values and opens them.
pub(crate) struct SealingKey(RandomizedNonceKey);

impl SealingKey {
    #[expect(clippy::expect_used, reason = "the key is 32 bytes, AES-256's length")]
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self(RandomizedNonceKey::new(&AES_256_GCM, bytes).expect("32 bytes are a key"))
    }

    /// Encrypts a value and binds it to `context`: the nonce, then the ciphertext with its tag.
    pub(crate) fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut text = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context), &mut text)
            .map_err(|_| SealError)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// Decrypts a value that this key sealed with the same `context`; `None` for anything else.
    pub(crate) fn open(&self, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(context), &mut text)
            .ok()?;
        Some(plain.to_vec())
    }
}
