//! Frames as RFC 6455 (section 5.2) lays them out: two to fourteen bytes of header, then the payload.

use serde::{Deserialize, Serialize};

use crate::Flaw;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opcode {
    /// A further part of a message.
    Continuation,
    /// A message of text, or its first part.
    Text,
    /// A message of bytes, or its first part.
    Binary,
    /// The end of the conversation.
    Close,
    /// A question whether the other side is there.
    Ping,
    /// The answer.
    Pong,
    /// Numbers that mean nothing yet: 3 to 7 and 11 to 15. No fault can be told to look for them.
    #[serde(skip)]
    Reserved(u8),
}

/// A header, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// The three bits that extensions use, as a number from 0 to 7; RSV1 (compression) is 4.
    pub reserved: u8,
    /// What it is for.
    pub opcode: Opcode,
    /// The key that the payload is masked with, which only clients do.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub length: u64,
}

/// A header with the very bytes that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What they say.
    pub header: Header,
    /// What is wrong with it, if something is; told by a splitter that passes such frames on.
    pub flaw: Option<Flaw>,
    raw: [u8; HEADER_MOST],
    size: u8,
}

/// The longest header.
pub const HEADER_MOST: usize = 14;
/// The longest payload of a control frame (section 5.5).
pub const CONTROL_MOST: u64 = 125;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// In place of the length, these say that it follows in two or in eight bytes.
const IN_TWO: u8 = 126;
const IN_EIGHT: u8 = 127;

// === impl Opcode ===

impl Opcode {
    /// Its number, 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
            Self::Reserved(number) => number & 0xf,
        }
    }

    /// The opcode of this number, of which the lower four bits count.
    #[must_use]
    pub const fn of(number: u8) -> Self {
        match number & 0xf {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            number => Self::Reserved(number),
        }
    }

    /// Whether it is about the connection and not part of a message; those that are reserved count by their number.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.number() >= 8
    }
}

// === impl Header ===

impl Header {
    /// How many bytes of header there are, by its first two.
    #[must_use]
    pub const fn size_by(second: u8) -> usize {
        let length = match second & !MASKED {
            IN_TWO => 2,
            IN_EIGHT => 8,
            _ => 0,
        };
        2 + length + if second & MASKED != 0 { 4 } else { 0 }
    }

    /// How many bytes it takes in its shortest form.
    #[must_use]
    pub const fn size(&self) -> usize {
        let length = match self.length {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        2 + length + if self.mask.is_some() { 4 } else { 0 }
    }

    /// With its own bytes, in the shortest form, as they go over the wire.
    #[must_use]
    pub fn head(&self) -> Head {
        let mut raw = [0; HEADER_MOST];
        raw[0] = self.reserved << 4 & 0x70 | self.opcode.number() | if self.fin { FIN } else { 0 };
        let mut size = 2;
        // The three forms of a length, the shortest that holds it (section 5.2).
        raw[1] = match self.length {
            0..=125 => self.length as u8,
            126..=0xffff => {
                raw[2..4].copy_from_slice(&(self.length as u16).to_be_bytes());
                size = 4;
                IN_TWO
            }
            _ => {
                raw[2..10].copy_from_slice(&self.length.to_be_bytes());
                size = 10;
                IN_EIGHT
            }
        };
        if let Some(mask) = self.mask {
            raw[1] |= MASKED;
            raw[size..size + 4].copy_from_slice(&mask);
            size += 4;
        }
        Head { header: *self, flaw: None, raw, size: size as u8 }
    }
}

// === impl Head ===

impl Head {
    /// The header that all of these bytes are. There must be as many as [`Header::size_by`] says.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut raw = [0; HEADER_MOST];
        raw[..bytes.len()].copy_from_slice(bytes);
        let (length, used) = match raw[1] & !MASKED {
            IN_TWO => (u64::from(u16::from_be_bytes([raw[2], raw[3]])), 4),
            IN_EIGHT => {
                let [_, _, length @ .., _, _, _, _] = raw;
                (u64::from_be_bytes(length), 10)
            }
            short => (u64::from(short), 2),
        };
        let mask = (raw[1] & MASKED != 0).then(|| [0, 1, 2, 3].map(|place| raw[used + place]));
        let header = Header {
            fin: raw[0] & FIN != 0,
            reserved: raw[0] >> 4 & 7,
            opcode: Opcode::of(raw[0]),
            mask,
            length,
        };
        Self { header, flaw: None, raw, size: bytes.len() as u8 }
    }

    /// Its bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.raw[..usize::from(self.size)]
    }
}

/// Masks what is plain and unmasks what is masked (section 5.3); `from` is the place of the first byte in its payload.
pub fn mask(key: [u8; 4], from: u64, payload: &mut [u8]) {
    for (byte, place) in payload.iter_mut().zip(from..) {
        *byte ^= key[(place % 4) as usize];
    }
}

/// The key under which the rest of a payload, from a place on, is masked as it is under this one from its beginning.
#[must_use]
pub fn turned(key: [u8; 4], from: u64) -> [u8; 4] {
    let mut key = key;
    key.rotate_left((from % 4) as usize);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_standards_examples_are_read_and_written() {
        // Section 5.7.
        let plain = Header { fin: true, reserved: 0, opcode: Opcode::Text, mask: None, length: 5 };
        let masked = Header { mask: Some([0x37, 0xfa, 0x21, 0x3d]), ..plain };
        let first = Header { fin: false, length: 3, ..plain };
        let rest = Header { opcode: Opcode::Continuation, length: 2, ..plain };
        let ping = Header { opcode: Opcode::Ping, ..plain };
        let middle = Header { opcode: Opcode::Binary, length: 256, ..plain };
        let long = Header { opcode: Opcode::Binary, length: 65_536, ..plain };
        let cases: [(Header, &[u8]); 7] = [
            (plain, &[0x81, 0x05]),
            (masked, &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d]),
            (first, &[0x01, 0x03]),
            (rest, &[0x80, 0x02]),
            (ping, &[0x89, 0x05]),
            (middle, &[0x82, 0x7e, 0x01, 0x00]),
            (long, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
        ];
        for (header, bytes) in cases {
            assert_eq!(header.head().bytes(), bytes);
            assert_eq!(Head::read(bytes).header, header);
            assert_eq!(Header::size_by(bytes[1]), bytes.len());
        }
    }

    #[test]
    fn the_standards_example_of_a_mask_is_hello() {
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        mask([0x37, 0xfa, 0x21, 0x3d], 0, &mut payload);
        assert_eq!(&payload, b"Hello");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(fin: bool, reserved in 0..8_u8, number in 0..16_u8, key: Option<[u8; 4]>, length: u64) {
            let header = Header { fin, reserved, opcode: Opcode::of(number), mask: key, length };
            let head = header.head();
            prop_assert_eq!(Head::read(head.bytes()), head);
            prop_assert_eq!(Header::size_by(head.bytes()[1]), head.bytes().len());
            prop_assert_eq!(header.size(), head.bytes().len());
        }

        #[test]
        fn a_turned_key_masks_the_rest_as_the_key_does(key: [u8; 4], from in 0..100_u64, payload: Vec<u8>) {
            let (mut one, mut other) = (payload.clone(), payload);
            mask(key, from, &mut one);
            mask(turned(key, from), 0, &mut other);
            prop_assert_eq!(one, other);
        }
    }
}
