//! Internal failures keep the error that caused them; [`ErrorChain`] writes all of it to the log.

use std::error::Error as StdError;
use std::fmt;

/// An internal failure: what the program was doing, and the error that stopped it. Clients see
/// neither.
#[derive(Debug, thiserror::Error)]
#[error("internal error: failed to {action}")]
pub struct InternalError {
    action: &'static str,
    #[source]
    source: Box<dyn StdError + Send + Sync>,
}

impl InternalError {
    /// `action` completes "failed to …"; `source` is an error, or a text where there is none.
    pub fn new(action: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            action,
            source: source.into(),
        }
    }
}

/// Displays an error with its sources, separated by colons. A source whose text the error above it
/// already contains is left out.
pub struct ErrorChain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let next = error.to_string();
            if !text.contains(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            source = error.source();
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, SignInFailure};

    fn failure() -> InternalError {
        let source = std::io::Error::other("the pool is closed");
        InternalError::new("hash a password", source)
    }

    #[test]
    fn a_chain_names_every_source_once() {
        let expected = "internal error: failed to hash a password: the pool is closed";
        let error = Error::from(failure());
        assert_eq!(ErrorChain(&error).to_string(), expected);
        let error = Error::sign_in(SignInFailure::from(failure()), "/");
        assert_eq!(
            ErrorChain(&error).to_string(),
            format!("a sign-in failed: {expected}")
        );
    }
}
