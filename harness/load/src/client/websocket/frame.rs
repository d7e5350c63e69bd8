//! Reads a server's frames (RFC 6455, section 5), however they are cut, and writes a client's.
//!
//! Messages pass through in pieces and are not kept; only the content of a ping, a pong or a close is, which has at most 125
//! bytes.

/// What came is not WebSocket.
use crate::client::telling::quoted;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Malformed;

pub(super) const TEXT: u8 = 1;
pub(in crate::client) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;
const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;

/// The longest content of a control frame.
const CONTROL_BYTES_MAX: u64 = 125;
/// The longest head of a server's frame, which has no mask.
const HEAD_MAX: usize = 10;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) enum Event<'b> {
    /// A piece of a message.
    Piece(&'b [u8]),
    /// The end of a message.
    End,
    /// A control frame of this kind, with [`FrameReader::control`] in it.
    Control(u8),
}

/// Reads frames, one after the other.
#[derive(Debug, Default)]
pub(in crate::client) struct FrameReader {
    head: [u8; HEAD_MAX],
    head_bytes: usize,
    /// Of the present frame.
    opcode: u8,
    is_last: bool,
    left: u64,
    is_within: bool,
    /// The kind of the message that is open.
    message: Option<u8>,
    control: Vec<u8>,
    text: Utf8,
}

/// Whether bytes are text, however they are cut.
#[derive(Debug, Default)]
struct Utf8 {
    /// The beginning of a character that was cut; at most three bytes from one piece to the next.
    cut: Vec<u8>,
}

// === impl FrameReader ===

impl FrameReader {
    /// Reads on, at most to the next event; `None` where more bytes are needed.
    pub(in crate::client) fn read<'b>(
        &mut self,
        bytes: &mut &'b [u8],
    ) -> Result<Option<Event<'b>>, Malformed> {
        loop {
            if !self.is_within && !self.head(bytes)? {
                return Ok(None);
            }
            if self.left == 0 {
                match self.ends()? {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(length);
            if piece.is_empty() {
                return Ok(None);
            }
            *bytes = rest;
            self.left -= length as u64;
            if is_control(self.opcode) {
                self.control.extend_from_slice(piece);
            } else if self.message == Some(TEXT) && !self.text.goes_on(piece) {
                return Err(Malformed);
            } else {
                return Ok(Some(Event::Piece(piece)));
            }
        }
    }

    /// A frame is over; no event where its message goes on.
    fn ends(&mut self) -> Result<Option<Event<'static>>, Malformed> {
        self.is_within = false;
        if is_control(self.opcode) {
            return Ok(Some(Event::Control(self.opcode)));
        }
        if !self.is_last {
            return Ok(None);
        }
        let is_text = self.message.take() == Some(TEXT);
        if is_text && !self.text.is_whole() { Err(Malformed) } else { Ok(Some(Event::End)) }
    }

    /// The content of the control frame that came last.
    pub(super) fn control(&self) -> &[u8] {
        &self.control
    }

    /// What a frame said that closed the socket, for people; `None`: none did.
    pub(super) fn closing(&self) -> Option<String> {
        let (code, reason) = self.control.split_first_chunk::<2>()?;
        let code = u16::from_be_bytes(*code);
        let reason = if reason.is_empty() { String::new() } else { format!(", {}", quoted(reason)) };
        Some(format!("the target closed the socket with code {code}{reason}"))
    }

    /// Reads the head of a frame; whether it is whole.
    fn head(&mut self, bytes: &mut &[u8]) -> Result<bool, Malformed> {
        loop {
            let wanted = match self.head_bytes {
                0 | 1 => 2,
                _ => match self.head[1] {
                    126 => 4,
                    127 => HEAD_MAX,
                    _ => 2,
                },
            };
            if self.head_bytes == wanted {
                break;
            }
            let Some((first, rest)) = bytes.split_first() else { return Ok(false) };
            *bytes = rest;
            self.head[self.head_bytes] = *first;
            self.head_bytes += 1;
        }
        self.head_bytes = 0;
        self.begin().map(|()| true)
    }

    fn begin(&mut self) -> Result<(), Malformed> {
        let [first, second, ..] = self.head;
        // No extension was asked for, so its bits mean nothing; and a server's frames have no mask.
        if first & 0x70 != 0 || second & 0x80 != 0 {
            return Err(Malformed);
        }
        (self.opcode, self.is_last, self.is_within) = (first & 0x0f, first & 0x80 != 0, true);
        self.left = match second {
            126 => u64::from(u16::from_be_bytes([self.head[2], self.head[3]])),
            127 => self.head[2..].first_chunk().copied().map_or(0, u64::from_be_bytes),
            short => u64::from(short),
        };
        let least = match second {
            126 => 126,
            127 => 1 << 16,
            _ => 0,
        };
        // The shortest form of a length is the only right one, and its first bit is zero.
        if self.left < least || self.left >> 63 != 0 {
            return Err(Malformed);
        }
        match self.opcode {
            CLOSE | PING | PONG if self.is_last && self.left <= CONTROL_BYTES_MAX => self.control.clear(),
            TEXT | BINARY if self.message.is_none() => {
                self.message = Some(self.opcode);
                self.text.cut.clear();
            }
            CONTINUATION if self.message.is_some() => {}
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

const fn is_control(opcode: u8) -> bool {
    opcode & 8 != 0
}

// === impl Utf8 ===

impl Utf8 {
    /// Whether the next piece may be text.
    fn goes_on(&mut self, piece: &[u8]) -> bool {
        let mut rest = piece;
        while !self.cut.is_empty() {
            let Some((first, after)) = rest.split_first() else { return true };
            rest = after;
            self.cut.push(*first);
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(rest) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                self.cut.extend_from_slice(&rest[error.valid_up_to()..]);
                true
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.cut.is_empty()
    }
}

/// Writes a frame that is a whole message, with its mask.
pub(super) fn write(opcode: u8, mask: [u8; 4], out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let mut message = Vec::new();
    content(&mut message);
    out.push(0x80 | opcode);
    match message.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(message.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}
