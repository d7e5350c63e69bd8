//! Where the head of a response ends.

/// Finds the end of a head that comes in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skipper {
    seen: usize,
}

// === impl Skipper ===

impl Skipper {
    /// How many of these bytes belong to the head, and whether it ends with them.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> (usize, bool) {
        const END: &[u8] = b"\r\n\r\n";
        for (place, byte) in bytes.iter().enumerate() {
            self.seen = match (*byte == END[self.seen], *byte) {
                (true, _) => self.seen + 1,
                (false, b'\r') => 1,
                (false, _) => 0,
            };
            if self.seen == END.len() {
                return (place + 1, true);
            }
        }
        (bytes.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_skipped_to_its_end_however_it_is_cut() {
        let bytes = b"HTTP/1.0 200 OK\r\nA: b\r\r\n\r\nbody\r\n\r\n";
        for piece in 1..bytes.len() {
            let (mut skipper, mut skipped) = (Skipper::default(), 0);
            for piece in bytes.chunks(piece) {
                let (count, over) = skipper.skip(piece);
                skipped += count;
                if over {
                    break;
                }
            }
            assert_eq!(&bytes[skipped..], b"body\r\n\r\n", "in pieces of {piece}");
        }
    }
}
