//! Threads that keep cores busy.

use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use nix::time::{ClockId, clock_gettime};
use shakedown_scenarios::units::Span;

use super::duty::{Duty, SLICE, Step};
use crate::clock::Clock;

/// Busy threads, until this is dropped.
#[derive(Debug)]
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    stop: AtomicBool,
    /// CPU time that each worker has had, nanoseconds.
    burned: Vec<AtomicU64>,
}

/// What one worker computes between two looks at its clock: some ten microseconds.
const ROUNDS: u64 = 10_000;

// === impl Workers ===

impl Workers {
    pub(super) fn start(workers: u32, load: f64) -> io::Result<Self> {
        let burned = (0..workers).map(|_| AtomicU64::new(0)).collect();
        let shared = Arc::new(Shared { clock: Clock::start(), stop: AtomicBool::new(false), burned });
        let mut started = Self { shared, threads: Vec::new() };
        for index in 0..workers as usize {
            let shared = Arc::clone(&started.shared);
            let builder = thread::Builder::new().name(format!("worker {index}")).stack_size(64 << 10);
            started.threads.push(builder.spawn(move || work(&shared, index, Duty::new(load)))?);
        }
        Ok(started)
    }

    /// Time since the start, and the CPU time that all workers had in it.
    pub(super) fn burned(&self) -> (Span, Span) {
        let nanos = self.shared.burned.iter().map(|worker| worker.load(Relaxed)).sum();
        (self.shared.clock.now(), Span::nanos(nanos))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared, index: usize, mut duty: Duty) {
    while !shared.stop.load(Relaxed) {
        let had = own_cpu_time();
        shared.burned[index].store(had.as_nanos(), Relaxed);
        let passed = shared.clock.now();
        match duty.step(passed, had) {
            Step::Work { until } => burn(shared, until, passed.plus(SLICE)),
            Step::Rest { until } => thread::park_timeout(until.minus(shared.clock.now()).duration()),
        }
    }
    shared.burned[index].store(own_cpu_time().as_nanos(), Relaxed);
}

/// Computes until the thread has had so much CPU time, or this moment has come.
fn burn(shared: &Shared, until: Span, look_up: Span) {
    while own_cpu_time() < until && shared.clock.now() < look_up && !shared.stop.load(Relaxed) {
        let mixed = (0..ROUNDS).fold(1u64, |mixed, round| black_box(mixed.rotate_left(5) ^ round));
        black_box(mixed);
    }
}

/// CPU time of the calling thread; zero where the system does not tell, and then the worker never rests.
fn own_cpu_time() -> Span {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map_or(Span::ZERO, |time| Span::from(std::time::Duration::from(time)))
}
