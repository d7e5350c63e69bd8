//! Reads replies of RESP2 and RESP3, however they are cut, and keeps only what is needed to judge them.
//!
//! Values are skipped and not built: whatever a target sends, a connection keeps one line, the beginning of one text and
//! how many elements of each open list are still to come. The protocol: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use memchr::memchr;

use crate::client::telling::{bytes, quoted};

/// The longest line: a simple string, an error, a number or a length.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// How much of a line is kept: enough for any number but RESP3's big ones, which are not judged.
const LINE_BYTES_KEPT: usize = 512;
/// How much of an error is kept at least.
const ERROR_BYTES_KEPT: usize = 128;
/// The longest bulk string: Redis's own `proto-max-bulk-len`.
const BULK_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most elements of a list; Redis counts them in an `int`.
const ELEMENTS_MAX: u64 = i32::MAX as u64;
/// Lists within lists. Redis's own replies have at most seven.
const DEPTH_MAX: usize = 32;

/// What came is not RESP, passes a bound, or is a reply that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a reply is, as far as it can be judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub kind: Kind,
    /// The beginning of a text, or of an error's message.
    pub text: Vec<u8>,
    /// The whole length of the text.
    pub bytes: u64,
    /// Whether it is an error, or has one within.
    pub has_error: bool,
}

/// The kinds of replies that make a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A simple, bulk or verbatim string.
    Text,
    /// A whole number.
    Whole,
    /// Nil, in any of its forms.
    Nil,
    /// An error.
    Error,
    /// Anything else: lists, maps, truths, other numbers.
    #[default]
    Other,
}

/// Reads replies, one after the other.
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    state: State,
    /// Lists that are open, the outermost first.
    open: Vec<Level>,
    line: Vec<u8>,
    line_bytes: usize,
    ends_in_cr: bool,
    /// Replies that are still to come.
    awaited: usize,
    reply: Reply,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// At the first byte of a value.
    #[default]
    Start,
    /// In the line of a value of this type.
    Line(u8),
    /// In the bytes of a bulk value of this type.
    Bulk { of: u8, left: u64 },
    /// At the line end behind a bulk value.
    BulkEnd { of: u8 },
}

#[derive(Clone, Copy, Debug)]
struct Level {
    left: u64,
    role: Role,
}

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A value.
    Value,
    /// Something about the value that follows.
    Attribute,
    /// A message that answers nothing.
    Push,
}

// === impl Reply ===

impl Reply {
    /// Whether the text is this one, and no longer.
    pub(crate) fn is_exactly(&self, text: &[u8]) -> bool {
        self.bytes == text.len() as u64 && self.text == text
    }

    /// Becomes this one.
    pub(crate) fn copy(&mut self, other: &Self) {
        let Self { kind, text, bytes, has_error } = self;
        (*kind, *bytes, *has_error) = (other.kind, other.bytes, other.has_error);
        text.clone_from(&other.text);
    }

    /// What it is, for people.
    pub(crate) fn told(&self) -> String {
        match self.kind {
            Kind::Error => format!("the error {}", quoted(&self.text)),
            _ if self.has_error => "an error within a list".to_owned(),
            Kind::Text if self.text.is_empty() => format!("a text of {}", bytes(self.bytes)),
            Kind::Text => quoted(&self.text),
            Kind::Whole => "a whole number".to_owned(),
            Kind::Nil => "nil".to_owned(),
            Kind::Other => "a reply of another kind".to_owned(),
        }
    }
}

// === impl ReplyReader ===

impl ReplyReader {
    /// So many replies are to come.
    pub(crate) fn await_replies(&mut self, count: usize) {
        self.awaited = count;
    }

    /// Whether all replies have come.
    pub(crate) const fn is_answered(&self) -> bool {
        self.awaited == 0
    }

    /// The reply that came last.
    pub(crate) const fn reply(&self) -> &Reply {
        &self.reply
    }

