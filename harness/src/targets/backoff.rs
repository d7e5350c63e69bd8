//! Exponential back-off between restarts of a process.

use shakedown_scenarios::units::Span;

/// A process that ran this long without ending is taken as stable: the next delay starts over.
pub const STABLE: Span = Span::secs(60);

/// Delays that double from the first to the longest.
#[derive(Clone, Debug)]
pub struct Backoff {
    from: Span,
    to: Span,
    next: Span,
}

impl Backoff {
    /// Delays from `from` up to `to`.
    #[must_use]
    pub const fn new(from: Span, to: Span) -> Self {
        Self { from, to, next: from }
    }

    /// The delay before the next start of a process that ran for `lived`.
    pub fn after(&mut self, lived: Span) -> Span {
        if lived >= STABLE {
            self.next = self.from;
        }
        let delay = self.next.min(self.to);
        self.next = Span::nanos(self.next.as_nanos().saturating_mul(2)).min(self.to);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_to_the_longest_and_starts_over_after_a_stable_minute() {
        let mut backoff = Backoff::new(Span::millis(200), Span::secs(1));
        let delays: Vec<_> = (0..5).map(|_| backoff.after(Span::ZERO)).collect();
        let millis = [200, 400, 800, 1000, 1000].map(Span::millis);
        assert_eq!(delays, millis);
        assert_eq!(backoff.after(STABLE), Span::millis(200));
    }
}
