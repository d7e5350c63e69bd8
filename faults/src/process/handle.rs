//! A process that is held on to: whatever happens to its number, a signal reaches it or nobody.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Identity, ProcessError, state};

/// A pidfd whose process is known to be the one that was meant.
#[derive(Debug)]
pub(super) struct Handle {
    pid: i32,
    fd: OwnedFd,
}

impl Handle {
    /// Holds on to a process; `None` if it is gone, even if another has its number by now.
    pub(super) fn open(identity: &Identity) -> Result<Option<Self>, ProcessError> {
        let pid = identity.pid;
        let system = |source: io::Error| ProcessError::System { what: "hold on to", pid, source };
        let Some(number) = Pid::from_raw(pid).filter(|_| pid > 0) else { return Ok(None) };
        let fd = match pidfd_open(number, PidfdFlags::empty()) {
            Ok(fd) => fd,
            Err(error) if error == rustix::io::Errno::SRCH => return Ok(None),
            Err(error) => return Err(system(error.into())),
        };
        // Only now compare: if this process has the right start time, then it had it when the descriptor was opened,
        // since a number is not given away while its process can still be read under it.
        Ok(state(identity).map(|_| Self { pid, fd }))
    }

    /// The descriptor; it becomes readable when the process has ended.
    pub(super) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Sends a signal; `false` if the process is gone.
    pub(super) fn signal(&self, signal: Signal) -> Result<bool, ProcessError> {
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) => Ok(true),
            Err(error) if error == rustix::io::Errno::SRCH => Ok(false),
            Err(error) => {
                Err(ProcessError::System { what: "signal", pid: self.pid, source: io::Error::from(error) })
            }
        }
    }
}
