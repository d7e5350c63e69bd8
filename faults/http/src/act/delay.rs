//! Waiting: before the request goes on, between head and body, before each chunk of the body.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::Span;

use super::{Dressing, WAIT_MAX};
use crate::body::DelayStage;
use crate::problem::Finder;
use crate::set::Bite;

/// How long, and where. At least one of the three is above zero, none above an hour.
///
/// Waits end at a deadline of the runtime's timer, which has a grain of a millisecond, or when the fault is healed.
/// Nothing is read ahead meanwhile: at most one chunk is held, and who sends the body is slowed down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", default)]
pub struct Delay {
    /// Before the request goes on to the server, and so before the response's head.
    pub before: Span,
    /// After the response's head was sent and before its body. A response without a body is not delayed.
    pub between: Span,
    /// Before each chunk of the response's body. It slows a body down by so much a chunk, one after the other, as a slow
    /// producer does.
    pub chunk: Span,
    /// Each of those waits that is above zero varies evenly by up to this, up and down, but not below zero.
    pub jitter: Span,
}

// === impl Delay ===

impl Delay {
    /// A delay before the request goes on.
    #[must_use]
    pub fn before(span: Span) -> Self {
        Self { before: span, ..Self::default() }
    }

    pub(super) fn check(&self, mut finder: Finder<'_>) {
        let spans = [("before", self.before), ("between", self.between), ("chunk", self.chunk)];
        for (field, span) in spans.into_iter().chain([("jitter", self.jitter)]) {
            finder.expect(span <= WAIT_MAX, field, span, "at most 1h");
        }
        let some = spans.iter().any(|(_, span)| !span.is_zero());
        finder.expect(some, "", "0s", "`before`, `between` or `chunk` above 0s");
    }

    pub(super) fn wait_before(&self, bite: &mut Bite) -> Span {
        around(self.before, self.jitter, bite.chance())
    }

    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &mut Bite) {
        if self.between.is_zero() && self.chunk.is_zero() {
            return;
        }
        let between = around(self.between, self.jitter, bite.chance());
        let stage = DelayStage::new(between, self.chunk, self.jitter, bite);
        response.stages.push(Box::new(stage));
    }
}

/// A span around a middle; nothing is drawn where there is nothing to vary.
pub(crate) fn around(middle: Span, jitter: Span, chance: &mut Chance) -> Span {
    if middle.is_zero() || jitter.is_zero() {
        return middle;
    }
    middle.plus(chance.between(Span::ZERO, jitter.plus(jitter))).minus(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::seed::Streams;

    #[test]
    fn jitter_goes_both_ways_and_never_below_zero() {
        let mut chance = Streams::new(1).stream("test");
        let draws: Vec<Span> =
            (0..1_000).map(|_| around(Span::nanos(2), Span::nanos(3), &mut chance)).collect();
        assert_eq!((draws.iter().min(), draws.iter().max()), (Some(&Span::ZERO), Some(&Span::nanos(5))));
        assert_eq!(around(Span::ZERO, Span::nanos(3), &mut chance), Span::ZERO);
    }
}
