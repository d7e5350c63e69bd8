//! The injector's own process: it presses until the first of many reasons to stop.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use shakedown_scenarios::units::{Size, Span};

use super::cpu::Workers;
use super::memory::Memory;
use super::room::{mebibytes, room};
use super::{PressureError, Report, Spec};
use crate::clock::{Clock, poll_timeout};

/// How often it looks whether to go on, and tells what it did.
const LOOK_EVERY: Span = Span::millis(100);

/// How often a ramp takes a little more.
const GROW_EVERY: Span = Span::millis(10);

/// What the parent writes when the injection is in the ledger.
pub(super) const PRESS: u8 = b'p';

/// What presses.
enum Load {
    Cpu(Workers),
    Memory { memory: Memory, asked: u64, keep_available: Option<Size>, next_look: Span },
}

/// The ends of the world: standard input closes, a signal comes.
struct Ends {
    signals: SignalFd,
}

/// Why to stop waiting.
enum Woken {
    /// The time is over.
    Time,
    /// There is a byte on the standard input.
    Told,
    /// The parent is gone or wants an end.
    End,
}

/// What the hidden subcommand `shakedown injector` does. It returns when the pressure is off again.
///
/// It must be called before other threads are started, since it blocks signals for those that it starts.
///
/// # Errors
/// If the pressure could not be made, or had to be taken off early.
pub fn run(spec: &Spec) -> Result<(), PressureError> {
    spec.check()?;
    let ends = Ends::prepare()?;
    if !ends.wait_for_the_word()? {
        return Ok(());
    }
    let load = match Load::start(spec) {
        Err(PressureError::Refused(why)) => {
            tell(&Report::Refused { why: why.clone() });
            return Err(PressureError::Refused(why));
        }
        other => other?,
    };
    tell(&Report::Pressing);
    press(load, &ends, spec.deadline())
}

fn press(mut load: Load, ends: &Ends, deadline: Span) -> Result<(), PressureError> {
    let clock = Clock::start();
    let mut next_report = Span::ZERO;
    loop {
        let now = clock.now();
        let pause = load.go_on(now)?;
        if now >= next_report || now >= deadline {
            load.tell()?;
            next_report = now.plus(LOOK_EVERY);
        }
        if now >= deadline {
            return Ok(());
        }
        let left = deadline.minus(clock.now());
        if matches!(ends.wait(Some(pause.min(left)))?, Woken::End) {
            // What was done since the last line counts too.
            return load.tell();
        }
    }
}

// === impl Load ===

impl Load {
    fn start(spec: &Spec) -> Result<Self, PressureError> {
        match spec {
            Spec::Cpu { workers, load, .. } => {
                let workers = Workers::start(*workers, load.value());
                Ok(Self::Cpu(workers.map_err(system("start a worker"))?))
            }
            Spec::Memory { amount, ramp, keep_available, .. } => {
                let room = room().map_err(system("tell how much memory is available"))?;
                let asked = room.resolve(*amount);
                if let Some(why) = room.refusal(asked, *keep_available) {
                    return Err(PressureError::Refused(why));
                }
                let memory = Memory::reserve(asked, *ramp).map_err(system("reserve memory"))?;
                Ok(Self::Memory { memory, asked, keep_available: *keep_available, next_look: Span::ZERO })
            }
        }
    }

    /// Presses on; how long to wait before the next time.
    fn go_on(&mut self, now: Span) -> Result<Span, PressureError> {
        let Self::Memory { memory, keep_available, next_look, .. } = self else { return Ok(LOOK_EVERY) };
        let growing = memory.grow(now);
        if growing || now >= *next_look {
            *next_look = now.plus(LOOK_EVERY);
            give_back_if_short(*keep_available)?;
        }
        Ok(if growing { Span::ZERO } else { GROW_EVERY })
    }

    fn tell(&self) -> Result<(), PressureError> {
        tell(&match self {
            Self::Cpu(workers) => {
                let (passed, burned) = workers.burned();
                Report::Cpu { passed, burned }
            }
            Self::Memory { memory, asked, .. } => {
                let resident = memory.resident().map_err(system("tell how much memory is resident"))?;
                Report::Memory { asked: *asked, resident }
            }
        });
        Ok(())
    }
}

/// Others may take memory while we hold ours: what must stay available goes first.
fn give_back_if_short(keep_available: Option<Size>) -> Result<(), PressureError> {
    let room = room().map_err(system("tell how much memory is available"))?;
    let floor = room.floor(keep_available);
    if room.available >= floor {
        return Ok(());
    }
    let why = format!(
        "gave all of it back: {} were left available, and {} must be",
        mebibytes(room.available),
        mebibytes(floor)
    );
    tell(&Report::GaveBack { why: why.clone() });
    Err(PressureError::GaveBack(why))
}

// === impl Ends ===

impl Ends {
    /// Makes sure that we end with our parent and on signals, and go first if memory runs out.
    fn prepare() -> Result<Self, PressureError> {
        set_pdeathsig(Signal::SIGKILL).map_err(|error| system("be ended with the parent")(error.into()))?;
        // Best effort: where it does not work, the kernel chooses as it always does.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
        let mask: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
        let prepared = mask.thread_block().and_then(|()| SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC));
        Ok(Self { signals: prepared.map_err(|error| system("watch for signals")(error.into()))? })
    }

    /// Whether the parent said to press, rather than to end.
    fn wait_for_the_word(&self) -> Result<bool, PressureError> {
        Ok(matches!(self.wait(None)?, Woken::Told))
    }

    fn wait(&self, longest: Option<Span>) -> Result<Woken, PressureError> {
        let stdin = io::stdin();
        let mut fds = [
            PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        let timeout = longest.map_or(PollTimeout::NONE, poll_timeout);
        match poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(Woken::Time),
            Ok(_) => {}
            Err(error) => return Err(system("wait")(error.into())),
        }
        if fds[1].any().unwrap_or(false) {
            return Ok(Woken::End);
        }
        let mut word = [0];
        match stdin.lock().read(&mut word) {
            Ok(1) if word == [PRESS] => Ok(Woken::Told),
            Ok(1..) => Ok(Woken::Time),
            Ok(0) | Err(_) => Ok(Woken::End),
        }
    }
}

/// Writes a line, or not at all where the parent does not read: a stopped harness must not hold up our deadline.
fn tell(report: &Report) {
    let Ok(mut line) = serde_json::to_vec(report) else { return };
    line.push(b'\n');
    let mut stdout = io::stdout();
    let writable = {
        let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
        // A pipe says that it can be written only if a whole page fits, and a line is far shorter.
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
    };
    if writable {
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
    }
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> PressureError {
    move |source| PressureError::System { what, source }
}
