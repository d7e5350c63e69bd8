//! The one place of this package that asks for the time: the runtime's, so that tests can stop it.

use shakedown_scenarios::units::Span;
use tokio::time::Instant;

/// Now, by the runtime's clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Time since a moment that lies behind; it never jumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that stands at zero now.
    pub(crate) fn start() -> Self {
        Self { start: now() }
    }

    /// How long it has run.
    pub(crate) fn now(&self) -> Span {
        Span::from(self.start.elapsed())
    }

    /// The runtime's name for a moment of this clock.
    pub(crate) fn at(&self, moment: Span) -> Instant {
        self.start + moment.duration()
    }
}
