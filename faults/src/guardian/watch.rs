//! Which injections are overdue. Pure: words and moments come in, numbers of entries come out.

use std::collections::BTreeMap;
use std::fmt;

use shakedown_scenarios::units::Span;

use crate::ledger::EntryId;

/// How long after its deadline an injection may still be open while the harness heals it: the harness acts at the
/// deadline and then looks whether it healed.
pub(super) const GRACE: Span = Span::secs(1);

/// What the harness says on the pipe, one word a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// An injection is open, and is to be closed within this.
    Opened { id: EntryId, within: Span },
    /// An injection is closed.
    Closed { id: EntryId },
}

/// The deadlines of what is open.
#[derive(Debug, Default)]
pub(super) struct Watch {
    due: BTreeMap<EntryId, Span>,
}

// === impl Word ===

impl Word {
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
        let word = match (words.next()?, EntryId(words.next()?.parse().ok()?)) {
            ("opened", id) => Self::Opened { id, within: Span::nanos(words.next()?.parse().ok()?) },
            ("closed", id) => Self::Closed { id },
            _ => return None,
        };
        words.next().is_none().then_some(word)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { id, within } => writeln!(f, "opened {id} {}", within.as_nanos()),
            Self::Closed { id } => writeln!(f, "closed {id}"),
        }
    }
}

// === impl Watch ===

impl Watch {
    pub(super) fn hear(&mut self, word: Word, now: Span) {
        match word {
            Word::Opened { id, within } => self.due.insert(id, now.plus(within).plus(GRACE)),
            Word::Closed { id } => self.due.remove(&id),
        };
    }

    /// The next moment at which something may be overdue.
    pub(super) fn next(&self) -> Option<Span> {
        self.due.values().min().copied()
    }

    /// What is overdue now. Each is told once.
    pub(super) fn overdue(&mut self, now: Span) -> Vec<EntryId> {
        let overdue: Vec<EntryId> =
            self.due.iter().filter(|(_, due)| **due <= now).map(|(id, _)| *id).collect();
        self.due.retain(|_, due| *due > now);
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: EntryId = EntryId(7);

    #[test]
    fn what_is_closed_in_time_is_never_overdue() {
        let mut watch = Watch::default();
        watch.hear(Word::Opened { id: ID, within: Span::secs(10) }, Span::ZERO);
        watch.hear(Word::Opened { id: EntryId(8), within: Span::secs(20) }, Span::ZERO);
        watch.hear(Word::Closed { id: ID }, Span::secs(10));
        assert_eq!(watch.overdue(Span::secs(15)), []);
        assert_eq!(watch.next(), Some(Span::secs(20).plus(GRACE)));
    }

    #[test]
    fn what_stays_open_is_overdue_once_after_its_grace() {
        let mut watch = Watch::default();
        watch.hear(Word::Opened { id: ID, within: Span::secs(10) }, Span::secs(1));
        assert_eq!(watch.overdue(Span::secs(11).plus(GRACE).minus(Span::nanos(1))), []);
        assert_eq!(watch.overdue(Span::secs(11).plus(GRACE)), [ID]);
        assert_eq!((watch.overdue(Span::secs(99)), watch.next()), (vec![], None));
    }

    #[test]
    fn lines_that_say_nothing_known_are_no_words() {
        for line in
            ["", "\n", "opened", "opened 1", "opened x 1", "closed -1", "closed 1 2", "opened 1 2 3", "\u{0}"]
        {
            assert_eq!(Word::parse(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(Word::parse(&[0xff, b'\n']), None);
    }

    proptest! {
        #[test]
        fn a_word_is_heard_as_it_was_said(id: u32, nanos: u64) {
            let (id, within) = (EntryId(id), Span::nanos(nanos));
            for word in [Word::Opened { id, within }, Word::Closed { id }] {
                prop_assert_eq!(Word::parse(word.to_string().as_bytes()), Some(word));
            }
        }
    }
}
