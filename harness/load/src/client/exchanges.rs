//! Some bytes there and some back: what TCP and UDP have in common.

use shakedown_scenarios::workload::TcpExchange;

use crate::client::telling::quoted;
use crate::template::Template;

/// The exchanges of a workload, ready to send.
#[derive(Debug)]
pub(crate) struct Exchanges(Vec<Exchange>);

/// One kind of exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) send: Template,
    /// What the answer starts with.
    pub(crate) expect: Vec<u8>,
    /// What it ends with.
    pub(crate) until: Vec<u8>,
}

// === impl Exchanges ===

impl Exchanges {
    /// Prepares the exchanges of a mix.
    pub(crate) fn new(exchanges: &[TcpExchange]) -> Self {
        let prepared = |exchange: &TcpExchange| Exchange {
            send: Template::new(&exchange.send),
            expect: exchange.expect.as_bytes().to_vec(),
            until: exchange.until.as_deref().unwrap_or_default().as_bytes().to_vec(),
        };
        Self(exchanges.iter().map(prepared).collect())
    }

    /// The exchange of this kind.
    pub(crate) fn of(&self, kind: u32) -> &Exchange {
        &self.0[kind as usize]
    }

    /// Whether what is sent for an exchange of this kind has a place for a key.
    pub(crate) fn has_key(&self, kind: usize) -> bool {
        self.0.get(kind).is_some_and(|exchange| exchange.send.has_place())
    }
}

/// That something else came than an answer that begins and ends so, in words.
pub(crate) fn wrong(expect: &[u8], until: &[u8], found: &[u8]) -> String {
    let found = quoted(found);
    let [start, end] = [expect, until].map(quoted);
    match (expect, until) {
        (_, []) => format!("expected an answer that starts with {start}, found {found}"),
        ([], _) => format!("expected an answer that ends with {end}, found {found}"),
        _ => format!("expected an answer that starts with {start} and ends with {end}, found {found}"),
    }
}
