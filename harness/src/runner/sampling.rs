//! The sampling thread: reading `/proc` takes milliseconds of plain system calls, which would hold up the runtime.
//!
//! It samples once a second until its handle is dropped. Moments are put in by the runner.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use shakedown_reports::journal::{HostSample, Sample};
use shakedown_scenarios::units::Span;
use tokio::sync::mpsc;

use super::Happening;
use crate::clock::Clock;
use crate::sampler::Sampler;
use crate::targets::Targets;
use crate::targets::start::target_marker;

/// One hertz: fine enough to see a fault of a few seconds, and cheap enough for days.
const EVERY: Span = Span::secs(1);

/// How often freed memory is given back to the system, in samples.
const TRIM_EVERY: u32 = 5;

/// Samples while it lives.
#[derive(Debug)]
pub struct Sampling {
    _stop: Sender<()>,
}

impl Sampling {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        run: &str,
        targets: Arc<Targets>,
        happenings: mpsc::Sender<Happening>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let run = run.to_owned();
        thread::Builder::new()
            .name("sampler".to_owned())
            .spawn(move || sample_on(&run, &targets, &stopped, &happenings))?;
        Ok(Self { _stop: stop })
    }
}

fn sample_on(run: &str, targets: &Targets, stopped: &Receiver<()>, happenings: &mpsc::Sender<Happening>) {
    let clock = Clock::start();
    let mut sampler = Sampler::new();
    for number in 0u32.. {
        // Ticks keep to their grid; those that a busy machine made us miss are left out, not made up for.
        let until_next = EVERY.as_nanos() - clock.now().as_nanos() % EVERY.as_nanos();
        match stopped.recv_timeout(Span::nanos(until_next).duration()) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        if number.is_multiple_of(TRIM_EVERY) {
            give_back();
        }
        let happening = match sample(run, targets, &mut sampler) {
            Ok((samples, host)) => Happening::Samples(samples, host),
            Err(error) => Happening::Unsampled(error.to_string()),
        };
        if happenings.blocking_send(happening).is_err() {
            return;
        }
    }
}

/// A fault can hold hundreds of connections for a while. The allocator would keep their memory for ever, spread over the
/// arenas of all threads, and the harness would look as if it leaked.
fn give_back() {
    // SAFETY: `malloc_trim` takes no pointer, and locks each arena itself; other threads may allocate meanwhile.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

fn sample(run: &str, targets: &Targets, sampler: &mut Sampler) -> std::io::Result<(Vec<Sample>, HostSample)> {
    let mut tick = sampler.scan()?;
    let mut samples = vec![sampler.sample_harness(&mut tick, 0)];
    for (name, identity) in targets.roots() {
        let roots: Vec<i32> = identity.map(|identity| identity.pid).into_iter().collect();
        let marker = target_marker(run, &name);
        samples.push(sampler.sample(&mut tick, &name, &roots, Some(&marker), 0));
    }
    Ok((samples, sampler.host_sample(0)?))
}
