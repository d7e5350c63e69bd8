//! Undoing what a ledger says, by somebody who knows nothing else: the guardian, or `recover` after it.
//!
//! Undoing is idempotent and looks at what it did. It only ever ends or resumes processes, and only those that a ledger
//! of this boot names.

use std::fmt;

use crate::ledger::Undo;
use crate::process::{self, Identity, Kin, ProcessError, Signalled};

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "what could not be undone must be told to somebody"]
pub enum Outcome {
    /// It is undone, as this shows.
    Undone(String),
    /// There is nothing to undo any more: the boot in which it held is over, or its processes are gone.
    Void(String),
    /// It may still hold, as this shows.
    Failed(String),
}

/// Undoes one entry, and looks whether it is undone. Blocks for a few seconds at the most.
pub fn undo(undo: &Undo) -> Outcome {
    match undo {
        Undo::Marked { marker } => {
            end(&Kin { roots: &[], groups: false, marker: Some(&process::run_marker(marker)) })
        }
        Undo::End { identity } => of_this_boot(std::slice::from_ref(identity), || {
            end(&Kin { roots: std::slice::from_ref(identity), groups: true, marker: None })
        }),
        Undo::Resume { identities, marker } => {
            of_this_boot(identities, || resume(identities, marker.as_deref()))
        }
        Undo::Link { name } => Outcome::Void(format!("link {name} ended with its harness")),
    }
}

/// A process id means nothing in another boot.
fn of_this_boot(identities: &[Identity], act: impl FnOnce() -> Outcome) -> Outcome {
    match process::boot() {
        Err(error) => Outcome::Failed(format!("cannot tell which boot this is: {error}")),
        Ok(boot) if identities.iter().all(|identity| identity.boot != boot) => {
            Outcome::Void("it held in an earlier boot".to_owned())
        }
        Ok(_) => act(),
    }
}

fn end(of: &Kin<'_>) -> Outcome {
    judge(process::kill_all(of), "ended", "no process was left to end")
}

fn resume(identities: &[Identity], marker: Option<&str>) -> Outcome {
    let of = Kin { roots: identities, groups: false, marker };
    judge(process::resume_all(&of), "go on", "no process was left standing")
}

fn judge(result: Result<Signalled, ProcessError>, deed: &str, nothing: &str) -> Outcome {
    match result {
        Err(error) => Outcome::Failed(error.to_string()),
        Ok(signalled) if !signalled.failed.is_empty() => {
            let reasons: Vec<String> = signalled.failed.iter().map(|(_, error)| error.to_string()).collect();
            Outcome::Failed(reasons.join("; "))
        }
        Ok(signalled) if signalled.done.is_empty() => Outcome::Void(nothing.to_owned()),
        Ok(signalled) => {
            let pids: Vec<String> = signalled.done.iter().map(|identity| identity.pid.to_string()).collect();
            Outcome::Undone(format!("pids {} {deed}", pids.join(", ")))
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Whether nothing is left of it.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }

    /// What was seen.
    #[must_use]
    pub fn evidence(&self) -> &str {
        match self {
            Self::Undone(evidence) | Self::Void(evidence) | Self::Failed(evidence) => evidence,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Undone(_) => "undone",
            Self::Void(_) => "nothing to undo",
            Self::Failed(_) => "not undone",
        };
        write!(f, "{word}: {}", self.evidence())
    }
}
