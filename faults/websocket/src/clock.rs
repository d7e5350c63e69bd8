//! The one place in this package that asks the machine for the time.

use shakedown_scenarios::units::Span;
use tokio::time::Instant;

/// Time since a moment that lies behind; it never jumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that stands at zero now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// How long it has run.
    pub(crate) fn now(&self) -> Span {
        Span::from(self.start.elapsed())
    }

    /// Waits until a moment; for ever, where there is none.
    pub(crate) async fn until(&self, moment: Option<Span>) {
        match moment {
            Some(moment) => tokio::time::sleep_until(self.start + moment.duration()).await,
            None => std::future::pending().await,
        }
    }
}
