//! The answer to a unary call of gRPC: one message behind its length, and a status in the trailers.
//!
//! See <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>. Of a message no more is kept than it may be compared with.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use shakedown_scenarios::workload::grpc::GrpcExpect;

use super::request::decoded;
use crate::client::telling::{bytes, quoted};
use crate::client::{ClientError, ErrorClass};

/// Before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// How much of a message is kept.
const MESSAGE_BYTES_KEPT: usize = 64 * 1024;

/// What is expected of a call.
#[derive(Debug)]
pub(super) struct Call {
    status: u8,
    message: Option<Vec<u8>>,
    at_least: u64,
    at_most: u64,
    /// The longest latency, in nanoseconds.
    pub(super) within: Option<u64>,
}

/// What has come of an answer; used again for the next.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// Whether the head is that of an answer to a call.
    head: Option<Result<(), ErrorClass>>,
    /// The status, where the head is all there is.
    status: Option<u8>,
    /// The message beside it.
    told: Option<String>,
    prefix: Vec<u8>,
    /// Bytes that came behind the prefix.
    bytes: u64,
    message: Vec<u8>,
    /// What HTTP says of the call.
    http: u16,
    /// Status and message of a call that failed otherwise than expected, as far as the answer has them.
    ended: Option<(u8, String)>,
}

// === impl Call ===

impl Call {
    /// What an experiment expects.
    pub(super) fn new(expect: &GrpcExpect) -> Result<Self, ClientError> {
        Ok(Self {
            status: expect.status.number(),
            message: expect.message.as_deref().map(decoded).transpose()?,
            at_least: expect.at_least.map_or(0, |size| size.as_bytes()),
            at_most: expect.at_most.map_or(u64::MAX, |size| size.as_bytes()),
            within: expect.within.map(|span| span.as_nanos()),
        })
    }

    /// The verdict on a whole answer.
    pub(super) fn judge(&self, reply: &mut Reply, trailers: Option<&HeaderMap>) -> Result<(), ErrorClass> {
        reply.head.unwrap_or(Err(ErrorClass::Protocol))?;
        let status = trailers.and_then(status_of).or(reply.status).ok_or(ErrorClass::Protocol)?;
        if status != self.status {
            let told = trailers.and_then(message_of).or(reply.told.take()).unwrap_or_default();
            reply.ended = Some((status, told));
            return Err(ErrorClass::Status);
        }
        // Who fails sends no message; who does not sends one.
        if status != 0 && reply.prefix.is_empty() {
            return Ok(());
        }
        let length = reply.length()?;
        let is_right = (self.at_least..=self.at_most).contains(&length)
            && self.message.as_ref().is_none_or(|message| *message == reply.message);
        if is_right { Ok(()) } else { Err(ErrorClass::Check) }
    }

    /// Why the answer that was judged last is wrong, in words. What it says is quoted where it `may_be_quoted`.
    pub(super) fn why(&self, reply: &Reply, class: ErrorClass, may_be_quoted: bool) -> Option<String> {
        let length = bytes(reply.bytes);
        Some(match (class, &reply.ended) {
            (ErrorClass::Status, Some((status, told))) if may_be_quoted && !told.is_empty() => {
                let told = quoted(told.as_bytes());
                format!("expected gRPC status {}, found {status}: {told}", self.status)
            }
            (ErrorClass::Status, Some((status, _))) => {
                format!("expected gRPC status {}, found {status}", self.status)
            }
            (ErrorClass::Status, None) => format!("expected HTTP status 200, found {}", reply.http),
            (ErrorClass::Check, _) if reply.bytes < self.at_least => {
                format!("expected a message of {} or more, found {length}", bytes(self.at_least))
            }
            (ErrorClass::Check, _) if reply.bytes > self.at_most => {
                format!("expected a message of {} or less, found {length}", bytes(self.at_most))
            }
            (ErrorClass::Check, _) => {
                let wanted = self.message.as_ref().map_or(0, Vec::len) as u64;
                format!("expected a certain message of {}, found another of {length}", bytes(wanted))
            }
            (ErrorClass::Protocol, _) => format!(
                "expected the answer to a unary call (`application/grpc`, one message, `grpc-status`), found HTTP status {} \
                 and {length}",
                reply.http
            ),
            _ => return None,
        })
    }
}

/// What fields say of a call that failed, as it was written: percent-encoded UTF-8.
fn message_of(fields: &HeaderMap) -> Option<String> {
    Some(fields.get("grpc-message")?.to_str().ok()?.to_owned())
}

/// The status that fields tell.
fn status_of(fields: &HeaderMap) -> Option<u8> {
    fields.get("grpc-status")?.to_str().ok()?.parse().ok()
}

// === impl Reply ===

impl Reply {
    /// A new answer begins, with this head.
    pub(super) fn begin(&mut self, status: StatusCode, headers: &HeaderMap) {
        let kind = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
        self.head = Some(match status {
            StatusCode::OK if kind.starts_with(b"application/grpc") => Ok(()),
            StatusCode::OK => Err(ErrorClass::Protocol),
            // A proxy on the way, for most.
            _ => Err(ErrorClass::Status),
        });
        (self.status, self.told, self.ended) = (status_of(headers), message_of(headers), None);
        self.http = status.as_u16();
        self.prefix.clear();
        self.bytes = 0;
        self.message.clear();
    }

    /// A piece of the body.
    pub(super) fn body(&mut self, piece: &[u8]) {
        let (prefix, rest) = piece.split_at(piece.len().min(PREFIX_BYTES - self.prefix.len()));
        self.prefix.extend_from_slice(prefix);
        self.bytes = self.bytes.saturating_add(rest.len() as u64);
        let room = MESSAGE_BYTES_KEPT.saturating_sub(self.message.len()).min(rest.len());
        self.message.extend_from_slice(&rest[..room]);
    }

