//! Processes: who is who, who belongs to whom, and signals that never hit the wrong one.
//!
//! A process id is a number that is used again. An [`Identity`] is not: it also holds when the process started and in
//! which boot. Signals go through a pidfd whose process was compared with the identity after it was opened, so that
//! there is no moment at which another process could have slipped under the number.
//!
//! Threads are not told apart, and kernel threads are left alone by being nobody's descendants.

mod family;
mod handle;
mod signals;
mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

pub use family::{Kin, RUN_VARIABLE, kin, marked, run_marker, tree};
pub use signals::{Signalled, kill, kill_all, resume, resume_all, stop, stop_all, terminate};

/// One process of one boot, for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Its process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_ticks: u64,
    /// The boot: `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
}

/// Why a process was not, or could not be, dealt with.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such process.
    #[error("no process has id {pid}; it may have ended already")]
    Gone {
        /// The number.
        pid: i32,
    },
    /// The process is one that is never touched.
    #[error("refused to touch pid {pid}: {why}")]
    Refused {
        /// The number.
        pid: i32,
        /// Why.
        why: Refusal,
    },
    /// It was signalled, and nothing came of it.
    #[error("pid {pid} was signalled but its state is {state:?}")]
    Unmoved {
        /// The number.
        pid: i32,
        /// The letter of `/proc/PID/stat`.
        state: Option<char>,
    },
    /// The system did not tell, or did not let us.
    #[error("cannot {what} pid {pid}")]
    System {
        /// What was tried: `signal`, `identify`.
        what: &'static str,
        /// The number.
        pid: i32,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a process is never touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not the number of one process (`kill` takes 0 and below for groups).
    NotOne,
    /// Pid 1: stopping or ending it takes the whole system or container along.
    Init,
    /// This process itself.
    Itself,
    /// The process that started this one, or one further up.
    Ancestor,
}

/// The boot that runs now.
///
/// # Errors
/// If `/proc` does not tell.
pub fn boot() -> io::Result<&'static str> {
    // No process sees two of them.
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot);
    }
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(BOOT.get_or_init(|| text.trim().to_owned()))
}

/// Who has this process id now.
///
/// # Errors
/// If there is no such process, or `/proc` does not tell.
pub fn identify(pid: i32) -> Result<Identity, ProcessError> {
    let boot = boot().map_err(|source| ProcessError::System { what: "identify", pid, source })?;
    let row = table::row(pid).ok_or(ProcessError::Gone { pid })?;
    Ok(Identity { pid, start_ticks: row.start_ticks, boot: boot.to_owned() })
}

/// Who we are.
///
/// # Errors
/// If `/proc` does not tell.
pub fn myself() -> Result<Identity, ProcessError> {
    identify(table::own_pid())
}

/// The state letter of `/proc/PID/stat` (`R` runs, `S` sleeps, `T` is stopped, `Z` has ended and waits for its
/// parent…); `None` if that process is gone, though another may have its number.
#[must_use]
pub fn state(identity: &Identity) -> Option<char> {
    let row = table::row(identity.pid)?;
    let same = row.start_ticks == identity.start_ticks && boot().is_ok_and(|boot| boot == identity.boot);
    same.then_some(row.state)
}

/// Whether a process is there and has not ended. One that ended and was not waited for yet does not live.
#[must_use]
pub fn lives(identity: &Identity) -> bool {
    state(identity).is_some_and(|state| !has_ended(state))
}

/// A descriptor that becomes readable when a process has ended; `None` if it is gone already.
///
/// # Errors
/// If the system does not hand one out.
pub fn watch_end(identity: &Identity) -> Result<Option<OwnedFd>, ProcessError> {
    Ok(handle::Handle::open(identity)?.map(handle::Handle::into_fd))
}

/// Whether a state letter is that of a process that has ended.
const fn has_ended(state: char) -> bool {
    matches!(state, 'Z' | 'X' | 'x')
}

/// Says why these processes must not be touched, if one of them must not: pid 1, this process, its ancestors.
///
/// # Errors
/// If one of them must not be touched.
pub fn check_touchable(identities: &[Identity]) -> Result<(), ProcessError> {
    let ancestors = table::ancestors();
    identities.iter().try_for_each(|identity| check_pid(identity.pid, &ancestors))
}

fn check_pid(pid: i32, ancestors: &BTreeSet<i32>) -> Result<(), ProcessError> {
    let why = match pid {
        i32::MIN..=0 => Refusal::NotOne,
        1 => Refusal::Init,
        own if own == table::own_pid() => Refusal::Itself,
        above if ancestors.contains(&above) => Refusal::Ancestor,
        _ => return Ok(()),
    };
    Err(ProcessError::Refused { pid, why })
}

// === impl Identity ===

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)
    }
}

// === impl Refusal ===

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOne => "it does not name one process",
            Self::Init => "it is the first process, and takes the whole system or container along",
            Self::Itself => "it is this process",
            Self::Ancestor => "it started this process, directly or through others",
        })
    }
}
