//! Send some bytes, expect some bytes.

use shakedown_scenarios::workload::TcpExchange;

use crate::client::exchanges::{self, Exchange, Exchanges};
use crate::client::telling::QUOTED_BYTES_KEPT;
use crate::client::{Client, ErrorClass, Reading};
use crate::mix::Ask;

/// What is sent, and how its answer is read.
#[derive(Debug)]
pub(crate) struct TcpClient {
    exchanges: Exchanges,
}

/// The state of reading one answer.
#[derive(Debug, Default)]
pub(crate) struct TcpAnswer {
    kind: u32,
    /// How much of `expect` has come.
    matched: usize,
    /// The end of what came, not longer than `until`.
    tail: Vec<u8>,
    /// The beginning of what came instead.
    other: Vec<u8>,
}

/// What a target may send between two exchanges (a banner, the rest of a line) before it counts as a flood.
const UNASKED_BYTES_MAX: u64 = 64 * 1024;

// === impl TcpClient ===

impl TcpClient {
    /// Prepares the exchanges of a mix.
    pub(crate) fn new(exchanges: &[TcpExchange]) -> Self {
        Self { exchanges: Exchanges::new(exchanges) }
    }
}

impl Client for TcpClient {
    type Answer = TcpAnswer;

    fn answer(&self) -> TcpAnswer {
        TcpAnswer::default()
    }

    fn reads_late(&self) -> bool {
        true
    }

    fn has_key(&self, kind: usize) -> bool {
        self.exchanges.has_key(kind)
    }

    fn ask(&self, ask: &Ask, answer: &mut TcpAnswer, out: &mut Vec<u8>) {
        self.exchanges.of(ask.kind).send.render(ask.key, out);
        (answer.kind, answer.matched) = (ask.kind, 0);
        answer.tail.clear();
    }

    fn whole_at_once(&self, answer: &TcpAnswer) -> bool {
        let exchange = self.exchanges.of(answer.kind);
        exchange.expect.is_empty() && exchange.until.is_empty()
    }

    fn read(&self, answer: &mut TcpAnswer, bytes: &[u8], _: &mut Vec<u8>) -> Reading {
        let Exchange { expect, until, .. } = self.exchanges.of(answer.kind);
        let compared = bytes.len().min(expect.len() - answer.matched);
        if bytes[..compared] != expect[answer.matched..][..compared] {
            answer.other = [&expect[..answer.matched], &bytes[..bytes.len().min(QUOTED_BYTES_KEPT)]].concat();
            // Where the wrong answer ends is not known, so nothing may follow it on this connection.
            return Reading::Whole { verdict: Err(ErrorClass::Check), keep: false };
        }
        answer.matched += compared;
        answer.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(until.len())..]);
        answer.tail.drain(..answer.tail.len().saturating_sub(until.len()));
        if answer.matched == expect.len() && answer.tail == *until {
            Reading::Whole { verdict: Ok(()), keep: true }
        } else {
            Reading::More
        }
    }

    fn why(&self, answer: &TcpAnswer, class: ErrorClass) -> Option<String> {
        let Exchange { expect, .. } = self.exchanges.of(answer.kind);
        (class == ErrorClass::Check).then(|| exchanges::wrong(expect, &[], &answer.other))
    }

    fn closed(&self, _: &mut TcpAnswer) -> Result<(), ErrorClass> {
        Err(ErrorClass::Closed)
    }

    fn unasked(&self, _: &mut TcpAnswer, _: &[u8], total: u64, _: &mut Vec<u8>) -> bool {
        total <= UNASKED_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OK: Reading = Reading::Whole { verdict: Ok(()), keep: true };
    const WRONG: Reading = Reading::Whole { verdict: Err(ErrorClass::Check), keep: false };

    fn read(expect: &str, until: Option<&str>, pieces: &[&[u8]]) -> Reading {
        let exchange = TcpExchange {
            name: None,
            send: "PING\r\n".into(),
            expect: expect.into(),
            until: until.map(Into::into),
            weight: 1,
            keys: 1,
        };
        let client = TcpClient::new(&[exchange]);
        let mut answer = client.answer();
        client.ask(&Ask { due: 0, key: 0, kind: 0, row: 0 }, &mut answer, &mut Vec::new());
        let mut reading = if client.whole_at_once(&answer) { OK } else { Reading::More };
        for piece in pieces {
            if reading == Reading::More {
                reading = client.read(&mut answer, piece, &mut Vec::new());
            }
        }
        reading
    }

    #[test]
    fn an_answer_is_whole_once_what_is_expected_has_come() {
        assert_eq!(read("+PONG\r\n", None, &[b"+PO"]), Reading::More);
        assert_eq!(read("+PONG\r\n", None, &[b"+PO", b"NG\r\n"]), OK);
        assert_eq!(read("+PONG", None, &[b"+PONG\r\n"]), OK);
        assert_eq!(read("", None, &[]), OK);
    }

    #[test]
    fn an_answer_with_an_end_is_whole_at_its_end() {
        assert_eq!(read("$", Some("\r\n"), &[b"$5"]), Reading::More);
        assert_eq!(read("$", Some("\r\n"), &[b"$5\r", b"\n"]), OK);
        assert_eq!(read("", Some("."), &[]), Reading::More);
        assert_eq!(read("", Some("."), &[b"a."]), OK);
    }

    #[test]
    fn another_beginning_fails_at_its_first_byte() {
        assert_eq!(read("+PONG\r\n", None, &[b"-"]), WRONG);
        assert_eq!(read("+PONG\r\n", Some("x"), &[b"+P", b"ING"]), WRONG);
    }

    proptest! {
        #[test]
        fn no_more_is_kept_than_the_end(pieces in proptest::collection::vec(proptest::collection::vec(0..3_u8, 0..9), 0..9)) {
            let exchange = TcpExchange { name: None, send: String::new(), expect: String::new(), until: Some("\0\u{1}\0".into()), weight: 1, keys: 1 };
            let client = TcpClient::new(&[exchange]);
            let mut answer = client.answer();
            let mut all = Vec::new();
            for piece in &pieces {
                all.extend_from_slice(piece);
                let whole = client.read(&mut answer, piece, &mut Vec::new()) == OK;
                prop_assert_eq!(whole, all.ends_with(&[0, 1, 0]));
                prop_assert!(answer.tail.len() <= 3);
            }
        }
    }
}
