//! One process of a test program: with its own group, for a bounded time, and with a bounded memory of what it says.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::outcome::Panic;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// Of this signal.
    Signal(i32),
    /// Its time was over, and it was killed.
    TimedOut,
}

/// What a process said on both its outputs, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The beginning and the end of it; what is between is left out if it is long.
    pub(crate) text: String,
    /// How it ended.
    pub(crate) ended: Ended,
}

/// Bytes kept of the beginning, and as many of the end.
const KEPT: usize = 512 * 1024;

/// Runs a command to its end, or kills it and what it started once the time is over. It ends with the thread that runs it,
/// too: nobody is left behind by a lane that is killed.
///
/// # Errors
///
/// If it cannot be started or waited for.
pub(crate) fn run(command: &mut Command, time: Duration) -> io::Result<Said> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    // SAFETY: the child does one system call between fork and exec, and takes no memory for it.
    unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?)) };
    let mut child = command.spawn()?;
    // The command holds the ends that the child writes to.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let reading = std::thread::spawn(move || read(reader));
    let (sender, ended) = mpsc::channel();
    // Looks without reaping, so that the number stays the child's own until the group is killed.
    let waiting = std::thread::spawn(move || {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(pid), flags) == Err(nix::errno::Errno::EINTR) {}
        // Whoever waits for this may have given up.
        let _ = sender.send(());
    });
    let is_late = ended.recv_timeout(time).is_err();
    // What it left behind holds its outputs open, and ends with it. That nobody is left is no error.
    let _ = killpg(pid, Signal::SIGKILL);
    let status = child.wait()?;
    let _ = waiting.join();
    let text = reading.join().unwrap_or_default();
    let ended = match (is_late, status.code(), status.signal()) {
        (true, ..) => Ended::TimedOut,
        (_, Some(code), _) => Ended::Code(code),
        (.., signal) => Ended::Signal(signal.unwrap_or(0)),
    };
    Ok(Said { text, ended })
}

fn read(mut from: impl Read) -> String {
    let (mut head, mut tail, mut left_out) = (Vec::<u8>::new(), VecDeque::<u8>::new(), 0_usize);
    let mut buffer = [0; 16 * 1024];
    // An error is an end.
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        let (first, rest) = buffer[..count].split_at(count.min(KEPT - head.len()));
        head.extend_from_slice(first);
        tail.extend(rest);
        let over = tail.len().saturating_sub(KEPT);
        tail.drain(..over);
        left_out += over;
    }
    if left_out > 0 {
        head.extend_from_slice(format!("\n[{left_out} bytes are left out]\n").as_bytes());
    }
    head.extend(tail);
    String::from_utf8_lossy(&head).into_owned()
}

// === impl Said ===

impl Said {
    /// The first panic: what comes after it happens while things are being dropped.
    pub(crate) fn panic(&self) -> Option<Panic> {
        let (_, rest) = self.text.split_once(" panicked at ")?;
        let (at, rest) = rest.split_once(":\n")?;
        let over = |line: &&str| {
            !["note: ", "stack backtrace:", "thread '", "failures:"].iter().any(|word| line.starts_with(word))
        };
        let lines: Vec<&str> = rest.lines().take_while(over).collect();
        let message = lines.join("\n");
        // An empty line first is part of some of loom's messages; a later one ends all of them.
        let message = message.trim_start_matches('\n');
        let message = message.split("\n\n").next().unwrap_or_default().trim_end();
        Some(Panic { at: at.to_owned(), message: message.to_owned() })
    }

    /// In how many interleavings loom says that it is complete.
    pub(crate) fn completed(&self) -> Option<u64> {
        number_after(&self.text, "Completed in ")
    }

    /// The last interleaving that loom told of.
    pub(crate) fn iterations(&self) -> Option<u64> {
        number_after(&self.text, "== Iteration ")
    }
}

fn number_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once(word)?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// One of the programs that stand in `tests/children`.
    fn child(name: &str, time: Duration) -> Said {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/children");
        run(&mut Command::new(format!("{folder}/{name}")), time).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn both_outputs_and_the_end_are_told() {
        let said = child("both-outputs", LONG);
        assert_eq!((said.text.as_str(), said.ended), ("out\nerr\n", Ended::Code(3)));
        assert_eq!(child("aborts", LONG).ended, Ended::Signal(6));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "waiting for a state has to end")]
    fn what_takes_too_long_is_killed_with_what_it_started() {
        let said = child("waits", Duration::from_millis(300));
        assert_eq!(said.ended, Ended::TimedOut);
        let grandchild: i32 = said.text.trim().parse().unwrap();
        // A killed process closes its files before it is gone; dead, it may still wait for somebody to reap it.
        let state = || std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
        let is_gone = |state: &str| state.is_empty() || [") Z", ") X"].iter().any(|end| state.contains(end));
        let start = Instant::now();
        while !is_gone(&state()) {
            assert!(start.elapsed() < LONG, "{}", state());
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_it_left_behind_does_not_hold_the_answer_up() {
        let said = child("leaves-behind", LONG);
        assert_eq!(said.ended, Ended::Code(0));
    }

    #[test]
    fn of_much_output_the_beginning_and_the_end_are_kept() {
        let said = child("says-much", LONG);
        assert!(said.text.starts_with("first\n") && said.text.ends_with("\nlast\n"));
        assert!(said.text.contains("bytes are left out]") && said.text.len() < 2 * KEPT + 100);
    }
}
