//! What can be wrong with a frame.

use std::fmt;

use crate::Opcode;
use crate::frame::{CONTROL_MOST, Header};

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// An opcode that means nothing.
    Opcode(u8),
    /// A control frame with too long a payload.
    LongControl(u64),
    /// A control frame that is only part of a message.
    SplitControl,
    /// A length in a longer form than it needs.
    Roundabout(u64),
    /// A length of 2⁶³ or more.
    Endless(u64),
    /// A client's frame without a mask.
    Unmasked,
    /// A server's frame with a mask.
    Masked,
    /// A continuation where no message has begun.
    NothingToContinue,
    /// A new message where one has not ended.
    Interrupting(Opcode),
    /// The end of all bytes within a frame.
    Torn,
}

/// A frame that is refused, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame {frame}, which starts at byte {offset}: {flaw}")]
pub struct Malformed {
    /// What is wrong with it.
    pub flaw: Flaw,
    /// Which one it is, from 0.
    pub frame: u64,
    /// Where its header begins, in bytes from the first frame's.
    pub offset: u64,
}

/// Who sent a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Its frames are masked.
    Client,
    /// Its frames are not.
    Server,
}

// === impl Flaw ===

impl Flaw {
    /// The first thing that is wrong with a frame. `size` is that of its header, and `within` tells whether a message
    /// has begun and not ended. Bits that extensions use are not judged: which were agreed on is not known here.
    pub(crate) fn of(header: &Header, size: usize, sender: Sender, within: bool) -> Option<Self> {
        let Header { fin, opcode, mask, length, .. } = *header;
        let control = opcode.is_control();
        let flaws = [
            (matches!(opcode, Opcode::Reserved(_)), Self::Opcode(opcode.number())),
            (control && length > CONTROL_MOST, Self::LongControl(length)),
            (control && !fin, Self::SplitControl),
            (length >> 63 != 0, Self::Endless(length)),
            (size > header.size(), Self::Roundabout(length)),
            (sender == Sender::Client && mask.is_none(), Self::Unmasked),
            (sender == Sender::Server && mask.is_some(), Self::Masked),
            (opcode == Opcode::Continuation && !within, Self::NothingToContinue),
            (!control && opcode != Opcode::Continuation && within, Self::Interrupting(opcode)),
        ];
        flaws.into_iter().find_map(|(wrong, flaw)| wrong.then_some(flaw))
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opcode(number) => write!(f, "expected an opcode of 0, 1, 2, 8, 9 or 10, found {number}"),
            Self::LongControl(length) => {
                write!(f, "expected at most {CONTROL_MOST} bytes in a control frame, found {length}")
            }
            Self::SplitControl => f.write_str("expected a control frame in one piece, found one without FIN"),
            Self::Roundabout(length) => {
                write!(f, "expected the length {length} in its shortest form, found a longer one")
            }
            Self::Endless(length) => write!(f, "expected a length below 2^63, found {length}"),
            Self::Unmasked => f.write_str("expected a masked frame from a client, found one without a mask"),
            Self::Masked => f.write_str("expected a frame without a mask from a server, found a masked one"),
            Self::NothingToContinue => {
                f.write_str("expected the beginning of a message, found a continuation")
            }
            Self::Interrupting(opcode) => {
                write!(f, "expected a continuation of the message that has begun, found {opcode:?}")
            }
            Self::Torn => f.write_str("expected the rest of the frame, found the end of all bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_frame_says_what_and_where() {
        let malformed = Malformed { flaw: Flaw::LongControl(126), frame: 3, offset: 120 };
        let text =
            "frame 3, which starts at byte 120: expected at most 125 bytes in a control frame, found 126";
        assert_eq!(malformed.to_string(), text);
    }
}
