//! Starting a guardian, and talking to it.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{SigHandler, Signal, signal};
use shakedown_scenarios::units::Span;

use super::READY;
use super::watch::Word;
use crate::clock::{Clock, pause, poll_timeout};
use crate::ledger::{EntryId, LedgerError};
use crate::process::{self, Identity};

/// The harness's side of a guardian. When this is dropped, or the harness ends in any other way, the guardian undoes
/// what is open in the ledger.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    pipe: Option<ChildStdin>,
    identity: Identity,
}

/// Why a guardian could not be started or did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum GuardianError {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The pipe between harness and guardian does not work.
    #[error("the pipe between harness and guardian failed")]
    Pipe(#[source] io::Error),
    /// Entries could not be undone.
    #[error("{0} entries of the ledger could not be undone; guardian.log beside it says why")]
    Left(usize),
    /// The ledger was changed by something else.
    #[error("lines {0:?} of the ledger are damaged, so what they say could not be undone")]
    Damaged(Vec<usize>),
}

/// A process is started and has read a ledger in far less.
const READY_WITHIN: Span = Span::secs(10);

/// How long `finish` waits for it to end.
const END_WITHIN: Span = Span::secs(5);

// === impl Guardian ===

impl Guardian {
    /// Starts `program guardian LEDGER`, and waits until it says that it watches.
    ///
    /// # Errors
    /// If it cannot be started, or does not say so within ten seconds.
    pub fn start(program: &Path, ledger: &Path) -> io::Result<Self> {
        Self::start_with(program, &[OsStr::new("guardian"), ledger.as_os_str()])
    }

    fn start_with(program: &Path, arguments: &[&OsStr]) -> io::Result<Self> {
        let mut command = Command::new(program);
        // It holds no folder, no terminal and no variable of ours: neither a busy mount nor the marker of some run may
        // depend on it.
        // Somebody who looks for processes of a run takes one without any variable for one that is being born.
        command.args(arguments).current_dir("/").env_clear().env("SHAKEDOWN_GUARDIAN", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // SAFETY: `detach` makes system calls only; it neither allocates nor takes locks, as is asked between fork and
        // exec.
        unsafe { command.pre_exec(detach) };
        let mut child = command.spawn()?;
        let (pipe, said) = (child.stdin.take(), child.stdout.take());
        let ready = await_ready(said).and_then(|()| set_nonblocking(pipe.as_ref()));
        let pid = i32::try_from(child.id()).unwrap_or(0);
        let identity = ready.and_then(|()| process::identify(pid).map_err(io::Error::other));
        match identity {
            Ok(identity) => Ok(Self { child, pipe, identity }),
            Err(error) => {
                drop(pipe);
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Who it is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Tells that an injection is open and will be closed within a time. It never waits.
    ///
    /// # Errors
    /// If the guardian does not listen; then nothing more must be injected.
    pub fn opened(&mut self, id: EntryId, within: Span) -> io::Result<()> {
        self.tell(Word::Opened { id, within })
    }

    /// Tells that an injection is closed. It never waits.
    ///
    /// # Errors
    /// If the guardian does not listen; then nothing more must be injected.
    pub fn closed(&mut self, id: EntryId) -> io::Result<()> {
        self.tell(Word::Closed { id })
    }

    /// Whether it watches: it lives and is not stopped. A run whose guardian does not must not inject anything.
    pub fn alive(&mut self) -> bool {
        let ended = self.child.try_wait().map_or(true, |status| status.is_some());
        !ended && !matches!(process::state(&self.identity), None | Some('T' | 't'))
    }

    /// Lets it go, and waits until it has ended (for five seconds at the most). What is still open in the ledger is
    /// undone by it.
    ///
    /// # Errors
    /// If it did not end in time, or said that something could not be undone.
    pub fn finish(mut self) -> io::Result<()> {
        self.pipe = None;
        let clock = Clock::start();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(io::Error::other(format!("the guardian ended with {status}"))),
                None if clock.now() > END_WITHIN => return Err(io::ErrorKind::TimedOut.into()),
                None => pause(Span::millis(1)),
            }
        }
    }

    fn tell(&mut self, word: Word) -> io::Result<()> {
        let pipe = self.pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        // Far below PIPE_BUF, so it is written whole or not at all.
        pipe.write_all(word.to_string().as_bytes())
    }
}

/// Between fork and exec: a session of its own, so that no terminal reaches it; signals that end a run are ignored; and
/// no descriptor but the standard ones stays open after exec.
fn detach() -> io::Result<()> {
    nix::unistd::setsid()?;
    for ignored in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGPIPE] {
        // SAFETY: ignoring a signal runs no code of ours when it comes.
        unsafe { signal(ignored, SigHandler::SigIgn) }?;
    }
    let flags = libc::c_int::try_from(libc::CLOSE_RANGE_CLOEXEC).unwrap_or(0);
    // SAFETY: it closes nothing now, it only marks what exec is to close.
    let marked = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, flags) };
    // Kernels before 5.11 cannot; what Rust opened is marked there all the same.
    match (marked, nix::errno::Errno::last()) {
        (0, _) | (_, nix::errno::Errno::ENOSYS | nix::errno::Errno::EINVAL) => Ok(()),
        (_, error) => Err(error.into()),
    }
}

fn await_ready(said: Option<ChildStdout>) -> io::Result<()> {
    let mut said = said.ok_or(io::ErrorKind::BrokenPipe)?;
    let clock = Clock::start();
    let mut heard = Vec::new();
    while heard != READY {
        let left = READY_WITHIN.minus(clock.now());
        let ready = poll(&mut [PollFd::new(said.as_fd(), PollFlags::POLLIN)], poll_timeout(left))?;
        let mut byte = [0];
        if ready == 0 || left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the guardian did not say that it is ready"));
        }
        if said.read(&mut byte)? == 0 {
            return Err(io::Error::other("the guardian ended before it was ready"));
        }
        heard.push(byte[0]);
        if !READY.starts_with(&heard) {
            return Err(io::Error::other("the guardian said something else than that it is ready"));
        }
    }
    Ok(())
}

/// A guardian that was stopped must not stop us too.
fn set_nonblocking(pipe: Option<&ChildStdin>) -> io::Result<()> {
    let fd: OwnedFd = pipe.ok_or(io::ErrorKind::BrokenPipe)?.as_fd().try_clone_to_owned()?;
    fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}
