//! A load from its start to its end: one thread, its handle, and the word it leaves.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{Builder, JoinHandle};

use nix::time::{ClockId, clock_gettime};
use shakedown_reports::journal::Window;
use shakedown_scenarios::seed::{Chance, Streams};
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, Workload};
use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::arrivals::DueTimes;
use crate::clock::Clock;
use crate::common::{Common, Start, check};
use crate::history::HistoryEnd;
use crate::lane::Lane;
use crate::mix::Mix;
use crate::outbox::Outbox;
use crate::pacer::{Ending, Pacer};
use crate::recorder::Recorder;
use crate::rows::Rows;
use crate::shared::Shared;
use crate::timer::Timer;
use crate::users::Users;
use crate::wish::{Stopper, Wishes, wishes};

/// A load that runs. Dropping it aborts the load.
#[derive(Debug)]
#[must_use = "a load that is dropped is aborted"]
pub struct Load {
    stopper: Stopper,
    end: Option<oneshot::Receiver<LoadEnd>>,
    thread: Option<JoinHandle<()>>,
}

/// How a load ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadEnd {
    /// Why it ended.
    pub ending: Ending,
    /// Windows that nobody read in time. Each is a second that the journal lacks.
    pub windows_lost: u64,
    /// Right answers that took longer than an hour and are counted as an hour.
    pub clamped: u64,
    /// CPU time that the load's thread used.
    pub cpu: Span,
    /// How the history of its operations ended, if one was kept.
    pub history: Option<HistoryEnd>,
}

/// Starts the load of a client; see [`start`](fn@crate::start).
pub(crate) fn launch<C: Lane + Send>(
    start: Start,
    client: C,
    common: Common,
    windows: mpsc::Sender<Window>,
) -> io::Result<Load> {
    check(&start, &common)?;
    let (stopper, wishes) = wishes();
    let (end_sender, end) = oneshot::channel();
    let (ready_sender, ready) = std::sync::mpsc::sync_channel(1);
    let thread = Builder::new().name(thread_name(&start.name)).spawn(move || {
        let setup = set_up(&start);
        let (runtime, timer) = match setup {
            Ok(setup) => {
                // Whoever waits for this word waits in `launch`.
                let _ = ready_sender.send(Ok(()));
                setup
            }
            Err(error) => {
                let _ = ready_sender.send(Err(error));
                return;
            }
        };
        // As a task like the connections', so that the pacer comes in turn with them.
        let load = run(start, client, common, timer, Outbox::new(windows), wishes);
        let run = || match runtime.block_on(async { spawn_local(load).await }) {
            Ok(end) => end,
            Err(error) => resume_unwind(error.into_panic()),
        };
        let end = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| LoadEnd {
            ending: Ending::Failed { why: format!("the load panicked: {}", panic_text(panic.as_ref())) },
            windows_lost: 0,
            clamped: 0,
            cpu: thread_cpu(),
            history: None,
        });
        drop(runtime);
        // Nobody may be waiting any more.
        let _ = end_sender.send(end);
    })?;
    ready.recv().map_err(|_| io::Error::other("the load's thread ended before it began"))??;
    Ok(Load { stopper, end: Some(end), thread: Some(thread) })
}

fn set_up(start: &Start) -> io::Result<(LocalRuntime, Timer)> {
    crate::slice::ask_for_short_slices();
    crate::slice::ask_for_exact_sleep();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // Between two looks at the timer and the sockets lie at most this many polls of connections, each with a read and a
    // write: the default of 61 lets a busy load be half a millisecond late.
    builder.enable_all().event_interval(POLLS_BETWEEN_LOOKS);
    let runtime = builder.build_local(LocalOptions::default())?;
    let timer = runtime.block_on(async { Timer::new(Clock::new(start.start)) })?;
    Ok((runtime, timer))
}

const POLLS_BETWEEN_LOOKS: u32 = 8;

async fn run<C: Lane>(
    start: Start,
    client: C,
    common: Common,
    timer: Timer,
    outbox: Outbox,
    wishes: Wishes,
) -> LoadEnd {
    let streams = Streams::new(start.seed);
    let arrivals = start.workload.arrivals();
    let dues = DueTimes::new(arrivals, streams.arrivals(&start.name), start.duration);
    let kinds: Vec<_> = common.kinds.iter().map(|kind| (kind.weight, kind.keys)).collect();
    let names: Vec<String> = common.kinds.into_iter().map(|kind| kind.name).collect();
    let mix = Mix::new(kinds, streams.requests(&start.name));
    let rows = |data| Rows::new(data, streams.stream(&format!("rows/{}", start.name)));
    let mix = mix.with_rows(start.workload.data().map(rows));
    let mix = if matches!(start.workload, Workload::Malformed(_)) { mix.in_turn() } else { mix };
    let users = users(arrivals, streams.arrivals(&start.name));
    let peak = crate::arrivals::peak(arrivals);
    let shared = Shared::new(
        Clock::new(start.start),
        client,
        start.address,
        (common.timeout.duration(), start.workload.habits(), common.tls),
        Recorder::new(&start.name, &names),
        (mix, users),
        (common.seats.max(1), peak),
    );
    let pacer = Pacer::new(shared.clone(), dues, start.duration.as_nanos(), timer, outbox);
    let (ending, windows_lost) = pacer.run(wishes).await;
    let clamped = shared.recorder.borrow().clamped();
    let history = shared.client.finish();
    LoadEnd { ending, windows_lost, clamped, cpu: thread_cpu(), history }
}

