//! Caches a document that an identity provider publishes: its key set or its metadata.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Mutex;

use crate::clock::Timestamp;

/// A cached document is used for this long. Providers publish a new key hours before they sign with
/// it.
const MAX_AGE: TimeDelta = TimeDelta::hours(1);
/// The least time between two requests for the document, so that tokens with made-up key ids cannot
/// make us flood the provider.
const REQUEST_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// A document that is fetched by one request at a time. The other requests wait for its result.
pub(crate) struct DocumentCache<T>(Mutex<CacheState<T>>);

struct CacheState<T> {
    /// The document and when it was fetched.
    document: Option<(Arc<T>, Timestamp)>,
    /// The last request for it, including those that failed.
    requested_at: Option<Timestamp>,
}

impl<T> DocumentCache<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(CacheState {
            document: None,
            requested_at: None,
        }))
    }

    /// The document, fetched again when it is an hour old. If that fails, the old one is returned,
    /// and the provider is not asked again for a minute.
    pub(crate) async fn get<E: Display>(
        &self,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let mut state = self.0.lock().await;
        let old = match &state.document {
            Some((document, fetched_at)) => {
                let fresh = now < fetched_at.plus(MAX_AGE);
                if fresh || !state.may_request(now) {
                    return Ok(Arc::clone(document));
                }
                Some(Arc::clone(document))
            }
            None => None,
        };
        match (state.fetch(now, fetch).await, old) {
            (Err(error), Some(old)) => {
                log::warn!("an identity provider's document is used beyond its age: {error}");
                Ok(old)
            }
            (result, _) => result,
        }
    }

    /// Fetches the document again whatever its age. `None`: it was requested less than a minute
    /// ago.
    pub(crate) async fn refresh<E>(
        &self,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, E>>,
    ) -> Result<Option<Arc<T>>, E> {
        let mut state = self.0.lock().await;
        if !state.may_request(now) {
            return Ok(None);
        }
        state.fetch(now, fetch).await.map(Some)
    }
}

impl<T> CacheState<T> {
    fn may_request(&self, now: Timestamp) -> bool {
        self.requested_at
            .is_none_or(|requested| now >= requested.plus(REQUEST_INTERVAL))
    }

    async fn fetch<E>(
        &mut self,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        // Set before the response arrives, since the waiting request may be cancelled.
        self.requested_at = Some(now);
        let document = Arc::new(fetch.await?);
        self.document = Some((Arc::clone(&document), now));
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds).unwrap()
    }

    async fn answers(document: i32) -> Result<i32, &'static str> {
        Ok(document)
    }

    async fn fails() -> Result<i32, &'static str> {
        Err("unreachable")
    }

    #[tokio::test]
    async fn a_document_is_cached_for_an_hour_and_used_longer_when_the_provider_fails() {
        let cache = DocumentCache::new();
        assert!(cache.get(at(0), fails()).await.is_err());
        assert_eq!(*cache.get(at(1), answers(1)).await.unwrap(), 1);
        assert_eq!(*cache.get(at(3_600), answers(2)).await.unwrap(), 1);
        assert_eq!(*cache.get(at(3_601), fails()).await.unwrap(), 1);
        assert_eq!(*cache.get(at(3_660), answers(2)).await.unwrap(), 1);
        assert_eq!(*cache.get(at(3_661), answers(2)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_refresh_requests_the_document_once_a_minute_at_most() {
        let cache = DocumentCache::new();
        cache.get(at(0), answers(1)).await.unwrap();
        assert_eq!(cache.refresh(at(59), answers(2)).await.unwrap(), None);
        assert!(cache.refresh(at(60), fails()).await.is_err());
        assert_eq!(cache.refresh(at(119), answers(3)).await.unwrap(), None);
        assert_eq!(
            *cache.refresh(at(120), answers(3)).await.unwrap().unwrap(),
            3
        );
        assert_eq!(*cache.get(at(121), fails()).await.unwrap(), 3);
    }
}
