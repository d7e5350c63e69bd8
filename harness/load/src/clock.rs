//! The load's one clock: nanoseconds since the start of the load.
//!
//! Everything else in this crate takes a moment as an argument; only the edge that moves bytes asks here.

use std::time::{Duration, Instant};

/// A monotonic clock whose zero is the start of the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock with this zero.
    pub(crate) const fn new(start: Instant) -> Self {
        Self { start }
    }

    /// Nanoseconds since the start; 0 before it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this crate that asks the machine for the time"
    )]
    pub(crate) fn now(&self) -> u64 {
        let since = Instant::now().saturating_duration_since(self.start);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Blocks the thread until a moment.
    #[expect(clippy::disallowed_methods, reason = "whoever asks has nothing else to do on this thread")]
    pub(crate) fn sleep_until(&self, moment: u64) {
        while let Some(left) = self.until(moment) {
            std::thread::sleep(left);
        }
    }

    /// How long it is until a moment; `None` once it is reached.
    #[expect(
        clippy::disallowed_methods,
        reason = "an armed timer needs the time that is left, before the start too"
    )]
    pub(crate) fn until(&self, moment: u64) -> Option<Duration> {
        let left = self.instant(moment).checked_duration_since(Instant::now())?;
        (!left.is_zero()).then_some(left)
    }

    /// A moment on the runtime's own (coarser) timers.
    pub(crate) fn deadline(&self, moment: u64) -> tokio::time::Instant {
        self.instant(moment).into()
    }

    fn instant(&self, moment: u64) -> Instant {
        self.start.checked_add(Duration::from_nanos(moment)).unwrap_or(self.start)
    }
}
