//! The one place in this package that asks the machine for the time.

use shakedown_scenarios::units::Span;
use time::OffsetDateTime;
use tokio::time::Instant;

/// Time since a moment that lies behind; it never jumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    start: Instant,
}

impl Stopwatch {
    /// One that stands at zero now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// How long it has run.
    pub(crate) fn elapsed(&self) -> Span {
        Span::from(self.start.elapsed())
    }
}

/// The time of day: what the validity of certificates is counted from, and nothing else.
pub(crate) fn today() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