fn users(arrivals: &Arrivals, chance: Chance) -> Option<Users> {
    match arrivals {
        Arrivals::Closed { users, think } => Some(Users::new(*users as usize, *think, chance)),
        _ => None,
    }
}

/// CPU time of the calling thread; zero where the system does not tell.
fn thread_cpu() -> Span {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(Span::ZERO, |time| std::time::Duration::from(time).into())
}

/// Linux shows 15 bytes of a thread's name.
fn thread_name(workload: &str) -> String {
    let safe = |letter: char| if letter.is_control() { '_' } else { letter };
    format!("load/{}", workload.chars().map(safe).take(10).collect::<String>())
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

// === impl Load ===

impl Load {
    /// No new arrivals from now on. What waits is still sent for the length of one timeout, what is in flight comes to
    /// its end, then the last windows are sent. A load that is stopped or aborted already stays as it is.
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// Ends the load now. What is in flight or waits is given up, and counts as backlog of the last window.
    pub fn abort(&self) {
        self.stopper.abort();
    }

    /// A handle that can end the load while another task waits for it in [`Load::join`].
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits for the load's end.
    pub async fn join(mut self) -> LoadEnd {
        let silent = || LoadEnd {
            ending: Ending::Failed { why: "the load's thread ended without a word".to_owned() },
            windows_lost: 0,
            clamped: 0,
            cpu: Span::ZERO,
            history: None,
        };
        let end = match self.end.take() {
            Some(end) => end.await.unwrap_or_else(|_| silent()),
            None => silent(),
        };
        if let Some(thread) = self.thread.take() {
            // Its word was its last act: this waits for a thread that is about to be gone. A panic was told by it.
            let _ = thread.join();
        }
        end
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use shakedown_scenarios::units::Rate;
    use shakedown_scenarios::workload::{Destination, Habits, TcpWorkload};

    use super::*;
    use crate::client::{Client, ErrorClass, Reading};
    use crate::common::Kind;
    use crate::mix::Ask;

    /// A client with a mistake in it.
    struct Panicking;

    impl Client for Panicking {
        type Answer = ();

        fn answer(&self) {}

        fn has_key(&self, _: usize) -> bool {
            false
        }

        fn ask(&self, ask: &Ask, (): &mut (), _: &mut Vec<u8>) {
            panic!("request of kind {} is not to my taste", ask.kind);
        }

        fn whole_at_once(&self, (): &()) -> bool {
            true
        }

        fn read(&self, (): &mut (), _: &[u8], _: &mut Vec<u8>) -> Reading {
            Reading::More
        }

        fn closed(&self, (): &mut ()) -> Result<(), ErrorClass> {
            Ok(())
        }

        fn unasked(&self, (): &mut (), _: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
            false
        }
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a load starts at a real moment")]
    async fn a_panic_in_the_load_is_caught_and_told_and_the_windows_are_sent() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpWorkload {
            to: Destination::Target("shop".to_owned()),
            arrivals: Arrivals::Constant(Rate::per_second(10.0).unwrap()),
            timeout: Span::secs(1),
            connections: 1,
            habits: Habits::default(),
            tls: None,
            exchanges: Vec::new(),
        };
        let start = Start {
            name: "panicking".to_owned(),
            workload: Workload::Tcp(tcp),
            address: listener.local_addr().unwrap(),
            host: String::new(),
            seed: 1,
            start: Instant::now(),
            duration: Span::secs(60),
            history: None,
        };
        let common = Common {
            timeout: Span::secs(1),
            tls: None,
            connections: 1,
            seats: 1,
            kinds: vec![Kind { weight: 1, keys: None, name: String::new() }],
        };
        let (sender, mut windows) = mpsc::channel(10);
        let end = launch(start, Panicking, common, sender).unwrap().join().await;
        let why = "a connection's task panicked: request of kind 0 is not to my taste".to_owned();
        assert_eq!(end.ending, Ending::Failed { why });
        assert!(windows.recv().await.is_some_and(|window| window.due >= 1 && window.backlog >= 1));
    }

    #[test]
    fn a_threads_name_shows_the_workload() {
        assert_eq!(thread_name("browse"), "load/browse");
        assert_eq!(thread_name("a very long one\0"), "load/a very lon");
    }
}
