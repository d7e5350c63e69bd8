//! What goes into a history, and who is who in it.

use crate::history::{History, HistoryEnd, HistoryEvent, Kind};

/// The history of a load, if one is kept, and the processes in it: a connection is one, until nobody knows how its operation
/// ended.
#[derive(Debug)]
pub(crate) struct Notebook {
    history: Option<History>,
    /// The process of each seat.
    of_seats: Vec<u64>,
    begun: u64,
}

/// What an operation did.
pub(crate) struct Deed<'a> {
    /// What it is called.
    pub(crate) f: &'static str,
    /// Its object.
    pub(crate) key: &'a str,
    /// What it was asked or told, as JSON.
    pub(crate) value: String,
}

// === impl Notebook ===

impl Notebook {
    pub(crate) const fn new(history: Option<History>) -> Self {
        Self { history, of_seats: Vec::new(), begun: 0 }
    }

    /// Writes down what began or came to its end on a seat. After an operation of unknown end the seat goes on as another
    /// process: the old one may still be at it.
    pub(crate) fn note<'a>(&mut self, seat: usize, kind: Kind, time: u64, deed: impl FnOnce() -> Deed<'a>) {
        let process = self.process(seat);
        if let Some(history) = &mut self.history {
            let Deed { f, key, value } = deed();
            history.note(HistoryEvent { process, kind, f, key, value: &value, time });
        }
        if kind == Kind::Info {
            self.of_seats[seat] = self.begun;
            self.begun += 1;
        }
    }

    /// The number of a seat's process.
    pub(crate) fn process(&mut self, seat: usize) -> u64 {
        while self.of_seats.len() <= seat {
            self.of_seats.push(self.begun);
            self.begun += 1;
        }
        self.of_seats[seat]
    }

    /// A second is over.
    pub(crate) fn flush(&mut self) {
        if let Some(history) = &mut self.history {
            history.flush();
        }
    }

    /// The load is over.
    pub(crate) fn finish(&mut self) -> Option<HistoryEnd> {
        self.history.as_mut().map(History::finish)
    }
}
