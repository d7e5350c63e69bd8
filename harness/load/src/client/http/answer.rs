//! Reads one HTTP/1.1 answer (RFC 9112) from bytes as they come, and keeps nothing of it but its status.
//!
//! Heads are parsed by httparse; what follows from them (is there a body, where does it end, may the connection be
//! kept) is decided here. Nothing grows with what a target sends: a head is at most 64 KiB, interim ones (1xx) included,
//! and bodies are counted off, not kept. This knows neither requests nor expectations.

use super::chunked::Chunked;

/// The most bytes of the heads of one answer.
const HEAD_MAX: usize = 64 * 1024;
/// The most header fields of one head.
const FIELDS_MAX: usize = 128;

/// Reads one answer after the other.
#[derive(Debug, Default)]
pub(in crate::client) struct AnswerReader {
    part: Part,
    /// A head that has not come whole; empty otherwise.
    head: Vec<u8>,
    /// Bytes of all heads of this answer.
    head_bytes: usize,
    to_head: bool,
    status: u16,
    keep: bool,
    violation: Option<Violation>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    /// So many bytes of the body are left.
    Length(u64),
    Chunked(Chunked),
    /// The body ends where the connection does.
    UntilClosed,
    Whole,
}

/// How far the answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Step {
    /// It goes on.
    More,
    /// It is whole, and so many bytes came behind it.
    Whole {
        /// Bytes that do not belong to it.
        rest: usize,
    },
}

/// Why an answer is not HTTP/1.1, or passes our bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::client) enum Violation {
    /// The head does not parse.
    #[error("expected the head of an HTTP/1.x answer with at most {FIELDS_MAX} fields, found something else")]
    Head,
    /// The head is too long.
    #[error("expected a head of at most {HEAD_MAX} bytes, found more")]
    HeadTooLong,
    /// The length is not a number, or there are several.
    #[error("expected one content length, found none that is a number, or several")]
    Length,
    /// The body is not the chunked coding.
    #[error("expected the chunked coding, found something else")]
    Chunked,
    /// 101 without having been asked for.
    #[error("expected an answer, found a change of protocol that was not asked for")]
    Upgrade,
}

