//! The limits on one way of one connection, and what waited because of them.

use shakedown_scenarios::units::{Bandwidth, Span};

use crate::toxic::{Bucket, Rules};

/// All limits that hold.
#[derive(Debug)]
pub(super) struct Pace {
    buckets: Vec<(u32, Bucket)>,
    /// Since when the head of the queue waits for its turn.
    waiting_since: Option<Span>,
}

/// When something may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// So many bytes now.
    Now(usize),
    /// At this moment.
    At(Span),
    /// Not while these limits hold.
    Never,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { buckets: Vec::new(), waiting_since: None }
    }

    /// A limit holds from now on.
    pub(super) fn limit(&mut self, id: u32, rate: Bandwidth, now: Span) {
        self.buckets.push((id, Bucket::new(rate, now)));
    }

    pub(super) fn forget_healed(&mut self, rules: &Rules) {
        self.buckets.retain(|(id, _)| rules.holds(*id));
    }

    /// When, and how many, of the waiting bytes every limit lets through: some that are worth a write, or none.
    pub(super) fn turn(&mut self, waiting: usize, now: Span) -> Turn {
        let mut latest = now;
        for (_, bucket) in &self.buckets {
            match bucket.ready_at(waiting, now) {
                Some(moment) => latest = latest.max(moment),
                None => return self.wait(Turn::Never, now),
            }
        }
        if latest > now {
            return self.wait(Turn::At(latest), now);
        }
        Turn::Now(self.buckets.iter().map(|(_, bucket)| bucket.allowance(now)).fold(waiting, usize::min))
    }

    /// Tells that bytes were sent.
    pub(super) fn sent(&mut self, bytes: usize, now: Span, rules: &Rules) {
        for (_, bucket) in &mut self.buckets {
            bucket.sent(bytes, now);
        }
        let Some(since) = self.waiting_since.take() else { return };
        for rule in rules.iter().filter(|rule| self.buckets.iter().any(|(id, _)| *id == rule.id)) {
            rule.tally.paced(bytes, now.minus(since));
        }
    }

    fn wait(&mut self, turn: Turn, now: Span) -> Turn {
        self.waiting_since = self.waiting_since.or(Some(now));
        turn
    }
}
