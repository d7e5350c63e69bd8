//! Reads messages of PostgreSQL's protocol, version 3.0, however they are cut, and keeps only what is needed to judge them.
//!
//! Rows are looked through and not kept: whatever a target sends, a connection keeps the beginning of one message and that of
//! one value. The formats: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

/// The longest message: PostgreSQL's own `MaxAllocSize`.
const MESSAGE_BYTES_MAX: u32 = 0x3fff_ffff;
/// How much of a message that is no row is kept; what servers say of a login, an error or a command is shorter.
const BODY_BYTES_KEPT: usize = 16 * 1024;

/// What came is not the protocol, or passes its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads messages, one after the other.
#[derive(Debug, Default)]
pub(super) struct MessageReader {
    /// The type and length of a message, as far as they have come.
    head: [u8; HEAD],
    head_bytes: usize,
    left: u32,
    body: Vec<u8>,
    row: Row,
}

/// A row, while it is looked through.
#[derive(Debug, Default)]
struct Row {
    part: Part,
    /// A number that may have been cut, as far as it has come.
    number: [u8; 4],
    number_bytes: usize,
    columns_left: u16,
    /// Whether no column has begun yet.
    is_first: bool,
    value: Value,
}

#[derive(Clone, Copy, Debug, Default)]
enum Part {
    /// How many columns there are.
    #[default]
    Count,
    /// The length of the next column.
    Length,
    /// The bytes of a column.
    Bytes(u32),
}

/// The first column of a row.
#[derive(Debug, Default)]
pub(super) struct Value {
    /// The beginning of its text.
    pub text: Vec<u8>,
    /// The whole length; `None`: it is NULL, or there is no column.
    pub bytes: Option<u32>,
}

const HEAD: usize = 5;
/// The type of a row's message.
pub(super) const ROW: u8 = b'D';

// === impl MessageReader ===

impl MessageReader {
    /// Reads on, at most to the end of the next message: its type where that was reached. Of the first value of a row,
    /// `keep` bytes are kept.
    pub(super) fn read(&mut self, bytes: &mut &[u8], keep: usize) -> Result<Option<u8>, Malformed> {
        while self.head_bytes < HEAD {
            let Some(byte) = take_byte(bytes) else { return Ok(None) };
            self.head[self.head_bytes] = byte;
            self.head_bytes += 1;
            if self.head_bytes == HEAD {
                self.begin()?;
            }
        }
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        *bytes = rest;
        self.left -= u32::try_from(length).unwrap_or(self.left);
        if self.head[0] == ROW {
            self.row.look_through(piece, keep)?;
        } else {
            append(&mut self.body, piece, BODY_BYTES_KEPT);
        }
        if self.left > 0 {
            return Ok(None);
        }
        self.head_bytes = 0;
        if self.head[0] == ROW && !self.row.is_whole() { Err(Malformed) } else { Ok(Some(self.head[0])) }
    }

    fn begin(&mut self) -> Result<(), Malformed> {
        let [of, length @ ..] = self.head;
        // The length counts itself.
        let left = u32::from_be_bytes(length).checked_sub(4).ok_or(Malformed)?;
        if left > MESSAGE_BYTES_MAX || !of.is_ascii_alphanumeric() {
            return Err(Malformed);
        }
        self.left = left;
        self.body.clear();
        self.row.begin();
        Ok(())
    }

    /// The message that came last, if it was no row.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The first value of the row that came last.
    pub(super) const fn value(&self) -> &Value {
        &self.row.value
    }
}

// === impl Row ===

impl Row {
    fn begin(&mut self) {
        (self.part, self.number_bytes, self.columns_left) = (Part::Count, 0, 0);
        self.is_first = true;
        self.value.text.clear();
        self.value.bytes = None;
    }

    fn look_through(&mut self, mut bytes: &[u8], keep: usize) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            match self.part {
                Part::Count => {
                    if let Some(number) = self.number::<2>(&mut bytes) {
                        self.columns_left = u16::from_be_bytes(number);
                        self.part = Part::Length;
                    }
                }
                Part::Length if self.columns_left == 0 => return Err(Malformed),
                Part::Length => {
                    if let Some(number) = self.number::<4>(&mut bytes) {
                        self.column(i32::from_be_bytes(number))?;
                    }
                }
                Part::Bytes(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (piece, rest) = bytes.split_at(length);
                    bytes = rest;
                    if self.is_first {
                        append(&mut self.value.text, piece, keep);
                    }
                    let left = left - u32::try_from(length).unwrap_or(left);
                    self.part = Part::Bytes(left);
                    if left == 0 {
                        self.column_ends();
                    }
                }
            }
        }
        Ok(())
    }

    /// A number of `N` bytes, once all of it has come.
    fn number<const N: usize>(&mut self, bytes: &mut &[u8]) -> Option<[u8; N]> {
        while self.number_bytes < N {
            self.number[self.number_bytes] = take_byte(bytes)?;
            self.number_bytes += 1;
        }
        self.number_bytes = 0;
        self.number.first_chunk().copied()
    }

    fn column(&mut self, length: i32) -> Result<(), Malformed> {
        if length == -1 {
            self.column_ends();
            return Ok(());
        }
        let length = u32::try_from(length).map_err(|_| Malformed)?;
        if self.is_first {
            self.value.bytes = Some(length);
        }
        self.part = Part::Bytes(length);
        if length == 0 {
            self.column_ends();
        }
        Ok(())
    }

    fn column_ends(&mut self) {
        self.columns_left -= 1;
        (self.part, self.is_first) = (Part::Length, false);
    }

    fn is_whole(&self) -> bool {
        matches!(self.part, Part::Length) && self.columns_left == 0 && self.number_bytes == 0
    }
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

/// Appends as much as makes the buffer no longer than `keep`.
fn append(buffer: &mut Vec<u8>, piece: &[u8], keep: usize) {
    let room = keep.saturating_sub(buffer.len()).min(piece.len());
    buffer.extend_from_slice(&piece[..room]);
}

// === What messages say ===

/// The text up to the first zero, and what follows it.
pub(super) fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// A field of an error or a notice, such as `C`: its SQLSTATE.
pub(super) fn field(mut body: &[u8], of: u8) -> Option<&[u8]> {
    loop {
        let (first, rest) = body.split_first()?;
        let (value, rest) = text(rest)?;
        if *first == of {
            return Some(value);
        }
        body = rest;
    }
}

/// How many rows a command's tag tells: the 5 of `INSERT 0 5`.
pub(super) fn rows(tag: &[u8]) -> Option<u64> {
    let last = tag.rsplit(|byte| *byte == b' ').next()?;
    std::str::from_utf8(last).ok()?.parse().ok()
}

/// Writes a message of this type.
pub(super) fn write(of: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(of);
    write_counted(out, body);
}

/// Writes a length that counts itself, and what it counts.
pub(super) fn write_counted(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    // What we write comes from an experiment's file, which is far below 2 GiB.
    let length = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// Writes a text and the zero that ends it.
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    out.push(0);
}
