//! A timer that wakes within microseconds.
//!
//! The runtime's own timers stand on a wheel of 1 ms, five times the gap of arrivals at 5,000/s. A timerfd has the
//! kernel's high-resolution timers behind it and fires through the same epoll that brings the answers, so that the
//! thread still sleeps in one place.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::clock::Clock;

/// One timer, armed for one moment at a time.
#[derive(Debug)]
pub(crate) struct Timer {
    clock: Clock,
    fd: AsyncFd<Handle>,
    armed: Option<u64>,
}

/// The library's timer knows only the newer of the two traits by which a descriptor is lent.
#[derive(Debug)]
struct Handle(TimerFd);

impl AsRawFd for Handle {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Timer {
    /// A timer on this clock. Needs a runtime around it.
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        let fd = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        // SAFETY: the handle owns its descriptor, lends nothing that could replace it, and goes with this value.
        let fd = unsafe { AsyncFd::register_with_interest(Handle(fd), Interest::READABLE)? };
        Ok(Self { clock, fd, armed: None })
    }

    /// Waits until a moment, in nanoseconds since the start of the load. May be dropped and asked again at any time.
    pub(crate) async fn until(&mut self, moment: u64) -> io::Result<()> {
        while let Some(left) = self.clock.until(moment) {
            if self.armed != Some(moment) {
                self.arm(left)?;
                self.armed = Some(moment);
            }
            // Arming takes the old expiration back, and each new one is an edge of its own: nothing has to be read.
            self.fd.readable().await?.clear_ready();
            self.armed = None;
        }
        Ok(())
    }

    fn arm(&self, left: Duration) -> io::Result<()> {
        let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
        Ok(self.fd.get_ref().0.set(expiration, TimerSetTimeFlags::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test of the clock's own edge needs a zero")]
    fn clock() -> Clock {
        Clock::new(std::time::Instant::now())
    }

    #[tokio::test]
    async fn it_never_wakes_early_and_can_be_armed_again() {
        let clock = clock();
        let mut timer = Timer::new(clock).unwrap();
        for moment in [2_000_000, 2_300_000, 9_000_000, 5_000_000] {
            timer.until(moment).await.unwrap();
            assert!(clock.now() >= moment);
        }
    }

    #[tokio::test]
    async fn a_wait_that_was_dropped_is_taken_up_again() {
        let clock = clock();
        let mut timer = Timer::new(clock).unwrap();
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = timer.until(50_000_000) => {}
                () = tokio::task::yield_now() => {}
            }
        }
        timer.until(1_000_000).await.unwrap();
        assert!(clock.now() >= 1_000_000);
        timer.until(50_000_000).await.unwrap();
        assert!(clock.now() >= 50_000_000);
    }
}
