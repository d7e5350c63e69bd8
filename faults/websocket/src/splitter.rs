//! Where one frame ends and the next begins, in bytes that come in whatever pieces they come.
//!
//! A splitter keeps at most one header, which is fourteen bytes. Payloads are handed on as they come, as parts of what was
//! put in, so a frame of any length costs nothing.

use crate::frame::{HEADER_MOST, Head, Header, Opcode};
use crate::{Flaw, Malformed, Sender};

/// Splits what one side sends into frames.
#[derive(Clone, Debug)]
pub struct Splitter {
    sender: Sender,
    lenient: bool,
    header: [u8; HEADER_MOST],
    have: usize,
    /// Bytes of the frame's payload that are still to come.
    left: u64,
    /// Whether a message has begun and not ended.
    within: bool,
    frame: u64,
    /// Where the frame begins.
    offset: u64,
    /// Bytes seen.
    seen: u64,
}

/// A part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Its header. After it come as many bytes of payload as it says.
    Head(Head),
    /// Some of its payload, at least one byte, masked as it came.
    Payload(&'a [u8]),
}

// === impl Splitter ===

impl Splitter {
    /// A splitter of what this side sends, at the beginning of a frame. One that is `lenient` never refuses anything: it
    /// hands on flawed frames with their flaw noted. Every flaw but an end in mid-frame leaves it clear where a frame ends.
    #[must_use]
    pub const fn new(sender: Sender, lenient: bool) -> Self {
        let header = [0; HEADER_MOST];
        Self { sender, lenient, header, have: 0, left: 0, within: false, frame: 0, offset: 0, seen: 0 }
    }

    /// The next piece, which is taken off the front of `input`. `None` when all of it is taken and more is needed.
    ///
    /// # Errors
    /// If the frame that begins is flawed and this is not lenient. What was taken stays taken, and nothing after it makes
    /// sense.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Malformed> {
        if self.left > 0 {
            return Ok(self.payload(input));
        }
        // Twice at most: the first two bytes say how many there are.
        while self.have < self.wanted() {
            let most = (self.wanted() - self.have).min(input.len());
            let (part, rest) = input.split_at(most);
            if part.is_empty() {
                return Ok(None);
            }
            self.header[self.have..self.have + most].copy_from_slice(part);
            (self.have, self.seen, *input) = (self.have + most, self.seen + most as u64, rest);
        }
        self.head().map(|head| Some(Piece::Head(head)))
    }

    /// Whether everything so far was whole frames.
    #[must_use]
    pub const fn is_between(&self) -> bool {
        self.left == 0 && self.have == 0
    }

    /// Whether the payload of the last frame is complete: the next byte belongs to a header.
    #[must_use]
    pub const fn is_at_head(&self) -> bool {
        self.left == 0
    }

    /// What came of a header that has not come to its end.
    #[must_use]
    pub fn torn(&self) -> &[u8] {
        &self.header[..self.have]
    }

    /// Tells that no more bytes come.
    ///
    /// # Errors
    /// If that is within a frame and this is not lenient.
    pub const fn finish(&self) -> Result<(), Malformed> {
        if self.lenient || self.is_between() { Ok(()) } else { Err(self.malformed(Flaw::Torn)) }
    }

    /// How long the header is, as far as it is known.
    fn wanted(&self) -> usize {
        if self.have < 2 { 2 } else { Header::size_by(self.header[1]) }
    }

    fn payload<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let (payload, rest) = input.split_at(most.min(input.len()));
        *input = rest;
        if payload.is_empty() {
            return None;
        }
        (self.left, self.seen) = (self.left - payload.len() as u64, self.seen + payload.len() as u64);
        if self.left == 0 {
            self.end();
        }
        Some(Piece::Payload(payload))
    }

    /// The header that is complete now.
    fn head(&mut self) -> Result<Head, Malformed> {
        let mut head = Head::read(&self.header[..self.have]);
        let flaw = Flaw::of(&head.header, self.have, self.sender, self.within);
        if let (Some(flaw), false) = (flaw, self.lenient) {
            return Err(self.malformed(flaw));
        }
        if matches!(head.header.opcode, Opcode::Continuation | Opcode::Text | Opcode::Binary) {
            self.within = !head.header.fin;
        }
        (head.flaw, self.left, self.have) = (flaw, head.header.length, 0);
        if self.left == 0 {
            self.end();
        }
        Ok(head)
    }

    const fn end(&mut self) {
        self.frame += 1;
        self.offset = self.seen;
    }

    const fn malformed(&self, flaw: Flaw) -> Malformed {
        Malformed { flaw, frame: self.frame, offset: self.offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sender: Sender, bytes: &[u8]) -> Malformed {
        let (mut splitter, mut input) = (Splitter::new(sender, false), bytes);
        loop {
            match splitter.next(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => return splitter.finish().expect_err("it should be refused"),
                Err(malformed) => return malformed,
            }
        }
    }

    #[test]
    fn every_flaw_is_told_with_its_place() {
        use Sender::{Client, Server};
        let cases: [(Sender, &[u8], Flaw, u64, u64); 11] = [
            (Server, &[0x83, 0], Flaw::Opcode(3), 0, 0),
            (Server, &[0x81, 1, b'x', 0x8b, 0], Flaw::Opcode(11), 1, 3),
            (Server, &[0x89, 126, 0, 126], Flaw::LongControl(126), 0, 0),
            (Server, &[0x09, 0], Flaw::SplitControl, 0, 0),
            (Server, &[0x82, 126, 0, 125], Flaw::Roundabout(125), 0, 0),
            (Server, &[0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255], Flaw::Roundabout(65_535), 0, 0),
            (Server, &[0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0], Flaw::Endless(1 << 63), 0, 0),
            (Client, &[0x81, 0], Flaw::Unmasked, 0, 0),
            (Server, &[0x81, 0x80, 1, 2, 3, 4], Flaw::Masked, 0, 0),
            (Server, &[0x81, 0, 0x80, 0], Flaw::NothingToContinue, 1, 2),
            (Server, &[0x01, 0, 0x89, 0, 0x82, 0], Flaw::Interrupting(Opcode::Binary), 2, 4),
        ];
        for (sender, bytes, flaw, frame, offset) in cases {
            assert_eq!(refusal(sender, bytes), Malformed { flaw, frame, offset });
        }
    }

    #[test]
    fn an_end_within_a_frame_is_told() {
        for torn in [&[0x81][..], &[0x81, 2, b'x'], &[0x82, 126, 1]] {
            assert_eq!(refusal(Sender::Server, torn), Malformed { flaw: Flaw::Torn, frame: 0, offset: 0 });
        }
        assert_eq!(Splitter::new(Sender::Server, false).finish(), Ok(()));
    }

    #[test]
    fn a_lenient_splitter_notes_the_flaw_and_goes_on() {
        let mut input = &[0x83, 1, b'x', 0x81, 1, b'y'][..];
        let mut splitter = Splitter::new(Sender::Server, true);
        let mut flaws = Vec::new();
        while let Some(piece) = splitter.next(&mut input).unwrap() {
            if let Piece::Head(head) = piece {
                flaws.push(head.flaw);
            }
        }
        assert_eq!(flaws, [Some(Flaw::Opcode(3)), None]);
    }

    #[test]
    fn compressed_messages_are_not_flawed() {
        let (mut splitter, mut input) = (Splitter::new(Sender::Server, false), &[0xc1, 0][..]);
        assert!(
            matches!(splitter.next(&mut input), Ok(Some(Piece::Head(head))) if head.header.reserved == 4)
        );
    }
}
