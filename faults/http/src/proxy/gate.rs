//! What of a client's bytes may go on to the HTTP library: heads that were read whole and passed, and the bodies that
//! they announce.
//!
//! It follows the framing of a connection over HTTP/1 from its first byte to its last. It decides, and neither reads nor
//! waits.

mod chunks;

use chunks::Chunks;

use super::head::{self, Framing};
use super::refusal::Refusal;

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Gate {
    head_max: usize,
    lines_max: usize,
    state: State,
    /// How many heads passed.
    heads: u64,
    /// How far the head in hand was looked through for its end.
    looked: usize,
}

/// What becomes of the bytes in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// So many of them go on, at least one.
    Pass(usize),
    /// Nothing can be said before there are more.
    More,
    /// Neither these nor any others go on.
    Refuse(Refusal),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Body(u64),
    Chunks(Chunks),
    Shut(Refusal),
}

// === impl Gate ===

impl Gate {
    pub(super) const fn new(head_max: usize, lines_max: usize) -> Self {
        Self { head_max, lines_max, state: State::Head, heads: 0, looked: 0 }
    }

    /// How many heads passed so far.
    pub(super) const fn heads(&self) -> u64 {
        self.heads
    }

    /// Judges the bytes in hand. Those that pass are not shown again.
    pub(super) fn judge(&mut self, input: &[u8]) -> Verdict {
        if input.is_empty() {
            return Verdict::More;
        }
        let verdict = match &mut self.state {
            State::Head => self.judge_head(input),
            State::Body(left) => {
                let passing = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= passing as u64;
                if *left == 0 {
                    self.state = State::Head;
                }
                Verdict::Pass(passing)
            }
            State::Chunks(chunks) => match chunks.follow(input, self.head_max) {
                Ok(passing) => {
                    if chunks.is_over() {
                        self.state = State::Head;
                    }
                    Verdict::Pass(passing)
                }
                Err(refusal) => Verdict::Refuse(refusal),
            },
            State::Shut(refusal) => Verdict::Refuse(*refusal),
        };
        if let Verdict::Refuse(refusal) = verdict {
            self.state = State::Shut(refusal);
        }
        verdict
    }

    fn judge_head(&mut self, input: &[u8]) -> Verdict {
        // An empty line before a request is to be ignored (RFC 9112, section 2.2); it goes on, and is ignored there.
        if input.starts_with(b"\r\n") {
            self.looked = 0;
            return Verdict::Pass(2);
        }
        let from = self.looked.saturating_sub(3);
        let end = input[from..].windows(4).position(|four| four == b"\r\n\r\n").map(|place| from + place + 4);
        self.looked = input.len();
        match end {
            Some(end) if end <= self.head_max => self.admit(&input[..end]),
            None if input.len() < self.head_max => doubt(&input[from..]),
            _ => Verdict::Refuse(Refusal::TooLong),
        }
    }

    fn admit(&mut self, head: &[u8]) -> Verdict {
        self.looked = 0;
        match head::read(head, self.lines_max) {
            Ok(framing) => {
                self.heads += 1;
                self.state = match framing {
                    Framing::Length(0) => State::Head,
                    Framing::Length(length) => State::Body(length),
                    Framing::Chunked => State::Chunks(Chunks::START),
                };
                Verdict::Pass(head.len())
            }
            Err(refusal) => Verdict::Refuse(refusal),
        }
    }
}

