//! Staying awake for a moment. A thread that sleeps is woken late, by 50 to 100 µs where cores rest meanwhile, and each hop
//! of a round trip pays that again. So the last stretch before a moment is spent asking for events instead of sleeping, and
//! the first one after it too, when an answer to what was just sent is likely. That costs time of a core: a bounded share of
//! it, and none at all while no moment is waited for.

use shakedown_scenarios::units::Span;

/// How long before a moment a sleeper gets up.
const EARLY: Span = Span::micros(120);

/// How long it stays up when something was done at its moment.
const AFTER: Span = Span::micros(80);

/// One part in so many of the time may be spent awake.
const SHARE: u64 = 5;

/// How much of that may be saved up.
const SAVED: Span = Span::millis(2);

/// What a thread may still spend on staying awake.
#[derive(Debug, Default)]
pub(super) struct BusyPoll {
    credit: Span,
    /// When it was last asked.
    last: Span,
    /// Whether it stayed awake since then.
    awake: bool,
    until: Span,
}

// === impl BusyPoll ===

impl BusyPoll {
    /// Something was done at its moment.
    pub(super) fn fired(&mut self, now: Span) {
        self.until = now.plus(AFTER);
    }

    /// How long to wait for events if the next moment is this one; without one, as long as it takes.
    pub(super) fn wait(&mut self, now: Span, next: Option<Span>) -> Option<Span> {
        self.account(now);
        let sleep = next.map(|next| next.minus(now));
        // A stay that would be cut short is not worth its beginning.
        let can = if self.awake { self.credit > Span::ZERO } else { self.credit >= EARLY };
        self.awake = can && (now < self.until || sleep.is_some_and(|sleep| sleep <= EARLY));
        match sleep {
            _ if self.awake => Some(Span::ZERO),
            Some(sleep) if self.credit >= EARLY => Some(sleep.minus(EARLY)),
            sleep => sleep,
        }
    }

    fn account(&mut self, now: Span) {
        let passed = now.minus(self.last);
        let spent = if self.awake { passed } else { Span::ZERO };
        self.credit = self.credit.plus(Span::nanos(passed.as_nanos() / SHARE)).minus(spent).min(SAVED);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: Span = Span::secs(1);

    fn rested() -> BusyPoll {
        let mut poll = BusyPoll::default();
        assert_eq!(poll.wait(LONG_AGO, None), None);
        poll
    }

    #[test]
    fn it_gets_up_early_and_stays_awake_to_the_moment() {
        let mut poll = rested();
        let moment = LONG_AGO.plus(Span::millis(10));
        assert_eq!(poll.wait(LONG_AGO, Some(moment)), Some(Span::millis(10).minus(EARLY)));
        assert_eq!(poll.wait(moment.minus(EARLY), Some(moment)), Some(Span::ZERO));
        assert_eq!(poll.wait(moment.minus(Span::nanos(1)), Some(moment)), Some(Span::ZERO));
    }

    #[test]
    fn it_stays_awake_for_an_answer_and_then_sleeps() {
        let mut poll = rested();
        poll.fired(LONG_AGO);
        assert_eq!(poll.wait(LONG_AGO, None), Some(Span::ZERO));
        assert_eq!(poll.wait(LONG_AGO.plus(AFTER), None), None);
    }

    #[test]
    fn without_moments_it_never_stays_awake() {
        let mut poll = rested();
        for micros in 0..10_000 {
            assert_eq!(poll.wait(LONG_AGO.plus(Span::micros(micros)), None), None);
        }
    }

    #[test]
    fn it_spends_no_more_than_its_share_however_dense_moments_are() {
        let (mut poll, mut now, mut awake) = (rested(), LONG_AGO, Span::ZERO);
        let end = LONG_AGO.plus(Span::secs(1));
        while now < end {
            let step = match poll.wait(now, Some(now.plus(Span::micros(50)))) {
                Some(Span::ZERO) => {
                    awake = awake.plus(Span::micros(1));
                    Span::micros(1)
                }
                Some(sleep) => sleep,
                None => panic!("a moment is waited for"),
            };
            now = now.plus(step);
            poll.fired(now);
        }
        let most = Span::nanos(Span::secs(1).as_nanos() / SHARE).plus(SAVED).plus(EARLY);
        assert!(awake <= most, "{awake:?}");
        assert!(awake >= Span::millis(100), "{awake:?}");
    }
}