    /// Reads on, at most to the end of the next reply: true where that was reached. Of a text, `keep` bytes are kept.
    pub(crate) fn read(&mut self, bytes: &mut &[u8], keep: usize) -> Result<bool, Malformed> {
        while !bytes.is_empty() {
            let whole = match self.state {
                State::Start => self.start(take_byte(bytes))?,
                State::Line(of) => self.read_line(bytes, keep)? && self.line(of, keep)?,
                State::Bulk { of, left } => self.bulk(bytes, of, left, keep),
                State::BulkEnd { of } => {
                    self.read_line(bytes, keep).and_then(|ends| self.bulk_end(of, ends))?
                }
            };
            if whole && self.value_ends() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn start(&mut self, of: u8) -> Result<bool, Malformed> {
        let is_extra = matches!(of, b'>' | b'|');
        if self.open.is_empty() {
            if self.awaited == 0 && !is_extra {
                return Err(Malformed);
            }
            self.reply.text.clear();
            (self.reply.kind, self.reply.bytes, self.reply.has_error) = (Kind::Other, 0, false);
        } else if of == b'>' {
            return Err(Malformed);
        }
        self.begin_line();
        self.state = State::Line(of);
        if b"+-:$*_#,(!=%~>|".contains(&of) { Ok(false) } else { Err(Malformed) }
    }

    fn begin_line(&mut self) {
        self.line.clear();
        (self.line_bytes, self.ends_in_cr) = (0, false);
    }

    /// Reads up to the end of a line; whether it was reached.
    fn read_line(&mut self, bytes: &mut &[u8], keep: usize) -> Result<bool, Malformed> {
        let end = memchr(b'\n', bytes);
        let mut piece = &bytes[..end.unwrap_or(bytes.len())];
        *bytes = &bytes[end.map_or(bytes.len(), |end| end + 1)..];
        if !piece.is_empty() {
            if self.ends_in_cr {
                return Err(Malformed);
            }
            if let Some(before) = piece.strip_suffix(b"\r") {
                (self.ends_in_cr, piece) = (true, before);
            }
        }
        self.line_bytes += piece.len();
        if self.line_bytes > LINE_BYTES_MAX || memchr(b'\r', piece).is_some() {
            return Err(Malformed);
        }
        append(&mut self.line, piece, keep.max(LINE_BYTES_KEPT));
        match end {
            Some(_) if !self.ends_in_cr => Err(Malformed),
            end => Ok(end.is_some()),
        }
    }

    /// The line of a value is whole; whether the value is.
    fn line(&mut self, of: u8, keep: usize) -> Result<bool, Malformed> {
        self.state = State::Start;
        match of {
            b'+' | b'-' => {
                self.scalar(if of == b'-' { Kind::Error } else { Kind::Text });
                if self.open.is_empty() {
                    append(&mut self.reply.text, &self.line, kept(of, keep));
                    self.reply.bytes = self.line_bytes as u64;
                }
                Ok(true)
            }
            b'$' | b'!' | b'=' => self.bulk_begins(of),
            b'*' | b'%' | b'~' | b'>' | b'|' => self.list_begins(of),
            _ => {
                self.scalar(scalar(of, &self.line, self.line_bytes)?);
                Ok(true)
            }
        }
    }

    fn bulk_begins(&mut self, of: u8) -> Result<bool, Malformed> {
        let Some(left) = self.length(of == b'$')? else {
            self.scalar(Kind::Nil);
            return Ok(true);
        };
        if left > BULK_BYTES_MAX {
            return Err(Malformed);
        }
        self.scalar(if of == b'!' { Kind::Error } else { Kind::Text });
        if self.open.is_empty() {
            self.reply.bytes = left;
        }
        self.begin_line();
        self.state = if left == 0 { State::BulkEnd { of } } else { State::Bulk { of, left } };
        Ok(false)
    }

    fn bulk(&mut self, bytes: &mut &[u8], of: u8, left: u64, keep: usize) -> bool {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        *bytes = rest;
        if self.open.is_empty() {
            let format = if of == b'=' { FORMAT_BYTES } else { 0 };
            append(&mut self.reply.text, piece, kept(of, keep).saturating_add(format));
        }
        let left = left - length as u64;
        self.state = if left == 0 { State::BulkEnd { of } } else { State::Bulk { of, left } };
        false
    }

    fn bulk_end(&mut self, of: u8, ends: bool) -> Result<bool, Malformed> {
        if self.line_bytes > 0 {
            return Err(Malformed);
        }
        if !ends {
            return Ok(false);
        }
        if of == b'=' && self.open.is_empty() {
            // A verbatim string begins with its format: `txt:`.
            let format = FORMAT_BYTES.min(self.reply.text.len());
            self.reply.text.drain(..format);
            self.reply.bytes = self.reply.bytes.saturating_sub(FORMAT_BYTES as u64);
        }
        self.state = State::Start;
        Ok(true)
    }

    fn list_begins(&mut self, of: u8) -> Result<bool, Malformed> {
        let Some(count) = self.length(of == b'*')? else {
            self.scalar(Kind::Nil);
            return Ok(true);
        };
        if count > ELEMENTS_MAX || self.open.len() >= DEPTH_MAX {
            return Err(Malformed);
        }
        let left = if matches!(of, b'%' | b'|') { 2 * count } else { count };
        let role = match of {
            b'>' => Role::Push,
            b'|' => Role::Attribute,
            _ => Role::Value,
        };
        if left == 0 {
            return Ok(role == Role::Value);
        }
        self.open.push(Level { left, role });
        Ok(false)
    }

    /// The length on the line; `None` for the -1 of RESP2's nil, where that may be.
    fn length(&self, may_be_nil: bool) -> Result<Option<u64>, Malformed> {
        if may_be_nil && self.line == b"-1" {
            return Ok(None);
        }
        let is_whole = self.line_bytes == self.line.len() && self.line.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(&self.line).map_err(|_| Malformed)?;
        text.parse().ok().filter(|_| is_whole).map(Some).ok_or(Malformed)
    }

    /// A value that is no list is of this kind.
    fn scalar(&mut self, kind: Kind) {
        if self.open.is_empty() {
            self.reply.kind = kind;
        }
        let is_within_reply = self.open.iter().all(|level| level.role == Role::Value);
        self.reply.has_error |= kind == Kind::Error && is_within_reply;
    }

    /// A value ended; whether a reply ended with it.
    fn value_ends(&mut self) -> bool {
        while let Some(level) = self.open.last_mut() {
            level.left -= 1;
            if level.left > 0 {
                return false;
            }
            let role = level.role;
            self.open.pop();
            if role != Role::Value {
                return false;
            }
        }
        self.awaited -= 1;
        true
    }
}

/// `txt:`
const FORMAT_BYTES: usize = 4;

/// How much is kept of a text or an error.
fn kept(of: u8, keep: usize) -> usize {
    if matches!(of, b'-' | b'!') { keep.max(ERROR_BYTES_KEPT) } else { keep }
}

fn take_byte(bytes: &mut &[u8]) -> u8 {
    let byte = bytes[0];
    *bytes = &bytes[1..];
    byte
}

/// Appends as much as makes the buffer no longer than `keep`.
fn append(buffer: &mut Vec<u8>, piece: &[u8], keep: usize) {
    let room = keep.saturating_sub(buffer.len()).min(piece.len());
    buffer.extend_from_slice(&piece[..room]);
}

/// The kind of a value that is only a line.
fn scalar(of: u8, line: &[u8], line_bytes: usize) -> Result<Kind, Malformed> {
    let text = || std::str::from_utf8(line).ok().filter(|_| line.len() == line_bytes);
    let (is_right, kind) = match of {
        b':' => (text().is_some_and(|text| text.parse::<i64>().is_ok()), Kind::Whole),
        b'_' => (line.is_empty(), Kind::Nil),
        b'#' => (matches!(line, b"t" | b"f"), Kind::Other),
        // Rust reads `inf`, `nan` and exponents as RESP3 writes them.
        b',' => (text().is_some_and(|text| text.parse::<f64>().is_ok()), Kind::Other),
        _ => (line.iter().skip(usize::from(line.starts_with(b"-"))).all(u8::is_ascii_digit), Kind::Other),
    };
    if is_right && (kind == Kind::Nil || !line.is_empty()) { Ok(kind) } else { Err(Malformed) }
}
