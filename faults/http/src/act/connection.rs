//! Ending a connection in good order: `Connection: close` on HTTP/1, GOAWAY on HTTP/2.

use http::header::CONNECTION;
use http::{HeaderValue, Version};

use super::Dressing;
use crate::set::Bite;
use crate::wire::WireFault;

/// An HTTP/1 server closes the connection after a response with this header; HTTP/2 forbids it.
pub(super) fn close(response: &mut Dressing<'_>, bite: &Bite) {
    if response.asked.version <= Version::HTTP_11 {
        response.head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        bite.mark().bit();
    }
}

/// Nothing in a response stands for it: whoever owns the connection has to do it.
pub(super) fn go_away(response: &mut Dressing<'_>, bite: &Bite) {
    if response.asked.version == Version::HTTP_2 {
        bite.want(response.head, WireFault::GoAway);
    }
}
