//! The pauses of a slow consumer: its throttle, on the clock of its load.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use shakedown_scenarios::workload::Habits;
use tokio::time::{Sleep, sleep_until};

use crate::clock::Clock;
use crate::throttle::Throttle;

/// The reading of one connection, or of one stream after the other on a seat.
pub(crate) struct SlowReading {
    clock: Clock,
    throttle: Throttle,
    ahead: u32,
    /// Fires when the next piece may be read.
    pause: Pin<Box<Sleep>>,
}

// === impl SlowReading ===

impl SlowReading {
    /// A reader of these habits who has not read yet; `None` where those are not slow. Needs a runtime around it.
    pub(crate) fn of(clock: Clock, habits: Habits) -> Option<Self> {
        let (rate, ahead) = habits.read_rate.zip(habits.ahead())?;
        let throttle = Throttle::new(rate.as_bytes_per_second());
        Some(Self { clock, throttle, ahead, pause: Box::pin(sleep_until(clock.deadline(0))) })
    }

    /// The most bytes of one piece; at least one.
    pub(crate) fn piece(&self) -> usize {
        self.throttle.piece()
    }

    /// How many bytes may be on their way before they are read.
    pub(crate) fn ahead(&self) -> usize {
        self.ahead as usize
    }

    /// Waits until the next piece may be read.
    pub(crate) fn poll_may_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.clock.now() < self.throttle.next() {
            let next = self.clock.deadline(self.throttle.next());
            if self.pause.deadline() != next {
                self.pause.as_mut().reset(next);
            }
            ready!(self.pause.as_mut().poll(context));
        }
        Poll::Ready(())
    }

    /// So many bytes were read just now.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.throttle.read(self.clock.now(), bytes);
    }
}
