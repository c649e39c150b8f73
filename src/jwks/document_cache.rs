//! Caches a document that an identity provider publishes: its key set or its metadata.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use tokio::sync::Mutex;

use crate::clock::Timestamp;

/// A cached document is used for this long. Providers publish a new key hours before they sign with
/// it.
const MAX_AGE: TimeDelta = TimeDelta::hours(1);
/// The least time between two requests for the document, so that tokens with made-up key ids cannot
/// make us flood the provider.
const REQUEST_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// A document that is fetched by one request at a time. The other requests wait for its result, also for a failure: one
/// after the other they would wait for a provider that does not answer.
pub(crate) struct DocumentCache<T, E> {
    state: Mutex<CacheState<T, E>>,
    /// The number of requests that have failed.
    failures: AtomicU64,
}

struct CacheState<T, E> {
    /// The document and when it was fetched.
    document: Option<(Arc<T>, Timestamp)>,
    /// The last request for it, including those that failed.
    requested_at: Option<Timestamp>,
    /// Why the last one failed, if it did.
    failure: Option<E>,
}

impl<T, E: Clone + Display> DocumentCache<T, E> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(CacheState {
                document: None,
                requested_at: None,
                failure: None,
            }),
            failures: AtomicU64::new(0),
        }
    }

    /// The document, fetched again when it is an hour old. If that fails, the old one is returned,
    /// and the provider is not asked again for a minute.
    pub(crate) async fn get(
        &self,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let failures = self.failures.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
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
        if let (None, Some(failure)) = (&old, &state.failure)
            && self.failures.load(Ordering::Acquire) > failures
        {
            return Err(failure.clone());
        }
        match (self.fetch(&mut state, now, fetch).await, old) {
            (Err(error), Some(old)) => {
                log::warn!("an identity provider's document is used beyond its age: {error}");
                Ok(old)
            }
            (result, _) => result,
        }
    }

    /// Fetches the document again whatever its age. `None`: it was requested less than a minute
    /// ago.
    pub(crate) async fn refresh(
        &self,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, E>>,
    ) -> Result<Option<Arc<T>>, E> {
        let mut state = self.state.lock().await;
        if !state.may_request(now) {
            return Ok(None);
        }
        self.fetch(&mut state, now, fetch).await.map(Some)
    }

    async fn fetch(
        &self,
        state: &mut CacheState<T, E>,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        // Set before the response arrives, since the waiting request may be cancelled.
        state.requested_at = Some(now);
        match fetch.await {
            Ok(document) => {
                let document = Arc::new(document);
                state.document = Some((Arc::clone(&document), now));
                state.failure = None;
                Ok(document)
            }
            Err(error) => {
                state.failure = Some(error.clone());
                self.failures.fetch_add(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }
}

impl<T, E> CacheState<T, E> {
    fn may_request(&self, now: Timestamp) -> bool {
        self.requested_at
            .is_none_or(|requested| now >= requested.plus(REQUEST_INTERVAL))
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use tokio::sync::oneshot;

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
    async fn those_that_wait_for_a_provider_that_fails_do_not_ask_it_again() {
        let cache = DocumentCache::<i32, _>::new();
        let asked = AtomicU64::new(0);
        let (answer, answered) = oneshot::channel();
        let request = async {
            let _sent = answered.await;
            Err("unreachable")
        };
        let mut first = Box::pin(cache.get(at(0), request));
        let mut task = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut task).is_pending());
        let again = || async {
            asked.fetch_add(1, Ordering::AcqRel);
            Err("unreachable again")
        };
        let mut waiting: Vec<_> = (0..3)
            .map(|_| Box::pin(cache.get(at(0), again())))
            .collect();
        for waiting in &mut waiting {
            assert!(waiting.as_mut().poll(&mut task).is_pending());
        }
        answer.send(()).unwrap();
        assert_eq!(first.await, Err("unreachable"));
        for waiting in waiting {
            assert_eq!(waiting.await, Err("unreachable"));
        }
        assert_eq!(asked.load(Ordering::Acquire), 0);
        // A later request asks it.
        assert_eq!(cache.get(at(1), again()).await, Err("unreachable again"));
        assert_eq!(*cache.get(at(2), answers(1)).await.unwrap(), 1);
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
