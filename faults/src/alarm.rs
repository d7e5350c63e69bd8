//! Deadlines finer than the runtime's.
//!
//! Tokio's timer wheel turns once a millisecond, which is too coarse for a toxic that delays by one. This one sets a
//! single timerfd to the earliest of all deadlines of a proxy; the kernel's high-resolution timer wakes us, typically
//! within a tenth of a millisecond.
//!
//! ```
//! use shakedown_faults::alarm::{Alarm, Clock};
//! use shakedown_scenarios::units::Span;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
//! let clock = Clock::start();
//! let alarm = Alarm::start(clock)?;
//! let deadline = clock.now().plus(Span::micros(300));
//! alarm.until(deadline).await;
//! assert!(clock.now() >= deadline);
//! # Ok::<(), std::io::Error>(())
//! # })?;
//! # Ok::<(), std::io::Error>(())
//! ```

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use shakedown_scenarios::units::Span;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

pub use crate::clock::Clock;

/// Wakes tasks at moments of one clock. Dropping it leaves whoever still waits asleep.
#[derive(Debug)]
pub struct Alarm {
    shared: Arc<Shared>,
    driver: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    timer: AsyncFd<Timer>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next_key: u64,
    sleepers: BTreeMap<(Span, u64), Waker>,
}

/// Completes at its deadline, and not before.
#[derive(Debug)]
#[must_use = "it does nothing unless awaited"]
pub struct Until {
    shared: Arc<Shared>,
    deadline: Span,
    key: Option<u64>,
}

#[derive(Debug)]
struct Timer(TimerFd);

// === impl Alarm ===

impl Alarm {
    /// Starts the one task that waits for the timer. It must be called within a runtime that has IO enabled.
    ///
    /// # Errors
    /// If the kernel has no timer to give.
    pub fn start(clock: Clock) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Timer(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
        // SAFETY: the descriptor is owned by the timer, which the `AsyncFd` owns and never gives away: it stays open,
        // and the same, until after it is deregistered.
        let timer = unsafe { AsyncFd::register(timer) }?;
        let shared = Arc::new(Shared { clock, timer, waiting: Mutex::default() });
        let driver = tokio::spawn(drive(Arc::clone(&shared))).abort_handle();
        Ok(Self { shared, driver })
    }

    /// Waits until a moment of its clock.
    pub fn until(&self, deadline: Span) -> Until {
        Until { shared: Arc::clone(&self.shared), deadline, key: None }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn drive(shared: Arc<Shared>) {
    loop {
        let Ok(mut ready) = shared.timer.readable().await else { return };
        let mut count = [0; 8];
        // What is read is how often the timer ran out, which nobody asks for; reading is what stops it from ringing.
        let _ = ready.try_io(|timer| Ok(nix::unistd::read(timer.get_ref().0.as_fd(), &mut count)?));
        shared.ring();
    }
}

// === impl Shared ===

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it is held; if something did, the map would still be whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all whose moment has come, and sets the timer to the next.
    fn ring(&self) {
        let mut waiting = self.waiting();
        let later = waiting.sleepers.split_off(&(self.clock.now(), u64::MAX));
        let due = std::mem::replace(&mut waiting.sleepers, later);
        self.set(&waiting);
        drop(waiting);
        due.into_values().for_each(Waker::wake);
    }

    fn set(&self, waiting: &Waiting) {
        let Some((deadline, _)) = waiting.sleepers.keys().next() else { return };
        // Zero would switch the timer off; a nanosecond is as good as now.
        let left = deadline.minus(self.clock.now()).max(Span::nanos(1)).duration();
        let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
        // It fails for wrong descriptors and times out of range only, and neither can be.
        let _ = self.timer.get_ref().0.set(expiration, TimerSetTimeFlags::empty());
    }
}

// === impl Until ===

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.shared.clock.now() >= this.deadline {
            return Poll::Ready(());
        }
        let mut waiting = this.shared.waiting();
        let key = *this.key.get_or_insert_with(|| {
            waiting.next_key += 1;
            waiting.next_key
        });
        waiting.sleepers.insert((this.deadline, key), context.waker().clone());
        if waiting.sleepers.keys().next() == Some(&(this.deadline, key)) {
            this.shared.set(&waiting);
        }
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        self.shared.waiting().sleepers.remove(&(self.deadline, key));
    }
}

// === impl Timer ===

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_woken_early_and_everybody_is_woken() {
        let clock = Clock::start();
        let alarm = Arc::new(Alarm::start(clock).unwrap());
        let spans = [0, 300, 50, 2_000, 50, 10_000, 1];
        let sleepers = spans.map(|micros| {
            let alarm = Arc::clone(&alarm);
            tokio::spawn(async move {
                let deadline = clock.now().plus(Span::micros(micros));
                alarm.until(deadline).await;
                clock.now() >= deadline
            })
        });
        for sleeper in sleepers {
            assert!(sleeper.await.unwrap());
        }
    }

    #[tokio::test]
    async fn whoever_stops_waiting_leaves_nothing_behind() {
        let clock = Clock::start();
        let alarm = Alarm::start(clock).unwrap();
        let far = alarm.until(clock.now().plus(Span::secs(3_600)));
        tokio::select! {
            biased;
            () = far => unreachable!("an hour has not passed"),
            () = alarm.until(clock.now().plus(Span::micros(10))) => {}
        }
        assert!(alarm.shared.waiting().sleepers.is_empty());
    }
}