/// A head that has not come whole. One that would be waited for in vain, since its lines end otherwise, is refused at once.
fn doubt(newest: &[u8]) -> Verdict {
    match newest.windows(2).any(|two| two == b"\n\n") {
        true => Verdict::Refuse(Refusal::BareLineEnd),
        false => Verdict::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds bytes in pieces of a size; what passed, and why the rest did not.
    fn feed(input: &[u8], piece: usize) -> (Vec<u8>, u64, Option<Refusal>) {
        let mut gate = Gate::new(4096, 100);
        let (mut hand, mut passed) = (Vec::new(), Vec::new());
        for piece in input.chunks(piece) {
            hand.extend_from_slice(piece);
            loop {
                match gate.judge(&hand) {
                    Verdict::Pass(count) => passed.extend(hand.drain(..count)),
                    Verdict::More => break,
                    Verdict::Refuse(refusal) => return (passed, gate.heads(), Some(refusal)),
                }
            }
        }
        (passed, gate.heads(), None)
    }

    const GOOD: &[u8] = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\
        PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET \
        POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
        5;ext=\"x\"\r\nGET /\r\nA\r\n0123456789\r\n000\r\nX: y\r\n\r\n\
        GET /last HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn requests_in_a_row_pass_however_they_are_cut() {
        for piece in [1, 2, 3, 7, 50, GOOD.len()] {
            assert_eq!(feed(GOOD, piece), (GOOD.to_vec(), 4, None), "in pieces of {piece}");
        }
    }

    #[test]
    fn nothing_of_a_refused_head_passes_and_nothing_after_it() {
        let first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let bad = format!("{first}GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n{first}");
        for piece in [1, 10, bad.len()] {
            let expected = (first.as_bytes().to_vec(), 1, Some(Refusal::TwoHosts));
            assert_eq!(feed(bad.as_bytes(), piece), expected);
        }
    }

    #[test]
    fn chunks_that_are_not_framed_right_are_refused() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bad = [
            "zz\r\n",
            "\r\n",
            "-1\r\n",
            "0x5\r\n",
            "5 \r\n",
            "5\n",
            "5\rx",
            ";a\r\n",
            "5\r\n12345X",
            "5\r\n12345\rX",
            "5\r\n12345\n",
            "ffffffffffffffff\r\n",
            "0000000000000000\r\n",
            "5;\n",
            "0\r\nX\nY",
            "0\r\nX\0",
            "0\r\n\rX",
        ];
        for chunk in bad {
            let (_, heads, refusal) = feed(format!("{head}{chunk}").as_bytes(), 1);
            assert_eq!((heads, refusal), (1, Some(Refusal::Chunk)), "{chunk:?}");
        }
        let long = format!("{head}1;{}", "x".repeat(300));
        assert_eq!(feed(long.as_bytes(), 9).2, Some(Refusal::Chunk));
        let trailers = format!("{head}0\r\n{}", "x".repeat(5_000));
        assert_eq!(feed(trailers.as_bytes(), 9).2, Some(Refusal::Chunk));
    }

    #[test]
    fn a_head_without_end_is_refused_when_it_is_too_long_or_can_never_end() {
        let endless = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(5_000));
        assert_eq!(feed(endless.as_bytes(), 100).2, Some(Refusal::TooLong));
        assert_eq!(feed(b"GET / HTTP/1.1\nHost: a\n\n", 5).2, Some(Refusal::BareLineEnd));
    }

    proptest! {
        /// However bytes are cut into pieces, the same ones pass for the same reason. This is what keeps a request from
        /// being smuggled in by its timing.
        #[test]
        fn pieces_do_not_matter(
            parts in prop::collection::vec(prop::sample::select(vec![
                "GET / HTTP/1.1\r\n", "Host: a\r\n", "\r\n", "\n", "\r", "Content-Length: 3\r\n", "abc", "3\r\n", "0\r\n",
                "Transfer-Encoding: chunked\r\n", " ", "X: y\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\0",
            ]), 0..24),
            piece in 1_usize..9,
        ) {
            let input = parts.concat();
            let (whole, cut) = (feed(input.as_bytes(), input.len().max(1)), feed(input.as_bytes(), piece));
            prop_assert_eq!(whole.1, cut.1);
            prop_assert_eq!(whole.2.is_some(), cut.2.is_some());
            if whole.2.is_none() {
                prop_assert_eq!(whole.0, cut.0);
            }
        }
    }
}
