//! The one place on this floor that asks the machine for the time.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use nix::poll::PollTimeout;
use shakedown_scenarios::units::Span;

/// Time since a moment that lies behind; it never jumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that stands at zero now.
    #[expect(clippy::disallowed_methods, reason = "the edge: deadlines of real sockets and processes")]
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The clock that all parts of this process share: it stands at zero when it is first asked for.
    pub(crate) fn of_process() -> Self {
        static CLOCK: OnceLock<Clock> = OnceLock::new();
        *CLOCK.get_or_init(Self::start)
    }

    /// How long it has run.
    pub(crate) fn now(&self) -> Span {
        Span::from(self.start.elapsed())
    }
}

/// The time of day for people who read a log, as seconds since 1970 UTC. Nothing is ever decided by it.
#[expect(clippy::disallowed_methods, reason = "the edge: a log's time stamps")]
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Gives way for a while between two looks at something that nobody announces, such as a state in `/proc`.
#[expect(clippy::disallowed_methods, reason = "the edge: the kernel has no event for what is waited for")]
pub(crate) fn pause(length: Span) {
    std::thread::sleep(length.duration());
}

/// A span as `poll` takes it: in whole milliseconds, rounded up, so that it has passed when `poll` says so.
pub(crate) fn poll_timeout(span: Span) -> PollTimeout {
    let millis = span.as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
}
