//! The guardian: a process that undoes everything if the harness cannot.
//!
//! It lives in a session of its own, ignores the signals that end a run, and holds one end of a pipe. When the other end
//! closes, for whatever reason, it reads the ledger and undoes what is open, the newest first. While the harness lives
//! it holds the deadlines: what is still open a moment after its own is undone too, since a harness that was stopped or
//! hangs heals nothing.
//!
//! What it does not know: whether it was right to inject anything. It only ever takes back.

mod log;
mod spawn;
mod watch;

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use shakedown_scenarios::units::Span;

use crate::clock::{Clock, pause, poll_timeout};
use crate::ledger::{Entry, EntryId, Orphan, Reading};
use crate::process;
use crate::undo::{Outcome, undo};
use log::Log;
pub use spawn::{Guardian, GuardianError};
use watch::{Watch, Word};

/// What `guardian::run` says on its standard output when it is ready.
const READY: &[u8] = b"ready\n";

/// What could not be undone is tried again after this…
const TRY_AGAIN_AFTER: Span = Span::millis(200);

/// …for so long; then it is left to `shakedown recover` and to people.
const GIVE_UP_AFTER: Span = Span::secs(30);

/// How long after the harness's end the pipe may stay open. A child that it was just starting holds it until it runs its
/// own program, and only then can be recognised; anything that holds it longer is not waited for.
const STARTING_WITHIN: Span = Span::millis(500);

/// A guardian at work.
struct Keeper<R> {
    ledger: Orphan,
    pipe: R,
    /// Readable when the harness has ended, even if somebody else should hold the pipe open.
    harness: Option<OwnedFd>,
    /// When the pipe is waited for no longer, once the harness has ended.
    give_up_at: Option<Span>,
    heard: Vec<u8>,
    watch: Watch,
    clock: Clock,
    log: Log,
}

/// What the hidden subcommand `shakedown guardian LEDGER` does with its standard input. It returns when the harness has
/// ended and all is undone, or has been tried for 30 s.
///
/// # Errors
/// If the ledger cannot be read or something could not be undone; it stays in the registry then.
pub fn run<R: Read + AsFd>(ledger: &Path, pipe: R) -> Result<(), GuardianError> {
    let mut orphan = Orphan::open(ledger, "guardian")?;
    let owner = orphan.read()?.head.owner;
    let harness = process::watch_end(&owner).ok().flatten();
    let log = Log::beside(ledger);
    let clock = Clock::start();
    let (heard, watch) = (Vec::new(), Watch::default());
    let mut keeper = Keeper { ledger: orphan, pipe, harness, give_up_at: None, heard, watch, clock, log };
    io::Write::write_all(&mut io::stdout(), READY).map_err(GuardianError::Pipe)?;
    io::Write::flush(&mut io::stdout()).map_err(GuardianError::Pipe)?;
    // Whatever keeps it from watching, what is open is taken back.
    let watched = keeper.watch_over();
    keeper.take_back().and(watched)
}

// === impl Keeper ===

impl<R: Read + AsFd> Keeper<R> {
    /// Returns when the harness has ended.
    fn watch_over(&mut self) -> Result<(), GuardianError> {
        loop {
            let ended = self.listen()?;
            let overdue = self.watch.overdue(self.clock.now());
            if !overdue.is_empty() {
                self.undo_overdue(&overdue);
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Waits for a word, a deadline or the end of the harness, and says whether it is that.
    fn listen(&mut self) -> Result<bool, GuardianError> {
        let now = self.clock.now();
        let next = [self.watch.next(), self.give_up_at].into_iter().flatten().min();
        let timeout = next.map_or(PollTimeout::NONE, |at| poll_timeout(at.minus(now)));
        let mut fds = vec![PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.harness.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(GuardianError::Pipe(error.into())),
        }
        let told = fds[0].any().unwrap_or(false);
        let gone = fds.get(1).and_then(PollFd::any).unwrap_or(false);
        drop(fds);
        if gone {
            self.harness = None;
            self.give_up_at = Some(self.clock.now().plus(STARTING_WITHIN));
        }
        let given_up = self.give_up_at.is_some_and(|at| at <= self.clock.now());
        Ok((told && !self.hear()) || given_up)
    }

    /// Takes in what the pipe holds; `false` if it is closed.
    fn hear(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let count = match self.pipe.read(&mut buffer) {
            Ok(count) => count,
            Err(error) => return error.kind() == io::ErrorKind::Interrupted,
        };
        self.heard.extend(&buffer[..count]);
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            match Word::parse(&line) {
                Some(word) => self.watch.hear(word, self.clock.now()),
                None => self.log.say("a line on the pipe says nothing that is known"),
            }
        }
        count > 0
    }

    /// Undoes what the harness should have undone by now.
    fn undo_overdue(&mut self, overdue: &[EntryId]) {
        let reading = match self.ledger.read() {
            Ok(reading) => reading,
            Err(error) => return self.log.say(&format!("cannot read the ledger: {error}")),
        };
        let late: Vec<&Entry> = reading.to_take_back().filter(|entry| overdue.contains(&entry.id)).collect();
        for entry in late {
            if entry.closed_by.is_none() {
                self.log.say(&format!("entry {} is overdue: the harness hangs or was stopped", entry.id));
                let _ = self.undo_entry(entry);
            } else if let outcome @ (Outcome::Undone(_) | Outcome::Failed(_)) = undo(&entry.undo) {
                self.log.say(&format!("entry {} was injected after its time: {outcome}", entry.id));
            }
            // A harness that stood still before its injection injects when it goes on: it is watched until it says itself that
            // this is over.
            self.watch.hear(Word::Opened { id: entry.id, within: Span::ZERO }, self.clock.now());
        }
    }

    /// The harness is gone: undoes all that is open.
    fn take_back(&mut self) -> Result<(), GuardianError> {
        let give_up = self.clock.now().plus(GIVE_UP_AFTER);
        loop {
            let reading = self.ledger.read()?;
            let left = self.undo_open(&reading);
            if left == 0 {
                return self.finish(&reading);
            }
            if self.clock.now() > give_up {
                self.log.say(&format!("{left} entries could not be undone; `shakedown recover` may"));
                return Err(GuardianError::Left(left));
            }
            pause(TRY_AGAIN_AFTER);
        }
    }

    /// Undoes what is open; how many could not be.
    fn undo_open(&mut self, reading: &Reading) -> usize {
        reading.to_take_back().filter(|entry| !self.undo_entry(entry).is_settled()).count()
    }

    fn undo_entry(&mut self, entry: &Entry) -> Outcome {
        let outcome = undo(&entry.undo);
        self.log.say(&format!("entry {}: {outcome}", entry.id));
        if outcome.is_settled() {
            // If it cannot be written down it is undone again by whoever comes next, and finds nothing to do.
            if let Err(error) = self.ledger.close(entry.id, outcome.evidence()) {
                self.log.say(&format!("entry {}: {error}", entry.id));
            }
        }
        outcome
    }

    fn finish(&mut self, reading: &Reading) -> Result<(), GuardianError> {
        if !reading.damaged.is_empty() {
            self.log.say(&format!("lines {:?} of the ledger are damaged", reading.damaged));
            return Err(GuardianError::Damaged(reading.damaged.clone()));
        }
        let finished = self.ledger.finish(reading);
        self.log.say(match (&finished, reading.finished) {
            (Err(_), _) => "all is undone, but the ledger could not be told",
            (Ok(()), true) => "the run ended in order",
            (Ok(()), false) => "the harness is gone; all is undone",
        });
        finished.map_err(GuardianError::from)
    }
}
