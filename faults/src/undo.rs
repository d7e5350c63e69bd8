//! Undoing what a ledger says, by somebody who knows nothing else: the guardian, or `recover` after it.
//!
//! Undoing is idempotent and looks at what it did. It only ever ends or resumes processes, and only those that a ledger
//! of this boot names; and it removes temporary directories that have a run's name.

use std::fmt;
use std::path::Path;

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
        Undo::Remove { directory } => remove(directory),
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

/// How the names of temporary directories of a run begin.
pub const DIRECTORY_PREFIX: &str = "shakedown-";

/// Whether a ledger may have a directory removed: one of ours by its name, right below the system's folder for temporary
/// files, and no link to somewhere else. A ledger that somebody sent must not be able to remove anything else.
#[must_use]
pub fn is_ours(directory: &Path) -> bool {
    let named = directory
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(DIRECTORY_PREFIX));
    let is_directory = directory.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    named && is_directory && directory.parent() == Some(&std::env::temp_dir())
}

fn remove(directory: &Path) -> Outcome {
    let shown = directory.display();
    if !directory.exists() {
        return Outcome::Void(format!("{shown} is gone"));
    }
    if !is_ours(directory) {
        return Outcome::Failed(format!("{shown} is no temporary directory of a run; remove it by hand"));
    }
    match std::fs::remove_dir_all(directory) {
        Ok(()) => Outcome::Undone(format!("{shown} removed")),
        Err(error) => Outcome::Failed(format!("{shown} cannot be removed: {error}")),
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn removed(directory: &Path) -> Outcome {
        undo(&Undo::Remove { directory: directory.to_owned() })
    }

    #[test]
    fn a_runs_directory_is_removed_once_and_then_gone() {
        let made = tempfile::Builder::new().prefix("shakedown-test-").tempdir().unwrap();
        fs::write(made.path().join("file"), "").unwrap();
        assert!(matches!(removed(made.path()), Outcome::Undone(_)));
        assert!(!made.path().exists());
        assert!(matches!(removed(made.path()), Outcome::Void(_)));
    }

    #[test]
    fn a_ledger_cannot_have_anything_else_removed() {
        let foreign = tempfile::tempdir().unwrap();
        let deeper = foreign.path().join("shakedown-x");
        fs::create_dir(&deeper).unwrap();
        let link = std::env::temp_dir().join(format!("shakedown-link-{}", std::process::id()));
        std::os::unix::fs::symlink(foreign.path(), &link).unwrap();
        let outcomes = [foreign.path(), &deeper, &link].map(removed);
        fs::remove_file(&link).unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Failed(_))), "{outcomes:?}");
        assert!(deeper.exists());
    }
}
