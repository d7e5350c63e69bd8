//! Looks for a text in the first 64 KiB of a body that comes in pieces, and keeps no more than the text's length of it.

use memchr::memmem;

/// How much of a body is looked at.
pub(crate) const LOOKED_AT_MAX: usize = 64 * 1024;

/// The state of a search.
#[derive(Debug, Default)]
pub(crate) struct Search {
    seen: usize,
    /// The end of what was seen, shorter than the text: an occurrence may begin in it.
    tail: Vec<u8>,
    found: bool,
}

impl Search {
    /// Forgets everything: a new body begins.
    pub(crate) fn begin(&mut self) {
        self.seen = 0;
        self.tail.clear();
        self.found = false;
    }

    /// Looks at the next piece.
    pub(crate) fn look(&mut self, text: &[u8], piece: &[u8]) {
        let piece = &piece[..piece.len().min(LOOKED_AT_MAX - self.seen)];
        self.seen += piece.len();
        if self.found || text.is_empty() || piece.is_empty() {
            return;
        }
        let overlap = text.len() - 1;
        // An occurrence across the seam ends within the first `overlap` bytes of the piece.
        self.tail.extend_from_slice(&piece[..piece.len().min(overlap)]);
        self.found = holds(&self.tail, text) || holds(piece, text);
        if piece.len() > overlap {
            self.tail.clear();
            self.tail.extend_from_slice(&piece[piece.len() - overlap..]);
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(overlap));
        }
    }

    /// The body is over; an empty text is in every body, a body that never came included.
    pub(crate) fn end(&mut self, text: &[u8]) {
        self.found |= text.is_empty();
    }

    /// Whether the text was found.
    pub(crate) const fn found(&self) -> bool {
        self.found
    }
}

fn holds(haystack: &[u8], text: &[u8]) -> bool {
    memmem::find(haystack, text).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &[u8], pieces: &[Vec<u8>]) -> bool {
        let mut search = Search::default();
        search.begin();
        pieces.iter().for_each(|piece| search.look(text, piece));
        assert!(search.tail.len() < text.len().max(1), "no more is kept than could begin the text");
        search.end(text);
        search.found()
    }

    #[test]
    fn an_empty_text_is_in_every_body() {
        assert!(found(b"", &[]) && found(b"", &[b"x".to_vec()]));
        assert!(!found(b"x", &[]));
    }

    proptest! {
        /// Two letters only, so that near misses and overlaps are common.
        #[test]
        fn pieces_hold_what_the_whole_holds(
            text in proptest::collection::vec(0..2_u8, 1..6),
            pieces in proptest::collection::vec(proptest::collection::vec(0..2_u8, 0..9), 0..12),
        ) {
            prop_assert_eq!(found(&text, &pieces), holds(&pieces.concat(), &text));
        }
    }
}
