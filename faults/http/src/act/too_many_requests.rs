//! 429 with `Retry-After`: the answer of a rate limit that is reached.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Span;

use super::{BODY_FORM, TEXT_MAX, canned};
use crate::problem::Finder;

/// What the client is told. Which requests are too many is for the match to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct TooManyRequests {
    /// When to try again; told in whole seconds, rounded up.
    pub retry_after: Span,
    /// The body, at most 1 MiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

// === impl TooManyRequests ===

impl TooManyRequests {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        finder.expect(self.body.len() <= TEXT_MAX, "body", &self.body, BODY_FORM);
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let mut response = canned(StatusCode::TOO_MANY_REQUESTS, &self.body);
        let seconds = self.retry_after.as_nanos().div_ceil(1_000_000_000);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_is_a_whole_one() {
        let after = |millis| {
            let act = TooManyRequests { retry_after: Span::millis(millis), body: String::new() };
            act.response().headers()[RETRY_AFTER].to_str().unwrap().to_owned()
        };
        assert_eq!([0, 1, 1000, 1001].map(after), ["0", "1", "1", "2"]);
    }
}