/// Who is told of an answer while it is read.
pub(crate) trait Sink {
    /// The fields of the final head.
    fn head(&mut self, _: &[httparse::Header<'_>]) {}

    /// A piece of the body.
    fn body(&mut self, bytes: &[u8]);
}

impl<F: FnMut(&[u8])> Sink for F {
    fn body(&mut self, bytes: &[u8]) {
        self(bytes);
    }
}

// === impl AnswerReader ===

impl AnswerReader {
    /// Forgets everything: a new answer begins. `to_head`: it answers a HEAD request and has no body.
    pub(in crate::client) fn begin(&mut self, to_head: bool) {
        // A long head's buffer is given back; a short one's is used again.
        self.head.clear();
        self.head.shrink_to(4 * 1024);
        *self = Self { head: std::mem::take(&mut self.head), to_head, ..Self::default() };
    }

    /// The final status; 0 before it came.
    pub(in crate::client) const fn status(&self) -> u16 {
        self.status
    }

    /// Whether the answer lets the connection be used again.
    pub(in crate::client) const fn may_keep(&self) -> bool {
        self.keep
    }

    /// Whether the end of the connection is the answer's end.
    pub(in crate::client) fn ends_with_the_connection(&self) -> bool {
        self.part == Part::UntilClosed
    }

    /// Why the answer that was read last is none; `None`: nothing was wrong with it so far.
    pub(in crate::client) const fn violation(&self) -> Option<Violation> {
        self.violation
    }

    /// Reads bytes and hands the head and the body to `sink`.
    pub(in crate::client) fn read(&mut self, bytes: &[u8], sink: impl Sink) -> Result<Step, Violation> {
        self.read_on(bytes, sink).inspect_err(|violation| self.violation = Some(*violation))
    }

    fn read_on(&mut self, mut bytes: &[u8], mut sink: impl Sink) -> Result<Step, Violation> {
        loop {
            match &mut self.part {
                Part::Head => match self.read_head(bytes, &mut sink)? {
                    Some(used) => bytes = &bytes[used..],
                    None => return Ok(Step::More),
                },
                Part::Length(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    sink.body(&bytes[..take]);
                    *left -= take as u64;
                    if *left > 0 {
                        return Ok(Step::More);
                    }
                    bytes = &bytes[take..];
                    self.part = Part::Whole;
                }
                Part::Chunked(chunked) => {
                    let used = chunked
                        .read(bytes, |piece: &[u8]| sink.body(piece))
                        .map_err(|_| Violation::Chunked)?;
                    if !chunked.is_whole() {
                        return Ok(Step::More);
                    }
                    bytes = &bytes[used..];
                    self.part = Part::Whole;
                }
                Part::UntilClosed => {
                    sink.body(bytes);
                    return Ok(Step::More);
                }
                Part::Whole => return Ok(Step::Whole { rest: bytes.len() }),
            }
        }
    }

    /// Reads up to the end of a head; returns how many of the bytes belong to it, `None` where it has not come whole.
    fn read_head(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<Option<usize>, Violation> {
        // Mostly a head comes in one piece and is parsed where it lies.
        if self.head.is_empty()
            && let Some(end) = head_end(bytes, 0)
        {
            self.count_head(end)?;
            self.take_head(&bytes[..end], sink)?;
            return Ok(Some(end));
        }
        let before = self.head.len();
        let room = HEAD_MAX - self.head_bytes - before;
        self.head.extend_from_slice(&bytes[..bytes.len().min(room + 1)]);
        let Some(end) = head_end(&self.head, before.saturating_sub(3)) else {
            return if self.head.len() > before + room { Err(Violation::HeadTooLong) } else { Ok(None) };
        };
        self.count_head(end)?;
        let mut head = std::mem::take(&mut self.head);
        self.take_head(&head[..end], sink)?;
        head.clear();
        self.head = head;
        Ok(Some(end - before))
    }

    fn count_head(&mut self, bytes: usize) -> Result<(), Violation> {
        self.head_bytes += bytes;
        if self.head_bytes > HEAD_MAX { Err(Violation::HeadTooLong) } else { Ok(()) }
    }

    fn take_head(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), Violation> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        match head.parse(bytes) {
            Ok(httparse::Status::Complete(used)) if used == bytes.len() => {}
            _ => return Err(Violation::Head),
        }
        let status = head.code.ok_or(Violation::Head)?;
        match status {
            101 => return Err(Violation::Upgrade),
            // An interim answer: the final one follows (RFC 9110, section 15.2).
            0..200 => return Ok(()),
            _ => self.status = status,
        }
        sink.head(head.headers);
        let facts = Facts::of(head.headers)?;
        let is_old = head.version == Some(0);
        self.part = facts.body(self.to_head || matches!(status, 204 | 304))?;
        self.keep = !facts.close && (!is_old || facts.keep_alive) && facts.is_unambiguous();
        self.keep &= self.part != Part::UntilClosed;
        Ok(())
    }
}

/// Where the head at the beginning of these bytes ends; nothing before `from` is looked at again.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'\n', &bytes[from..]).map(|at| from + at + 1).find_map(|next| match bytes[next..] {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

/// What a head says of its body and of the connection.
#[derive(Debug, Default)]
struct Facts {
    length: Option<u64>,
    has_coding: bool,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Facts {
    fn of(fields: &[httparse::Header<'_>]) -> Result<Self, Violation> {
        let mut facts = Self::default();
        for field in fields {
            if field.name.eq_ignore_ascii_case("content-length") {
                facts.take_length(field.value)?;
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                facts.has_coding = true;
                // Only as the last coding it tells where the body ends (RFC 9112, section 6.3).
                facts.chunked = elements(field.value).last().is_some_and(|last| is_word(last, b"chunked"));
            } else if field.name.eq_ignore_ascii_case("connection") {
                facts.close |= elements(field.value).any(|element| is_word(element, b"close"));
                facts.keep_alive |= elements(field.value).any(|element| is_word(element, b"keep-alive"));
            }
        }
        Ok(facts)
    }

    /// Several equal lengths count as one (RFC 9110, section 8.6).
    fn take_length(&mut self, value: &[u8]) -> Result<(), Violation> {
        for element in elements(value) {
            let is_digits = !element.is_empty() && element.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(element).ok().filter(|_| is_digits).ok_or(Violation::Length)?;
            let length = text.parse().map_err(|_| Violation::Length)?;
            if self.length.replace(length).is_some_and(|other| other != length) {
                return Err(Violation::Length);
            }
        }
        Ok(())
    }

    /// RFC 9112, section 6.3, for answers.
    fn body(&self, never: bool) -> Result<Part, Violation> {
        Ok(match self {
            _ if never => Part::Whole,
            Self { chunked: true, .. } => Part::Chunked(Chunked::new()),
            Self { has_coding: true, .. } => Part::UntilClosed,
            Self { length: Some(length), .. } => Part::Length(*length),
            _ => Part::UntilClosed,
        })
    }

    /// A length beside a coding is either a mistake or an attack: nothing may follow on such a connection.
    const fn is_unambiguous(&self) -> bool {
        !(self.has_coding && self.length.is_some())
    }
}

fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn is_word(element: &[u8], word: &[u8]) -> bool {
    element.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read of an answer that comes in these pieces: status, body, whether the connection is kept, what is left.
    fn read(to_head: bool, pieces: &[&[u8]]) -> Result<(Step, u16, Vec<u8>, bool), Violation> {
        let mut reader = AnswerReader::default();
        reader.begin(to_head);
        let (mut body, mut step) = (Vec::new(), Step::More);
        for piece in pieces {
            if let Step::Whole { rest } = step {
                step = Step::Whole { rest: rest + piece.len() };
                continue;
            }
            step = reader.read(piece, |bytes: &[u8]| body.extend_from_slice(bytes))?;
        }
        Ok((step, reader.status(), body, reader.may_keep()))
    }

    fn check(answer: &str, status: u16, body: &str, keep: bool) {
        let whole = Step::Whole { rest: 0 };
        assert_eq!(read(false, &[answer.as_bytes()]), Ok((whole, status, body.into(), keep)), "{answer:?}");
    }

    #[test]
    fn bodies_end_where_their_head_says() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true);
        check("HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true);
        check(
            "HTTP/1.1 200\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            200,
            "hi",
            true,
        );
        check("HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", 204, "", true);
        check("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "", true);
        check("HTTP/1.1 200 OK\nContent-Length: 0\n\n", 200, "", true);
    }

    #[test]
    fn a_connection_is_kept_only_where_both_sides_know_its_state() {
        check("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", 200, "", false);
        check("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false);
        check("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200, "", true);
        let both = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        check(both, 200, "", false);
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n\
                      HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        check(answer, 200, "hi", true);
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
        assert_eq!(read(true, &[head]), Ok((Step::Whole { rest: 0 }, 200, Vec::new(), true)));
    }

    #[test]
    fn without_a_length_the_body_lasts_as_long_as_the_connection() {
        let mut reader = AnswerReader::default();
        let mut seen = 0;
        let head = b"HTTP/1.1 200 OK\r\n\r\nsome";
        assert_eq!(reader.read(head, |bytes: &[u8]| seen += bytes.len()), Ok(Step::More));
        assert_eq!(reader.read(b" more", |bytes: &[u8]| seen += bytes.len()), Ok(Step::More));
        assert!(reader.ends_with_the_connection() && !reader.may_keep());
        assert_eq!(seen, 9);
    }

    #[test]
    fn what_is_not_an_answer_is_a_violation() {
        let violation = |answer: &str| read(false, &[answer.as_bytes()]).unwrap_err();
        assert_eq!(violation("SSH-2.0-OpenSSH_9.2\r\n\r\n"), Violation::Head);
        assert_eq!(violation("\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Violation::Head);
        assert_eq!(violation("HTTP/2 200 OK\r\n\r\n"), Violation::Head);
        assert_eq!(
            violation("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            Violation::Length
        );
        assert_eq!(violation("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Violation::Length);
        assert_eq!(violation("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n"), Violation::Length);
        assert_eq!(violation("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"), Violation::Length);
        let huge = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n";
        assert_eq!(violation(huge), Violation::Length);
        assert_eq!(
            violation("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"),
            Violation::Chunked
        );
        assert_eq!(violation("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), Violation::Upgrade);
        let fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(FIELDS_MAX + 1));
        assert_eq!(violation(&fields), Violation::Head);
    }

    #[test]
    fn a_length_of_2_to_the_63_is_only_a_number() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nabc";
        assert_eq!(read(false, &[answer]).unwrap().0, Step::More);
    }

    #[test]
    fn an_endless_head_is_given_up_at_its_bound_and_never_kept_beyond_it() {
        let mut reader = AnswerReader::default();
        let mut sent = 0;
        let error = loop {
            match reader.read(&[b'x'; 1000], |_: &[u8]| ()) {
                Ok(_) => sent += 1000,
                Err(error) => break error,
            }
        };
        assert_eq!(error, Violation::HeadTooLong);
        assert!(sent <= HEAD_MAX && reader.head.capacity() <= 2 * HEAD_MAX + 2, "{}", reader.head.capacity());
    }

    #[test]
    fn endless_interim_answers_are_given_up_at_the_same_bound() {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(HEAD_MAX / 25 + 1);
        assert_eq!(read(false, &[&interim]), Err(Violation::HeadTooLong));
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_does_not_matter(
            cut in 1_usize..40,
            which in 0_usize..4,
            body in "[ -~]{0,60}",
            interim: bool,
            rest in "[a-z]{0,4}",
        ) {
            let length = body.len();
            let head = match which {
                0 => format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}{rest}"),
                1 if length > 0 => format!(
                    "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n{rest}"
                ),
                2 => format!("HTTP/1.1 204 No Content\r\n\r\n{rest}"),
                _ => format!("HTTP/1.0 500 X\nConnection: close\nContent-Length: {length}\n\n{body}{rest}"),
            };
            let answer = if interim { format!("HTTP/1.1 100 Continue\r\n\r\n{head}") } else { head };
            let whole = read(false, &[answer.as_bytes()]);
            prop_assert!(matches!(whole, Ok((Step::Whole { rest: left }, ..)) if left == rest.len()), "{:?}", whole);
            let pieces: Vec<&[u8]> = answer.as_bytes().chunks(cut).collect();
            prop_assert_eq!(read(false, &pieces), whole);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 1_usize..20) {
            let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
            answer.extend_from_slice(&bytes);
            let _ = read(false, &answer.chunks(cut).collect::<Vec<_>>());
        }
    }
}
