//! Where open ledgers are: one small file for each in a state folder of this user.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::process::{self, Identity};

/// The environment variable that names the state folder.
pub const STATE_VARIABLE: &str = "SHAKEDOWN_STATE_DIR";

/// Open ledgers of this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    folder: PathBuf,
}

/// A ledger that was not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLedger {
    /// The run's id.
    pub run: String,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The harness that wrote it.
    pub owner: Identity,
    /// Whether that harness still lives; if not, its ledger is to be recovered.
    pub owner_lives: bool,
}

/// Why the registry could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file system did not let us.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could read or change what is in there.
    #[error("{} is not a folder of this user alone ({found}); remove it, or set {STATE_VARIABLE} to another", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// A file in there says nothing that can be understood.
    #[error("{} is damaged; look at the run it names, then remove it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    run: String,
    ledger: PathBuf,
    owner: Identity,
}

const SUFFIX: &str = ".open";

// === impl Registry ===

impl Registry {
    /// The registry of this user: in `$SHAKEDOWN_STATE_DIR`, else `$XDG_STATE_HOME/shakedown`, else
    /// `$HOME/.local/state/shakedown`, else `shakedown-<uid>` in the system's temporary folder.
    ///
    /// # Errors
    /// If the folder cannot be made, or is not this user's alone.
    pub fn of_this_user() -> Result<Self, RegistryError> {
        let (folder, fallback) = state_folder(&|name| std::env::var_os(name));
        let registry = Self::at(&folder)?;
        if fallback {
            registry.check_private()?;
        }
        Ok(registry)
    }

    /// The registry in this folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn at(folder: &Path) -> Result<Self, RegistryError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(io_at("create the state folder", folder))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All ledgers that were not finished, by name of their runs.
    ///
    /// # Errors
    /// If the folder cannot be read, or a file in it is damaged.
    pub fn open_ledgers(&self) -> Result<Vec<OpenLedger>, RegistryError> {
        let names = fs::read_dir(&self.folder).map_err(io_at("read", &self.folder))?;
        let mut paths: Vec<PathBuf> = names.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == &SUFFIX[1..]));
        paths.sort();
        let ledgers = paths.iter().filter_map(|path| read(path).transpose());
        ledgers.collect()
    }

    /// Makes a ledger known.
    pub(super) fn add(&self, run: &str, ledger: &Path, owner: &Identity) -> Result<(), RegistryError> {
        let note = Note { run: run.to_owned(), ledger: ledger.to_owned(), owner: owner.clone() };
        let path = self.path_of(run);
        let written = || -> io::Result<()> {
            let half = path.with_extension("new");
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&half)?;
            file.write_all(&serde_json::to_vec(&note)?)?;
            file.sync_all()?;
            fs::rename(&half, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        written().map_err(io_at("write", &path))
    }

    /// Takes a ledger off. One that is not there is no error.
    pub(crate) fn remove(&self, run: &str) -> Result<(), RegistryError> {
        let path = self.path_of(run);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_at("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// A run's id may hold anything; its file's name holds letters, digits and `-_.` only, and a checksum that keeps
    /// two ids apart whose other characters were taken away.
    fn path_of(&self, run: &str) -> PathBuf {
        let tame =
            |letter: char| if letter.is_ascii_alphanumeric() || "-_".contains(letter) { letter } else { '.' };
        let name: String = run.chars().take(100).map(tame).collect();
        self.folder.join(format!("{name}-{:08x}{SUFFIX}", crc32fast::hash(run.as_bytes())))
    }

    /// In a folder that everybody may write to, somebody else may have made ours.
    fn check_private(&self) -> Result<(), RegistryError> {
        let found = fs::symlink_metadata(&self.folder).map_err(io_at("look at", &self.folder))?;
        let private = found.permissions().mode() & 0o077 == 0;
        if found.is_dir() && found.uid() == own_uid() && private {
            return Ok(());
        }
        let found = format!("owner {}, mode {:o}", found.uid(), found.permissions().mode());
        Err(RegistryError::NotOurs { path: self.folder.clone(), found })
    }
}

fn read(path: &Path) -> Result<Option<OpenLedger>, RegistryError> {
    let bytes = match fs::read(path) {
        // Its run ended between the two looks.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io_at("read", path))?,
    };
    let note: Note =
        serde_json::from_slice(&bytes).map_err(|_| RegistryError::Damaged { path: path.to_owned() })?;
    let owner_lives = process::lives(&note.owner);
    Ok(Some(OpenLedger { run: note.run, ledger: note.ledger, owner: note.owner, owner_lives }))
}

/// The state folder, and whether it lies in a folder that everybody may write to.
fn state_folder(variable: &dyn Fn(&str) -> Option<OsString>) -> (PathBuf, bool) {
    // The XDG base directory specification says that a relative path is to be ignored.
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(folder) = variable(STATE_VARIABLE).filter(|folder| !folder.is_empty()) {
        return (folder.into(), false);
    }
    if let Some(home) = absolute("XDG_STATE_HOME") {
        return (home.join("shakedown"), false);
    }
    match absolute("HOME") {
        Some(home) => (home.join(".local/state/shakedown"), false),
        None => (std::env::temp_dir().join(format!("shakedown-{}", own_uid())), true),
    }
}

fn own_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

fn io_at<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RegistryError + 'a {
    move |source| RegistryError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_for(variables: &[(&str, &str)]) -> (PathBuf, bool) {
        state_folder(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_state_folder_is_the_first_that_is_named() {
        let all = [(STATE_VARIABLE, "/s"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        let cases: [(&[(&str, &str)], &str); 4] = [
            (&all, "/s"),
            (&all[1..], "/x/shakedown"),
            (&all[2..], "/h/.local/state/shakedown"),
            (&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")], "/h/.local/state/shakedown"),
        ];
        for (variables, expected) in cases {
            assert_eq!(folder_for(variables), (expected.into(), false), "{variables:?}");
        }
        assert!(folder_for(&[]).1, "the last resort is shared and must be checked");
    }

    #[test]
    fn a_shared_folder_that_others_may_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::at(folder.path()).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(registry.check_private(), Err(RegistryError::NotOurs { .. })));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        registry.check_private().unwrap();
    }

    #[test]
    fn a_run_keeps_out_of_other_runs_files_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::at(folder.path()).unwrap();
        let owner = process::myself().unwrap();
        for run in ["a/b", "a.b", "../../etc/passwd", ""] {
            registry.add(run, Path::new("/ledger"), &owner).unwrap();
        }
        let open = registry.open_ledgers().unwrap();
        assert_eq!(open.len(), 4);
        assert!(open.iter().all(|ledger| ledger.owner_lives));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
        registry.remove("a/b").unwrap();
        registry.remove("a/b").unwrap();
        assert_eq!(registry.open_ledgers().unwrap().len(), 3);
    }
}