    /// The length of the one message; anything else is not the answer to a unary call that asked for no compression.
    fn length(&self) -> Result<u64, ErrorClass> {
        let Ok([0, length @ ..]) = <[u8; PREFIX_BYTES]>::try_from(self.prefix.as_slice()) else {
            return Err(ErrorClass::Protocol);
        };
        let length = u64::from(u32::from_be_bytes(length));
        if length == self.bytes { Ok(length) } else { Err(ErrorClass::Protocol) }
    }
}

#[cfg(test)]
mod tests {
    use shakedown_scenarios::workload::grpc::GrpcCall;

    use super::*;
    use crate::http2::Requests;

    fn fields(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    /// The verdict on an answer whose body comes in pieces of this length.
    fn judged(
        expect: &GrpcExpect,
        status: u16,
        head: &[(&'static str, &str)],
        body: &[u8],
        end: &[(&'static str, &str)],
    ) -> Result<(), ErrorClass> {
        let verdicts = [1, 3, 100].map(|cut| {
            let mut reply = Reply::default();
            reply.begin(StatusCode::from_u16(status).unwrap(), &fields(head));
            body.chunks(cut).for_each(|piece| reply.body(piece));
            Call::new(expect).unwrap().judge(&mut reply, Some(&fields(end)))
        });
        assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
        verdicts[0]
    }

    const HEAD: &[(&str, &str)] = &[("content-type", "application/grpc+proto")];
    const FINE: &[(&str, &str)] = &[("grpc-status", "0")];
    const BODY: &[u8] = b"\0\0\0\0\x02\x08\x01";

    #[test]
    fn a_right_answer_is_one_message_and_a_status() {
        let expect = GrpcExpect { message: Some("CAE=".into()), ..GrpcExpect::default() };
        assert_eq!(judged(&expect, 200, HEAD, BODY, FINE), Ok(()));
        assert_eq!(judged(&expect, 200, HEAD, b"\0\0\0\0\x02\x08\x02", FINE), Err(ErrorClass::Check));
        let any = GrpcExpect::default();
        assert_eq!(judged(&any, 200, HEAD, b"\0\0\0\0\0", FINE), Ok(()));
        let sized = GrpcExpect { at_least: Some(shakedown_scenarios::units::Size::bytes(3)), ..any };
        assert_eq!(judged(&sized, 200, HEAD, BODY, FINE), Err(ErrorClass::Check));
    }

    #[test]
    fn another_status_is_counted_as_one_wherever_it_stands() {
        use shakedown_scenarios::workload::grpc::GrpcStatus;
        let any = GrpcExpect::default();
        let missing = GrpcExpect { status: GrpcStatus::NotFound, ..GrpcExpect::default() };
        assert_eq!(judged(&any, 200, HEAD, b"", &[("grpc-status", "5")]), Err(ErrorClass::Status));
        assert_eq!(judged(&missing, 200, HEAD, b"", &[("grpc-status", "5")]), Ok(()));
        assert_eq!(judged(&missing, 200, HEAD, BODY, FINE), Err(ErrorClass::Status));
        let only = [HEAD, &[("grpc-status", "5")]].concat();
        assert_eq!(judged(&missing, 200, &only, b"", &[]), Ok(()));
        assert_eq!(
            judged(&any, 502, &[("content-type", "text/html")], b"<html>", &[]),
            Err(ErrorClass::Status)
        );
    }

    #[test]
    fn what_is_no_answer_to_a_unary_call_is_told() {
        let any = GrpcExpect::default();
        for (body, end) in [
            (&b""[..], FINE),
            (b"\0\0\0\0", FINE),
            (b"\x01\0\0\0\x02\x08\x01", FINE),
            (b"\0\0\0\0\x03\x08\x01", FINE),
            (b"\0\0\0\0\x01\x08\0\0\0\0\x01\x08", FINE),
            (BODY, &[]),
            (BODY, &[("grpc-status", "fine")]),
        ] {
            assert_eq!(judged(&any, 200, HEAD, body, end), Err(ErrorClass::Protocol), "{body:?} {end:?}");
        }
        assert_eq!(
            judged(&any, 200, &[("content-type", "text/html")], BODY, FINE),
            Err(ErrorClass::Protocol)
        );
    }

    #[test]
    fn no_more_is_kept_of_a_message_than_it_may_be_compared_with() {
        let mut reply = Reply::default();
        reply.begin(StatusCode::OK, &fields(HEAD));
        (0..1_000).for_each(|_| reply.body(&[0; 1_000]));
        assert_eq!((reply.message.len(), reply.bytes), (MESSAGE_BYTES_KEPT, 999_995));
    }

    #[test]
    fn a_message_that_was_not_read_is_refused() {
        let calling = |message: &str, expected: Option<&str>| {
            let file = || Some("item.bin".to_owned());
            let message_file = expected.and_then(|_| file());
            let expect =
                GrpcExpect { message: expected.map(str::to_owned), message_file, ..GrpcExpect::default() };
            let call = GrpcCall {
                name: None,
                method: "shop.Items/Get".into(),
                message: message.into(),
                message_file: file(),
                metadata: Vec::new(),
                expect,
                weight: 1,
            };
            Requests::calling(None, &[call]).map(drop)
        };
        let refused = Err(ClientError::Message("item.bin".into()));
        assert_eq!(calling("CAE=", Some("CAE=")), Ok(()));
        assert_eq!(calling("CAE=", None), Ok(()));
        assert_eq!(calling("", None), refused);
        assert_eq!(calling("CAE=", Some("")), refused);
    }
}
