//! What a provider tells of itself, kept for a while.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Mutex;

use crate::clock::Timestamp;

/// How long an answer is good: providers publish a new key hours before they use it.
const GOOD_FOR: TimeDelta = TimeDelta::hours(1);
/// An unknown key asks for a fresh set, once in this time whatever comes.
const PAUSE: TimeDelta = TimeDelta::minutes(1);

/// An answer, asked for by one request at a time.
pub(crate) struct Kept<T>(Mutex<State<T>>);

struct State<T> {
    answer: Option<(Arc<T>, Timestamp)>,
    /// When it was last asked for, in vain too.
    asked_at: Option<Timestamp>,
}

impl<T> Kept<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            answer: None,
            asked_at: None,
        }))
    }

    /// What was told, asked for again after an hour. An older answer stands in while the provider is
    /// away, and it is left in peace for a minute.
    pub(crate) async fn get<E: Display>(
        &self,
        now: Timestamp,
        ask: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let mut state = self.0.lock().await;
        let old = match &state.answer {
            Some((answer, told_at)) => {
                let fresh = now < told_at.plus(GOOD_FOR);
                if fresh || !may_ask(&state, now) {
                    return Ok(Arc::clone(answer));
                }
                Some(Arc::clone(answer))
            }
            None => None,
        };
        match (state.ask(now, ask).await, old) {
            (Err(error), Some(old)) => {
                log::warn!("what was known of an identity provider stands: {error}");
                Ok(old)
            }
            (result, _) => result,
        }
    }

    /// Asks again although the answer is still good; `None`: it was asked less than a minute ago.
    pub(crate) async fn ask_again<E>(
        &self,
        now: Timestamp,
        ask: impl Future<Output = Result<T, E>>,
    ) -> Result<Option<Arc<T>>, E> {
        let mut state = self.0.lock().await;
        if !may_ask(&state, now) {
            return Ok(None);
        }
        state.ask(now, ask).await.map(Some)
    }
}

fn may_ask<T>(state: &State<T>, now: Timestamp) -> bool {
    state.asked_at.is_none_or(|asked| now >= asked.plus(PAUSE))
}

impl<T> State<T> {
    async fn ask<E>(
        &mut self,
        now: Timestamp,
        ask: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        // Noted before the answer: whoever waits for it may be gone by then.
        self.asked_at = Some(now);
        let answer = Arc::new(ask.await?);
        self.answer = Some((Arc::clone(&answer), now));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::OidcError;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds).unwrap()
    }

    async fn told(answer: i32) -> Result<i32, OidcError> {
        Ok(answer)
    }

    async fn away() -> Result<i32, OidcError> {
        Err(OidcError::unavailable("away"))
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_an_hour_and_stands_in_after_it() {
        let kept = Kept::new();
        assert!(kept.get(at(0), away()).await.is_err());
        assert_eq!(*kept.get(at(1), told(1)).await.unwrap(), 1);
        assert_eq!(*kept.get(at(3_600), told(2)).await.unwrap(), 1);
        assert_eq!(*kept.get(at(3_601), away()).await.unwrap(), 1);
        assert_eq!(*kept.get(at(3_660), told(2)).await.unwrap(), 1);
        assert_eq!(*kept.get(at(3_661), told(2)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn it_is_asked_again_once_a_minute_at_most() {
        let kept = Kept::new();
        kept.get(at(0), told(1)).await.unwrap();
        assert_eq!(kept.ask_again(at(59), told(2)).await.unwrap(), None);
        assert!(kept.ask_again(at(60), away()).await.is_err());
        assert_eq!(kept.ask_again(at(119), told(3)).await.unwrap(), None);
        assert_eq!(*kept.ask_again(at(120), told(3)).await.unwrap().unwrap(), 3);
        assert_eq!(*kept.get(at(121), away()).await.unwrap(), 3);
    }
}
