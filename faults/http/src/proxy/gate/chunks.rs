//! A chunked body, followed to its end (RFC 9112, section 7.1), and as strictly as that allows.

use super::Refusal;

/// Where in a chunked body the next byte is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chunks {
    Size { value: u64, digits: u32 },
    Extension { value: u64, length: usize },
    SizeEnd { value: u64 },
    Data(u64),
    DataReturn,
    DataEnd,
    Trailer { line: usize, total: usize, returned: bool },
    Over,
}

/// The longest chunk extension; nobody uses them but for attacks.
const EXTENSION_MAX: usize = 256;

// === impl Chunks ===

impl Chunks {
    /// Before the first chunk.
    pub(super) const START: Self = Self::Size { value: 0, digits: 0 };

    /// Whether the last chunk and its trailers have come.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// How many of these bytes belong to the body. At the first wrong one it says so, and none passes.
    pub(super) fn follow(&mut self, input: &[u8], trailers_max: usize) -> Result<usize, Refusal> {
        let mut place = 0;
        while place < input.len() && !self.is_over() {
            if let Self::Data(left) = self {
                let passing = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len() - place);
                *left -= passing as u64;
                place += passing;
                if *left == 0 {
                    *self = Self::DataReturn;
                }
            } else {
                *self = self.step(input[place], trailers_max)?;
                place += 1;
            }
        }
        Ok(place)
    }

    fn step(self, byte: u8, trailers_max: usize) -> Result<Self, Refusal> {
        Ok(match (self, byte) {
            (Self::Size { value, digits }, byte) if byte.is_ascii_hexdigit() => {
                Self::Size { value: value * 16 + hex(byte), digits: below(digits, 15)? }
            }
            (Self::Size { value, digits: 1.. }, b'\r') => Self::SizeEnd { value },
            (Self::Size { value, digits: 1.. }, b';') => Self::Extension { value, length: 0 },
            (Self::Extension { value, .. }, b'\r') => Self::SizeEnd { value },
            (Self::Extension { value, length }, b'\t' | 0x20..=0x7e) if length < EXTENSION_MAX => {
                Self::Extension { value, length: length + 1 }
            }
            (Self::SizeEnd { value: 0 }, b'\n') => Self::Trailer { line: 0, total: 0, returned: false },
            (Self::SizeEnd { value }, b'\n') => Self::Data(value),
            (Self::DataReturn, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::START,
            (Self::Trailer { line: 0, returned: true, .. }, b'\n') => Self::Over,
            (Self::Trailer { total, returned: true, .. }, b'\n') => {
                Self::Trailer { line: 0, total, returned: false }
            }
            (Self::Trailer { line, total, returned: false }, b'\r') => {
                Self::Trailer { line, total, returned: true }
            }
            (Self::Trailer { line, total, returned: false }, b'\t' | 0x20..=0x7e | 0x80..)
                if total < trailers_max =>
            {
                Self::Trailer { line: line + 1, total: total + 1, returned: false }
            }
            _ => return Err(Refusal::Chunk),
        })
    }
}

fn hex(digit: u8) -> u64 {
    u64::from((digit as char).to_digit(16).unwrap_or(0))
}

/// One more, if it was not this many already.
const fn below(count: u32, most: u32) -> Result<u32, Refusal> {
    if count < most { Ok(count + 1) } else { Err(Refusal::Chunk) }
}
