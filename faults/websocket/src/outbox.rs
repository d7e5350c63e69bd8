//! Bytes that are to be sent, each from its moment on.

use std::collections::VecDeque;

use shakedown_scenarios::units::Span;

/// A queue of bytes with deadlines. Order is kept: what has a deadline before that of its predecessor waits for it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: VecDeque<u8>,
    /// How many bytes there are for each moment, in order of the moments.
    parts: VecDeque<(Span, usize)>,
}

/// While it holds so many bytes nothing more should be put in.
pub(crate) const HELD: usize = 256 * 1_024;
/// While it holds so many deadlines nothing more should be put in.
const PARTS: usize = 4_096;
/// What an idle connection may keep for the next time.
const KEPT: usize = 32 * 1_024;

// === impl Outbox ===

impl Outbox {
    /// Adds bytes that may go from this moment on.
    pub(crate) fn push(&mut self, at: Span, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes.extend(bytes);
        match self.parts.back_mut() {
            Some((last, count)) if *last >= at => *count += bytes.len(),
            _ => self.parts.push_back((at, bytes.len())),
        }
    }

    /// Lets everything go now.
    pub(crate) fn release(&mut self, now: Span) {
        self.parts.iter_mut().for_each(|(at, _)| *at = now.min(*at));
    }

    /// Some bytes that may go now; none if there are none.
    pub(crate) fn due(&self, now: Span) -> &[u8] {
        let count = self.parts.iter().take_while(|(at, _)| *at <= now).map(|(_, count)| count).sum();
        let (first, _) = self.bytes.as_slices();
        &first[..first.len().min(count)]
    }

    /// Takes out bytes that have gone.
    pub(crate) fn sent(&mut self, count: usize) {
        self.bytes.drain(..count);
        let mut left = count;
        while let Some((_, first)) = self.parts.front_mut().filter(|_| left > 0) {
            let taken = left.min(*first);
            (*first, left) = (*first - taken, left - taken);
            if *first == 0 {
                self.parts.pop_front();
            }
        }
        if self.bytes.is_empty() {
            self.bytes.shrink_to(KEPT);
            self.parts.shrink_to(KEPT / size_of::<(Span, usize)>());
        }
    }

    /// When the first bytes may go.
    pub(crate) fn next(&self) -> Option<Span> {
        self.parts.front().map(|(at, _)| *at)
    }

    /// Whether more may be put in.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes.len() < HELD && self.parts.len() < PARTS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Span {
        Span::millis(millis)
    }

    #[test]
    fn bytes_go_at_their_moment_and_never_before_those_that_came_first() {
        let mut outbox = Outbox::default();
        outbox.push(at(10), b"first");
        outbox.push(at(5), b"second");
        outbox.push(at(20), b"third");
        assert_eq!(outbox.next(), Some(at(10)));
        assert_eq!(outbox.due(at(9)), b"");
        assert_eq!(outbox.due(at(10)), b"firstsecond");
        outbox.sent(7);
        assert_eq!((outbox.due(at(10)), outbox.next()), (&b"cond"[..], Some(at(10))));
        outbox.sent(4);
        assert_eq!((outbox.due(at(10)), outbox.next()), (&b""[..], Some(at(20))));
        outbox.release(at(12));
        assert_eq!(outbox.due(at(12)), b"third");
        outbox.sent(5);
        assert!(outbox.is_empty() && outbox.next().is_none());
    }

    #[test]
    fn a_queue_that_was_full_gives_its_memory_back() {
        let mut outbox = Outbox::default();
        outbox.push(at(0), &vec![0; HELD]);
        assert!(!outbox.has_room());
        while !outbox.is_empty() {
            let count = outbox.due(at(0)).len();
            outbox.sent(count);
        }
        assert!(outbox.has_room() && outbox.bytes.capacity() <= 2 * KEPT);
    }
}
