//! The chunked coding (RFC 9112, section 7.1), decoded as it comes and without keeping any of it.

/// How long the line of a chunk's size with its extensions, and all trailers together, may be.
const LINE_MAX: u32 = 16 * 1024;

/// Where in the coding we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunked {
    state: State,
    /// Bytes of the present line (or of all trailers) so far.
    line: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size; whether there was one.
    Size { size: u64, digits: bool },
    /// Behind the digits, up to the end of the line.
    Extension { size: u64 },
    /// After the CR of a size's line.
    SizeEnd { size: u64 },
    /// So many bytes of data are left.
    Data { left: u64 },
    /// The CR behind the data.
    DataCr,
    /// The LF behind the data.
    DataLf,
    /// At the beginning of a trailer line, or of the empty line at the end.
    Trailers,
    /// In a trailer line.
    Trailer,
    /// After the CR of a trailer line.
    TrailerEnd,
    /// After the CR of the empty line at the end.
    End,
    /// All has come.
    Whole,
}

/// The bytes are not the chunked coding, or pass its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation;

impl Chunked {
    /// At the beginning.
    pub(super) const fn new() -> Self {
        Self { state: State::Size { size: 0, digits: false }, line: 0 }
    }

    /// Whether the last chunk and the trailers have come.
    pub(super) fn is_whole(self) -> bool {
        self.state == State::Whole
    }

    /// Reads bytes, hands the data to `data`, and returns how many bytes belong to the coding.
    pub(super) fn read(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Violation> {
        let mut at = 0;
        while at < bytes.len() && !self.is_whole() {
            if let State::Data { left } = &mut self.state {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                data(&bytes[at..at + take]);
                *left -= take as u64;
                at += take;
                if *left == 0 {
                    self.state = State::DataCr;
                }
            } else {
                self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<(), Violation> {
        self.line += 1;
        if self.line > LINE_MAX {
            return Err(Violation);
        }
        self.state = self.state.after(byte)?;
        if matches!(self.state, State::Data { .. } | State::DataCr) {
            self.line = 0;
        }
        Ok(())
    }
}

impl State {
    fn after(self, byte: u8) -> Result<Self, Violation> {
        match (self, byte) {
            (Self::Size { size, digits }, _) => Self::after_size(size, digits, byte),
            (Self::Extension { size }, b'\r') => Ok(Self::SizeEnd { size }),
            (Self::Extension { .. }, b'\n') => Err(Violation),
            (Self::Extension { size }, _) => Ok(Self::Extension { size }),
            (Self::SizeEnd { size: 0 }, b'\n') => Ok(Self::Trailers),
            (Self::SizeEnd { size }, b'\n') => Ok(Self::Data { left: size }),
            (Self::DataCr, b'\r') => Ok(Self::DataLf),
            (Self::DataLf, b'\n') => Ok(Self::Size { size: 0, digits: false }),
            (Self::Trailers, b'\r') => Ok(Self::End),
            (Self::Trailer, b'\r') => Ok(Self::TrailerEnd),
            (Self::Trailers | Self::Trailer, b'\n') => Err(Violation),
            (Self::Trailers | Self::Trailer, _) => Ok(Self::Trailer),
            (Self::TrailerEnd, b'\n') => Ok(Self::Trailers),
            (Self::End, b'\n') => Ok(Self::Whole),
            _ => Err(Violation),
        }
    }

    fn after_size(size: u64, digits: bool, byte: u8) -> Result<Self, Violation> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            let size = size.checked_mul(16).and_then(|size| size.checked_add(u64::from(digit)));
            return size.map(|size| Self::Size { size, digits: true }).ok_or(Violation);
        }
        match byte {
            b'\r' if digits => Ok(Self::SizeEnd { size }),
            b';' | b' ' | b'\t' if digits => Ok(Self::Extension { size }),
            _ => Err(Violation),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The data and how many bytes belong to the coding, if it is whole.
    fn decoded(pieces: &[&[u8]]) -> Result<Option<(Vec<u8>, usize)>, Violation> {
        let (mut chunked, mut data, mut used) = (Chunked::new(), Vec::new(), 0);
        for piece in pieces {
            used += chunked.read(piece, |bytes| data.extend_from_slice(bytes))?;
        }
        Ok(chunked.is_whole().then_some((data, used)))
    }

    #[test]
    fn chunks_extensions_and_trailers_are_taken_apart() {
        let coded = b"4\r\nWiki\r\n6;a=\"b\"\r\npedia \r\nA \r\n0123456789\r\n00\r\nX: y\r\nZ:\r\n\r\nrest";
        assert_eq!(decoded(&[coded]), Ok(Some((b"Wikipedia 0123456789".to_vec(), coded.len() - 4))));
        assert_eq!(decoded(&[b"0\r\n\r\n"]), Ok(Some((Vec::new(), 5))));
    }

    #[test]
    fn what_is_not_the_coding_is_a_violation() {
        let wrong: [&[u8]; 10] = [
            b"\r\n",
            b"x\r\n",
            b"-1\r\n",
            b"4\nWiki",
            b"4\r\nWikis",
            b"4\r\nWiki\n",
            b"4;\n",
            b"10000000000000000\r\n",
            b"0\r\n\n",
            b"0\r\nX: y\n",
        ];
        for coded in wrong {
            assert_eq!(decoded(&[coded]), Err(Violation), "{:?}", String::from_utf8_lossy(coded));
        }
    }

    #[test]
    fn an_endless_extension_and_endless_trailers_are_violations() {
        assert_eq!(decoded(&[b"1;", &[b'x'; LINE_MAX as usize]]), Err(Violation));
        assert_eq!(decoded(&[b"0\r\n", &b"X: y\r\n".repeat(LINE_MAX as usize / 6 + 1)]), Err(Violation));
    }

    #[test]
    fn a_size_of_2_to_the_63_is_only_a_number() {
        assert_eq!(decoded(&[b"8000000000000000\r\nxyz"]), Ok(None));
    }

    proptest! {
        #[test]
        fn any_data_comes_back_however_it_is_cut(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            cut in 1_usize..9,
        ) {
            let mut coded = Vec::new();
            for chunk in &chunks {
                coded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                coded.extend_from_slice(chunk);
                coded.extend_from_slice(b"\r\n");
            }
            coded.extend_from_slice(b"0\r\n\r\n");
            let pieces: Vec<&[u8]> = coded.chunks(cut).collect();
            prop_assert_eq!(decoded(&pieces), Ok(Some((chunks.concat(), coded.len()))));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'f'), any::<u8>()], 0..200)) {
            let _ = decoded(&[&bytes]);
        }
    }
}
