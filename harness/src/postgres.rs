//! A PostgreSQL of an experiment's own: made in the target's folder when it first starts, and left there for when it
//! starts again after a crash.
//!
//! PostgreSQL needs more than its server started: a folder with an empty cluster, tables in it, and a user that is not root.
//! An experiment starts one program and no shell, so this is that program. It becomes the server in the end (`exec`), so
//! that faults hit the server itself. It listens on 127.0.0.1 only, and trusts whoever connects.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{User, chown, geteuid};

/// What PostgreSQL is wanted.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The port on 127.0.0.1 to listen on
    #[arg(long, value_name = "PORT")]
    pub port: u16,
    /// The folder that gets the cluster, below `data`; where this program is root, it is given to the user `postgres`
    #[arg(long, value_name = "FOLDER")]
    pub dir: PathBuf,
    /// SQL that a new cluster begins with, in the database `postgres`; an empty line follows the `;` of each statement
    #[arg(long, value_name = "FILE")]
    pub setup: Option<PathBuf>,
}

/// Why there is no PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// It is not installed.
    #[error(
        "find PostgreSQL's programs in {DEBIAN}/*/bin or on the path; on Debian: apt-get install postgresql"
    )]
    NotInstalled,
    /// It does not run as root, and there is nobody else.
    #[error(
        "find the user `postgres`, as whom the server runs when started by root; its Debian package makes it"
    )]
    NoUser,
    /// The folder could not be used.
    #[error("prepare {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("start {}", program.display())]
    Start {
        /// Which.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A program failed; what it said stands before this.
    #[error("make a cluster: {program} ended with {status}")]
    Failed {
        /// Which.
        program: &'static str,
        /// How.
        status: std::process::ExitStatus,
    },
}

/// Where Debian puts one folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Makes the cluster if there is none, and becomes the server. Returns only what went wrong.
///
/// # Errors
/// When PostgreSQL is not installed, the folder cannot be used, or one of its programs fails.
pub fn become_server(options: &Options) -> Result<std::convert::Infallible, PostgresError> {
    let programs = programs().ok_or(PostgresError::NotInstalled)?;
    let place = Place { programs, dir: absolute(&options.dir)?, owner: owner()? };
    let data = place.dir.join("data");
    if !data.is_dir() {
        place.make(&data, options.setup.as_deref())?;
    }
    let mut server = place.command("postgres");
    server.arg("-D").arg(&data).args(["-p", &options.port.to_string()]);
    server.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
    let source = server.exec();
    Err(PostgresError::Start { program: server.get_program().into(), source })
}

/// The folder of PostgreSQL's programs: Debian's of the newest version, or the one on the path.
#[must_use]
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut debian: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let newest_first = debian.into_iter().rev().map(|(_, folder)| folder);
    let mut folders = newest_first.chain(std::env::split_paths(&path));
    folders.find(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file()))
}

fn absolute(dir: &Path) -> Result<PathBuf, PostgresError> {
    fs::canonicalize(dir).map_err(|source| PostgresError::Folder { path: dir.to_owned(), source })
}

/// Who runs the server, if not whoever runs this.
fn owner() -> Result<Option<User>, PostgresError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    User::from_name("postgres").ok().flatten().map(Some).ok_or(PostgresError::NoUser)
}

/// Where a cluster is, and who it belongs to.
struct Place {
    programs: PathBuf,
    dir: PathBuf,
    owner: Option<User>,
}

// === impl Place ===

impl Place {
    /// Makes a cluster beside its place and puts it there once it is whole: a crash in between leaves none.
    fn make(&self, data: &Path, setup: Option<&Path>) -> Result<(), PostgresError> {
        let folder = |source: io::Error| PostgresError::Folder { path: self.dir.clone(), source };
        if let Some(owner) = &self.owner {
            chown(&self.dir, Some(owner.uid), Some(owner.gid)).map_err(|errno| folder(errno.into()))?;
        }
        let new = self.dir.join("data.new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(folder)?;
        }
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(&new);
        // Nothing in it is worth waiting for the disk.
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        ended("initdb", initdb)?;
        if let Some(setup) = setup {
            let file = File::open(setup)
                .map_err(|source| PostgresError::Folder { path: setup.to_owned(), source })?;
            let mut single = self.command("postgres");
            single.args(["--single", "-j", "-c", "exit_on_error=on", "-D"]).arg(&new).arg("postgres");
            single.stdin(file);
            ended("postgres --single", single)?;
        }
        fs::rename(&new, data).map_err(folder)
    }

    /// One of PostgreSQL's programs, in the folder and as the owner.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.dir).stdin(Stdio::null());
        if let Some(owner) = &self.owner {
            command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
        }
        command
    }
}

fn ended(program: &'static str, mut command: Command) -> Result<(), PostgresError> {
    let status = command
        .status()
        .map_err(|source| PostgresError::Start { program: command.get_program().into(), source })?;
    if status.success() { Ok(()) } else { Err(PostgresError::Failed { program, status }) }
}
