//! The proxy's reader of requests, without its sockets.

use super::Limits;
use super::gate::{Gate, Verdict};
use super::refusal::Refusal;

/// What of a client's bytes goes on to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// So many of them, from the first on. Those behind them wait for more, or are refused.
    pub bytes: usize,
    /// How many requests have their head among those.
    pub requests: u64,
    /// Why the next byte does not go on, and none after it.
    pub refusal: Option<Refusal>,
}

/// What of a connection over HTTP/1 would go on to the server, were its bytes to come in these pieces. Where they are cut
/// makes no difference to the requests that go on.
///
/// ```
/// use shakedown_http_faults::proxy::{Limits, Refusal, admit};
///
/// let smuggling = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";
/// let admitted = admit([&smuggling[..]], &Limits::default());
/// assert_eq!((admitted.bytes, admitted.refusal), (0, Some(Refusal::TwoFramings)));
/// ```
pub fn admit<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Admitted {
    let mut gate = Gate::new(limits.head_bytes(), limits.lines_max);
    let (mut hand, mut bytes, mut refusal) = (Vec::new(), 0, None);
    'all: for piece in pieces {
        hand.extend_from_slice(piece);
        let mut passed = 0;
        loop {
            match gate.judge(&hand[passed..]) {
                Verdict::Pass(count) => passed += count,
                Verdict::More => break,
                Verdict::Refuse(why) => {
                    (bytes, refusal) = (bytes + passed, Some(why));
                    break 'all;
                }
            }
        }
        hand.drain(..passed);
        bytes += passed;
    }
    Admitted { bytes, requests: gate.heads(), refusal }
}
