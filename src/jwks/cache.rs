//! Finds the key that signed a token, and fetches the key set again when the provider rolls its
//! keys over.

use std::fmt::Display;

use jsonwebtoken::{DecodingKey, Header};

use super::{DocumentCache, KeySet};
use crate::clock::Timestamp;

/// The cached key set of one identity provider.
pub(crate) struct JwksCache<E>(DocumentCache<KeySet, E>);

impl<E: Clone + Display> JwksCache<E> {
    pub(crate) fn new() -> Self {
        Self(DocumentCache::new())
    }

    /// The key that the token's header names. If the cached set lacks it, the set is fetched again,
    /// at most once a minute. `None`: the provider publishes no such key.
    pub(crate) async fn signing_key<F>(
        &self,
        header: &Header,
        now: Timestamp,
        fetch: impl Fn() -> F,
    ) -> Result<Option<DecodingKey>, E>
    where
        F: Future<Output = Result<KeySet, E>>,
    {
        let keys = self.0.get(now, fetch()).await?;
        if let Some(key) = keys.find(header) {
            return Ok(Some(key.clone()));
        }
        let newer = self.0.refresh(now, fetch()).await?;
        Ok(newer.and_then(|keys| keys.find(header).cloned()))
    }
}
