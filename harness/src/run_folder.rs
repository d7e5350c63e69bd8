//! The run folder: where everything of one run stands.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shakedown_scenarios::plan::Plan;

use crate::clock;

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    marker: String,
}

/// Why there is no run folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Somebody else's files are there.
    #[error("{0} is not empty: name a folder that does not exist yet, or an empty one, with --out")]
    NotEmpty(PathBuf),
    /// It cannot be made or written.
    #[error("cannot write in {path}: {error}; name a folder that you may write to with --out")]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

// === impl RunFolder ===

impl RunFolder {
    /// Makes the folder, with any folder above it, and sees that it can be written.
    ///
    /// # Errors
    /// [`FolderError`] when it holds files or cannot be written.
    pub fn create(path: &Path) -> Result<Self, FolderError> {
        let unwritable = |error| FolderError::Unwritable { path: path.to_owned(), error };
        fs::create_dir_all(path).map_err(unwritable)?;
        if fs::read_dir(path).map_err(unwritable)?.next().is_some() {
            return Err(FolderError::NotEmpty(path.to_owned()));
        }
        let path = path.canonicalize().map_err(unwritable)?;
        let chance = clock::fresh_seed().map_err(unwritable)?;
        let marker = format!("{}-{chance:08x}", name_of(&path));
        Ok(Self { path, marker })
    }

    /// Makes a folder of a name that is not taken below `runs`: `NAME-TIME`, then `NAME-TIME-2` and so on. Two runs that
    /// start at the same moment get a folder each.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`] when it cannot be made.
    pub fn create_below(runs: &Path, name: &str, time: &str) -> Result<Self, FolderError> {
        let unwritable = |error| FolderError::Unwritable { path: runs.to_owned(), error };
        fs::create_dir_all(runs).map_err(unwritable)?;
        for number in 1.. {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let path = runs.join(format!("{name}-{time}{suffix}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self::create(&path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unwritable(error)),
            }
        }
        unreachable!("the numbers do not end")
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, which is the run's id for people.
    #[must_use]
    pub fn id(&self) -> String {
        name_of(&self.path)
    }

    /// What marks the run's processes and its ledger. No other run has it, though its folder be named alike elsewhere.
    #[must_use]
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// The file that takes a target's output.
    #[must_use]
    pub fn target_log(&self, target: &str) -> PathBuf {
        self.path.join(format!("target-{target}.log"))
    }

    /// The file with the certificate that clients of a link which speaks TLS should trust (PEM).
    #[must_use]
    pub fn authority(&self, link: &str) -> PathBuf {
        self.path.join(format!("link-{link}{AUTHORITY}"))
    }

    /// Takes away what a run that could not start has left in its folder, and the folder if nothing else is in it, so that
    /// the same command can be given again.
    pub fn abandon(&self) {
        for name in ["plan.ron", "run.sqlite", "run.sqlite-wal", "run.sqlite-shm", "ledger", "guardian.log"] {
            let _ = fs::remove_file(self.path.join(name));
        }
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("link-") && name.ends_with(AUTHORITY)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let _ = fs::remove_dir(&self.path);
    }

    /// Writes the plan down.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_plan(&self, plan: &Plan) -> io::Result<()> {
        fs::write(self.path.join("plan.ron"), plan.to_ron())
    }
}

/// How the files of [`RunFolder::authority`] end.
const AUTHORITY: &str = "-ca.pem";

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_of_one_moment_get_a_folder_each() {
        let dir = tempfile::tempdir().unwrap();
        let first = RunFolder::create_below(dir.path(), "a", "20260101-000000").unwrap();
        let second = RunFolder::create_below(dir.path(), "a", "20260101-000000").unwrap();
        assert_eq!(first.id(), "a-20260101-000000");
        assert_eq!(second.id(), "a-20260101-000000-2");
    }

    #[test]
    fn a_folder_with_files_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x"), "").unwrap();
        assert!(matches!(RunFolder::create(dir.path()), Err(FolderError::NotEmpty(_))));
        assert!(matches!(RunFolder::create(&dir.path().join("x/y")), Err(FolderError::Unwritable { .. })));
    }
}
