//! What tests of frames share: frames that are made up, and their bytes and back.

use std::sync::Arc;

use proptest::prelude::*;
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Span;
use shakedown_websocket_faults::{
    Connection, Faults, Header, Opcode, Piece, Pipe, Sender, Splitter, WebSocketFault, mask,
};

/// A frame with its payload unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub fin: bool,
    pub reserved: u8,
    pub opcode: Opcode,
    pub key: Option<[u8; 4]>,
    pub payload: Vec<u8>,
}

// === impl Made ===

impl Made {
    pub fn text(text: &str) -> Self {
        Self::new(Opcode::Text, text.as_bytes())
    }

    pub fn new(opcode: Opcode, payload: &[u8]) -> Self {
        Self { fin: true, reserved: 0, opcode, key: None, payload: payload.to_vec() }
    }

    pub fn masked(self, key: [u8; 4]) -> Self {
        Self { key: Some(key), ..self }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let Self { fin, reserved, opcode, key, .. } = *self;
        let length = self.payload.len() as u64;
        let mut bytes = Header { fin, reserved, opcode, mask: key, length }.head().bytes().to_vec();
        let mut payload = self.payload.clone();
        if let Some(key) = key {
            mask(key, 0, &mut payload);
        }
        bytes.extend(payload);
        bytes
    }
}

pub fn bytes(frames: &[Made]) -> Vec<u8> {
    frames.iter().flat_map(Made::bytes).collect()
}

/// The frames of some bytes, which come in pieces that end at these places.
pub fn frames(mut splitter: Splitter, bytes: &[u8], cuts: &[usize]) -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    for mut input in pieces(bytes, cuts) {
        while let Some(piece) = splitter.next(&mut input).unwrap() {
            match piece {
                Piece::Head(head) => {
                    let Header { fin, reserved, opcode, mask: key, .. } = head.header;
                    made.push(Made { fin, reserved, opcode, key, payload: Vec::new() });
                }
                Piece::Payload(part) => {
                    let last = made.last_mut().unwrap();
                    let from = last.payload.len();
                    last.payload.extend_from_slice(part);
                    if let Some(key) = last.key {
                        mask(key, from as u64, &mut last.payload[from..]);
                    }
                }
            }
        }
        assert!(input.is_empty());
    }
    splitter.finish().unwrap();
    made
}

/// Bytes in pieces that end at these places, in whatever order they are given.
pub fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.push(bytes.len());
    places.sort_unstable();
    let mut from = 0;
    places.into_iter().map(|to| &bytes[std::mem::replace(&mut from, to)..to]).collect()
}

pub fn connection(lenient: bool) -> Connection {
    Connection { streams: Streams::new(42), ordinal: 0, lenient }
}

pub fn faults(faults: &[&str]) -> Arc<Faults> {
    let with = |set: Faults, (id, fault): (u32, &&str)| {
        let fault: WebSocketFault = serde_json::from_str(fault).unwrap();
        assert_eq!(fault.check(), []);
        set.with(id, fault).unwrap()
    };
    Arc::new((1..).zip(faults).fold(Faults::default(), with))
}

/// What comes out at once for what is put in, in these pieces.
pub fn through(pipe: &mut Pipe, bytes: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    for input in pieces(bytes, cuts) {
        pipe.push(Span::ZERO, input).unwrap();
        drain(pipe, Span::ZERO, &mut out);
    }
    out
}

pub fn drain(pipe: &mut Pipe, now: Span, out: &mut Vec<u8>) {
    while !pipe.due(now).is_empty() {
        let count = pipe.due(now).len();
        out.extend_from_slice(pipe.due(now));
        pipe.sent(count);
    }
}

/// The frames that come out of a server's or client's way under these faults.
pub fn under(descriptions: &[&str], sender: Sender, sent: &[Made]) -> Vec<Made> {
    let mut pipe = Pipe::new(sender, connection(true));
    pipe.renew(&faults(descriptions), Span::ZERO);
    let out = through(&mut pipe, &bytes(sent), &[]);
    frames(Splitter::new(sender, true), &out, &[])
}

/// Frames of any kind, flawed ones too.
pub fn any_frames() -> impl Strategy<Value = Vec<Made>> {
    let lengths = prop_oneof![4 => 0..20_usize, 2 => 120..130_usize, 1 => 65_530..65_540_usize];
    let frame = (any::<bool>(), 0..8_u8, 0..16_u8, any::<Option<[u8; 4]>>(), lengths, any::<u8>());
    let frame = frame.prop_map(|(fin, reserved, number, key, length, first)| Made {
        fin,
        reserved,
        opcode: Opcode::of(number),
        key,
        payload: (0..length).map(|place| first.wrapping_add((place % 251) as u8)).collect(),
    });
    proptest::collection::vec(frame, 0..6)
}

/// Whole messages in one frame each, with control frames between them, as a client or a server sends them.
pub fn messages(sender: Sender) -> impl Strategy<Value = Vec<Made>> {
    let opcodes = prop_oneof![Just(Opcode::Text), Just(Opcode::Binary), Just(Opcode::Ping)];
    let frame = (opcodes, any::<[u8; 4]>(), proptest::collection::vec(any::<u8>(), 0..200), any::<bool>());
    let frame = frame.prop_map(move |(opcode, key, mut payload, compressed)| {
        payload.truncate(if opcode.is_control() { 125 } else { usize::MAX });
        let reserved = if compressed && !opcode.is_control() { 4 } else { 0 };
        let key = (sender == Sender::Client).then_some(key);
        Made { fin: true, reserved, opcode, key, payload }
    });
    proptest::collection::vec(frame, 1..6)
}

pub fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(any::<usize>(), 0..12)
}
