//! One fault on one way of one connection: what it decides is done here to the pieces of a frame as they pass.

mod cutter;
mod flips;

use std::sync::Arc;

use shakedown_scenarios::seed::{Chance, Streams};
use shakedown_scenarios::units::Span;

use crate::fault::Fate;
use crate::frame::{Head, Header, Opcode, mask};
use crate::outbox::Outbox;
use crate::{Injection, Piece, Sender, WebSocketFault};
use cutter::Cutter;
use flips::Flips;

/// The state of one fault on one way.
pub(crate) struct Stage {
    pub(crate) injection: Arc<Injection>,
    sender: Sender,
    chance: Chance,
    /// Frames that its selection fitted so far; of one that closes, all frames.
    nth: u64,
    closing: bool,
    work: Work,
    /// Bytes of the frame's payload that are still to come.
    left: u64,
}

/// What is done to the frame that is passing.
enum Work {
    Pass,
    Drop,
    Delay(Span),
    Duplicate(Head, Vec<u8>),
    Cut(Cutter),
    Flip(Flips),
}

/// The stages that come after one, and where their pieces go in the end.
pub(crate) struct Rest<'a> {
    pub(crate) stages: &'a mut [Stage],
    pub(crate) out: &'a mut Outbox,
}

// === impl Stage ===

impl Stage {
    /// The state of an injection at the beginning of a frame. Each injection has a stream of its own for each way of each
    /// connection, and one for what concerns both ways.
    pub(crate) fn new(injection: &Arc<Injection>, sender: Sender, streams: Streams, ordinal: u64) -> Self {
        let name = format!("websocket/{}/connection/{ordinal}", injection.id);
        let way = match sender {
            Sender::Client => "upstream",
            Sender::Server => "downstream",
        };
        let closing = match &injection.fault {
            WebSocketFault::Close { to, probability, .. } => {
                // Drawn from the stream of both ways, so that both ends are told or neither is.
                to.hear(sender) && streams.stream(&name).chance(probability.value())
            }
            _ => false,
        };
        let chance = streams.stream(&format!("{name}/{way}"));
        let injection = Arc::clone(injection);
        Self { injection, sender, chance, nth: 0, closing, work: Work::Pass, left: 0 }
    }

    /// Hands on what becomes of a piece that may go from `at` on.
    pub(crate) fn push(&mut self, at: Span, piece: Piece<'_>, rest: &mut Rest<'_>) {
        match piece {
            Piece::Head(head) => self.begin(at, head, rest),
            Piece::Payload(payload) => self.go_on(at, payload, rest),
        }
        if self.left == 0 {
            self.end(at, rest);
        }
    }

    pub(crate) fn is_delay(&self) -> bool {
        matches!(self.injection.fault, WebSocketFault::Delay { .. })
    }

    /// Stops delaying in the middle of a frame, which nothing else can be stopped in.
    pub(crate) fn stop_delay(&mut self) {
        if matches!(self.work, Work::Delay(_)) {
            self.work = Work::Pass;
        }
    }

    /// The close frame that is to be sent now, if one is; once.
    pub(crate) fn close(&mut self) -> Option<(Head, Vec<u8>)> {
        let WebSocketFault::Close { code, reason, after, .. } = &self.injection.fault else { return None };
        if !self.closing || self.nth < *after {
            return None;
        }
        self.closing = false;
        self.injection.hit();
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        let key = (self.sender == Sender::Client).then(|| self.key());
        if let Some(key) = key {
            mask(key, 0, &mut payload);
        }
        let length = payload.len() as u64;
        let header = Header { fin: true, reserved: 0, opcode: Opcode::Close, mask: key, length };
        Some((header.head(), payload))
    }

    fn key(&mut self) -> [u8; 4] {
        let [first, second, third, fourth, ..] = self.chance.u64().to_le_bytes();
        [first, second, third, fourth]
    }

    fn begin(&mut self, at: Span, head: Head, rest: &mut Rest<'_>) {
        self.left = head.header.length;
        self.work = self.decide(head);
        match &mut self.work {
            Work::Drop => {}
            Work::Delay(delay) => rest.push(at.plus(*delay), Piece::Head(head)),
            Work::Cut(cutter) => cutter.begin(at, rest),
            Work::Pass | Work::Duplicate(..) | Work::Flip(_) => rest.push(at, Piece::Head(head)),
        }
    }

    fn decide(&mut self, head: Head) -> Work {
        let header = &head.header;
        if matches!(self.injection.fault, WebSocketFault::Close { .. }) {
            self.nth = self.nth.saturating_add(1);
            return Work::Pass;
        }
        let fate = self.injection.fault.decide(header, self.sender, &mut self.nth, &mut self.chance);
        if fate != Fate::Pass {
            self.injection.hit();
        }
        match fate {
            Fate::Pass => Work::Pass,
            Fate::Drop => Work::Drop,
            Fate::Delay(delay) => Work::Delay(delay),
            Fate::Duplicate => Work::Duplicate(head, Vec::new()),
            Fate::Fragment(size) => Work::Cut(Cutter::new(*header, size)),
            Fate::Corrupt(flips) => Work::Flip(Flips::draw(flips, header.length, &mut self.chance)),
        }
    }

    fn go_on(&mut self, at: Span, payload: &[u8], rest: &mut Rest<'_>) {
        self.left = self.left.saturating_sub(payload.len() as u64);
        match &mut self.work {
            Work::Pass => rest.push(at, Piece::Payload(payload)),
            Work::Drop => {}
            Work::Delay(delay) => rest.push(at.plus(*delay), Piece::Payload(payload)),
            Work::Duplicate(_, copy) => {
                copy.extend_from_slice(payload);
                rest.push(at, Piece::Payload(payload));
            }
            Work::Cut(cutter) => cutter.go_on(at, payload, rest),
            Work::Flip(flips) => flips.go_on(at, payload, rest),
        }
    }

    fn end(&mut self, at: Span, rest: &mut Rest<'_>) {
        if let Work::Duplicate(head, copy) = std::mem::replace(&mut self.work, Work::Pass) {
            rest.push_frame(at, head, &copy);
        }
    }
}

// === impl Rest ===

impl Rest<'_> {
    /// Hands a piece to the next stage, or out.
    pub(crate) fn push(&mut self, at: Span, piece: Piece<'_>) {
        match (self.stages.split_first_mut(), piece) {
            (Some((next, stages)), piece) => next.push(at, piece, &mut Rest { stages, out: self.out }),
            (None, Piece::Head(head)) => self.out.push(at, head.bytes()),
            (None, Piece::Payload(payload)) => self.out.push(at, payload),
        }
    }

    /// Hands on a whole frame.
    pub(crate) fn push_frame(&mut self, at: Span, head: Head, payload: &[u8]) {
        self.push(at, Piece::Head(head));
        if !payload.is_empty() {
            self.push(at, Piece::Payload(payload));
        }
    }
}
