//! What a datagram says, and what a right answer looks like.

use shakedown_scenarios::workload::TcpExchange;

use crate::client::exchanges::{self, Exchange, Exchanges};
use crate::mix::Ask;

/// What is sent, and what is expected.
#[derive(Debug)]
pub(crate) struct UdpClient {
    exchanges: Exchanges,
}

// === impl UdpClient ===

impl UdpClient {
    /// Prepares the exchanges of a mix.
    pub(crate) fn new(exchanges: &[TcpExchange]) -> Self {
        Self { exchanges: Exchanges::new(exchanges) }
    }

    /// Whether what is sent for an exchange of this kind has a place for a key.
    pub(super) fn has_key(&self, kind: usize) -> bool {
        self.exchanges.has_key(kind)
    }

    /// Appends the bytes of a datagram.
    pub(super) fn render(&self, ask: &Ask, out: &mut Vec<u8>) {
        self.exchanges.of(ask.kind).send.render(ask.key, out);
    }

    /// What is wrong with a datagram, in words; `None`: it is a right answer. It is whole, so both its beginning and its end can
    /// be told.
    pub(super) fn wrong(&self, ask: &Ask, datagram: &[u8]) -> Option<String> {
        let Exchange { expect, until, .. } = self.exchanges.of(ask.kind);
        let is_right = datagram.len() >= expect.len().max(until.len())
            && datagram.starts_with(expect)
            && datagram.ends_with(until);
        (!is_right).then(|| exchanges::wrong(expect, until, datagram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_by_its_beginning_and_its_end() {
        let check = |expect: &str, until: Option<&str>, datagram: &str, is_right: bool| {
            let exchange = TcpExchange {
                name: None,
                send: "q{n}".into(),
                expect: expect.into(),
                until: until.map(Into::into),
                weight: 1,
                keys: 1,
            };
            let client = UdpClient::new(&[exchange]);
            let ask = Ask { due: 0, key: 7, kind: 0, row: 0 };
            let mut sent = Vec::new();
            client.render(&ask, &mut sent);
            assert_eq!((sent.as_slice(), client.has_key(0)), (b"q7".as_slice(), true));
            assert_eq!(client.wrong(&ask, datagram.as_bytes()).is_none(), is_right, "{datagram}");
        };
        check("a", None, "answer", true);
        check("a", Some("r"), "answer", true);
        check("a", Some("x"), "answer", false);
        check("b", None, "answer", false);
        check("a", None, "", false);
        check("", Some("r"), "answer", true);
    }
}
