//! The one place where the harness asks the machine for time and for a fresh seed.
//!
//! Everything below it takes moments and chance as arguments; that is what lets a run be planned, replayed and tested
//! with paused time.

use std::fs::File;
use std::io::{self, Read as _};
use std::time::{Instant, SystemTime};

use shakedown_scenarios::units::Span;

/// The monotonic clock of one run. All moments of the run are spans since it was started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock that shows zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the edge where time enters")]
    pub fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    /// The span since the clock was started.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the edge where time enters")]
    pub fn now(&self) -> Span {
        Instant::now().saturating_duration_since(self.epoch).into()
    }

    /// The instant of a moment of this clock, for timers.
    #[must_use]
    pub fn instant(&self, moment: Span) -> Instant {
        self.epoch + moment.duration()
    }
}

/// The wall clock, in UTC. It is read for names and for people only; nothing is measured by it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge where time enters")]
pub fn wall() -> jiff::Timestamp {
    jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// A seed nobody chose: 32 bits, so that people can type it again.
///
/// # Errors
/// When the kernel's source of randomness cannot be read.
pub fn fresh_seed() -> io::Result<u64> {
    let mut bytes = [0; 4];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from(u32::from_le_bytes(bytes)))
}
