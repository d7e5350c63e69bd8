//! A gRPC status and nothing else: the "trailers-only" response of the gRPC protocol over HTTP/2.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{TEXT_MAX, canned};
use crate::problem::Finder;

/// The status of a call that did not get to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct GrpcStatus {
    /// 0 to 16; 14 is UNAVAILABLE, 4 is DEADLINE_EXCEEDED, 8 is RESOURCE_EXHAUSTED.
    pub code: u8,
    /// What a client shows; any text of at most 1 MiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// From "gRPC over HTTP2", `Status-Message`: bytes from 0x20 to 0x7E but `%` stay as they are. `CONTROLS` are those below
/// 0x20 and 0x7F, and whatever is not ASCII is encoded in any case.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

// === impl GrpcStatus ===

impl GrpcStatus {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        finder.expect(self.code <= 16, "code", self.code, "a gRPC status code from 0 to 16");
        finder.expect(self.message.len() <= TEXT_MAX, "message", &self.message, "at most 1 MiB of text");
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let mut response = canned(StatusCode::OK, "");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(u16::from(self.code)));
        if !self.message.is_empty() {
            let encoded = utf8_percent_encode(&self.message, ENCODED).to_string();
            let value = HeaderValue::try_from(encoded).expect("everything but visible ASCII was encoded");
            headers.insert("grpc-message", value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(text: &str) -> String {
        let act = GrpcStatus { code: 14, message: text.to_owned() };
        act.response().headers().get("grpc-message").map_or("", |value| value.to_str().unwrap()).to_owned()
    }

    #[test]
    fn a_message_is_encoded_as_grpc_says() {
        assert_eq!(message("shard 7 is gone; try ~later!"), "shard 7 is gone; try ~later!");
        assert_eq!(message("100%"), "100%25");
        assert_eq!(message("ü\r\n\u{7f}"), "%C3%BC%0D%0A%7F");
        assert_eq!(message(""), "");
    }

    proptest! {
        #[test]
        fn any_message_comes_back(text: String) {
            let encoded = message(&text);
            prop_assert!(encoded.bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
            let decoded = percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap().into_owned();
            prop_assert_eq!(decoded, text);
        }
    }
}
