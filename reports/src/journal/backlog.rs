//! What waits to be written, within bounds: the newest is kept, the oldest measurements go first, events last.

use std::collections::{BTreeMap, VecDeque};

use super::entry::{Entry, Kind};

/// A queue that never grows past its bounds and counts what it gave up.
#[derive(Debug)]
pub struct Backlog {
    events: VecDeque<Entry>,
    measurements: VecDeque<Entry>,
    bound: usize,
    dropped: u64,
    /// What was dropped since the journal last said so: kind → how many, first and last moment.
    untold: BTreeMap<Kind, (u64, i64, i64)>,
}

impl Backlog {
    /// An empty queue for at most `bound` events and as many measurements.
    pub const fn new(bound: usize) -> Self {
        Self {
            events: VecDeque::new(),
            measurements: VecDeque::new(),
            bound,
            dropped: 0,
            untold: BTreeMap::new(),
        }
    }

    /// Adds an entry; where there is no room the oldest of its sort makes some.
    pub fn push(&mut self, entry: Entry) {
        let queue = if entry.kind() == Kind::Event { &mut self.events } else { &mut self.measurements };
        queue.push_back(entry);
        let gone = if queue.len() > self.bound { queue.pop_front() } else { None };
        if let Some(gone) = gone {
            self.count_out(&gone);
        }
    }

    /// Takes all that waits, in the order of time.
    pub fn take(&mut self) -> Vec<Entry> {
        let mut batch: Vec<Entry> = self.events.drain(..).chain(self.measurements.drain(..)).collect();
        batch.sort_by_key(Entry::at_us);
        batch
    }

    /// Puts back what could not be written, before all that came since.
    pub fn restore(&mut self, batch: Vec<Entry>) {
        for entry in batch.into_iter().rev() {
            let queue = if entry.kind() == Kind::Event { &mut self.events } else { &mut self.measurements };
            if queue.len() < self.bound {
                queue.push_front(entry);
            } else {
                self.count_out(&entry);
            }
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.measurements.is_empty()
    }

    /// How many entries were given up so far.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A sentence about what was given up since this was last asked, and the moment it is about.
    pub fn tell(&mut self) -> Option<(i64, String)> {
        let untold = std::mem::take(&mut self.untold);
        let last = untold.values().map(|(_, _, last)| *last).max()?;
        let told = untold.iter().map(|(kind, (count, from, to))| {
            format!("{count} {} of {:.1} s to {:.1} s", kind.table(), *from as f64 / 1e6, *to as f64 / 1e6)
        });
        Some((
            last,
            format!("the journal could not keep up and lost {}", told.collect::<Vec<_>>().join(", ")),
        ))
    }

    fn count_out(&mut self, entry: &Entry) {
        self.dropped += 1;
        let at = entry.at_us();
        let (count, from, to) = self.untold.entry(entry.kind()).or_insert((0, at, at));
        *count += 1;
        *from = (*from).min(at);
        *to = (*to).max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::record::{Event, HostSample, What};

    fn host(at_us: i64) -> Entry {
        Entry::HostSample(HostSample { at_us, ..HostSample::default() })
    }

    fn event(at_us: i64) -> Entry {
        Entry::Event(Event { at_us, what: What::Injecting { cue: 0 } })
    }

    fn moments(backlog: &mut Backlog) -> Vec<i64> {
        backlog.take().iter().map(Entry::at_us).collect()
    }

    #[test]
    fn the_oldest_measurements_make_room() {
        let mut backlog = Backlog::new(2);
        backlog.push(event(0));
        (1..=4).for_each(|at| backlog.push(host(at)));
        assert_eq!(backlog.dropped(), 2);
        assert_eq!(moments(&mut backlog), [0, 3, 4]);
    }

    #[test]
    fn what_failed_goes_back_to_the_front() {
        let mut backlog = Backlog::new(3);
        backlog.push(host(1));
        backlog.push(event(2));
        let batch = backlog.take();
        (3..=5).for_each(|at| backlog.push(host(at)));
        backlog.restore(batch);
        assert_eq!(backlog.dropped(), 1, "three newer ones leave no room for the oldest");
        assert_eq!(moments(&mut backlog), [2, 3, 4, 5]);
    }

    #[test]
    fn what_was_lost_is_told_once() {
        let mut backlog = Backlog::new(1);
        (1..=3).for_each(|second| backlog.push(host(second * 1_000_000)));
        let (at, text) = backlog.tell().unwrap();
        assert_eq!(at, 2_000_000);
        assert_eq!(text, "the journal could not keep up and lost 2 host_samples of 1.0 s to 2.0 s");
        assert_eq!(backlog.tell(), None);
    }
}
