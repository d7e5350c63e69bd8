//! How an exchange under faults fails: as the server failed, or because a fault aborted it.

use std::error::Error as StdError;

use crate::act::{AbortHow, StreamCode};

/// Any error, as tower has it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service below failed by itself.
    #[error("the service failed")]
    Inner(#[source] BoxError),
    /// A fault aborted the exchange. hyper then closes an HTTP/1 connection without a response, and resets an HTTP/2
    /// stream with the fault's code.
    #[error("the exchange was aborted")]
    Aborted(#[source] Aborted),
}

/// Why a response's body did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body below failed by itself.
    #[error("the body could not be read")]
    Inner(#[source] BoxError),
    /// A fault cut it off.
    #[error("the body was cut off")]
    Aborted(#[source] Aborted),
}

/// A fault aborted an exchange. Its source is an [`h2::Error`] with the fault's code, which is where servers over HTTP/2
/// look for what to reset a stream with.
#[derive(Debug, thiserror::Error)]
#[error("a fault ended it on purpose")]
pub struct Aborted {
    how: AbortHow,
    code: StreamCode,
    #[source]
    reason: h2::Error,
}

// === impl Aborted ===

impl Aborted {
    pub(crate) fn new(how: AbortHow, code: StreamCode) -> Self {
        Self { how, code, reason: h2::Error::from(code.reason()) }
    }

    /// What is to become of an HTTP/1 connection.
    #[must_use]
    pub const fn how(&self) -> AbortHow {
        self.how
    }

    /// What an HTTP/2 stream is to be reset with.
    #[must_use]
    pub const fn code(&self) -> StreamCode {
        self.code
    }

    /// The abort among an error and its sources.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl Default for Aborted {
    fn default() -> Self {
        Self::new(AbortHow::default(), StreamCode::default())
    }
}

impl Clone for Aborted {
    fn clone(&self) -> Self {
        // The library's error is no `Clone`, and is made of nothing but the code.
        Self::new(self.how, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_is_found_under_other_errors_and_leads_to_its_code() {
        let aborted = Aborted::new(AbortHow::Reset, StreamCode::Cancel);
        let error = std::io::Error::other(BodyError::Aborted(aborted));
        let outer = CallError::Inner(Box::new(BodyError::Inner(Box::new(error))));
        // An `io::Error` hides itself among its sources, not what it carries.
        let found = Aborted::find(&outer).unwrap();
        assert_eq!(found.how(), AbortHow::Reset);
        let reason = found.source().and_then(|source| source.downcast_ref::<h2::Error>()).unwrap();
        assert_eq!(reason.reason(), Some(h2::Reason::CANCEL));
        assert!(Aborted::find(&std::io::Error::other("x")).is_none());
    }
}
