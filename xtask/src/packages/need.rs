//! What tests need that is no package of cargo's, and where Debian has it.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a test needs, and the package that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// How it is found.
    pub need: Need,
    /// What Debian calls the package that has it.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What becomes of tests that lack it.
    pub without: Without,
}

/// How something is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A program, by its name.
    Program(&'static str),
    /// Something that has no program of its own: what it is called, and a command that succeeds where it is there.
    Answer(&'static str, &'static [&'static str]),
}

/// What becomes of tests that lack it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// They say why, and do not run.
    Skipped,
    /// They fail.
    Failing,
}

const PACKAGES: [Package; 11] = [
    Package::skipped("nginx", "experiments against a real web server"),
    Package::skipped("redis-server", "experiments against a real store"),
    // Debian keeps the server's own programs off the path.
    Package {
        need: Need::Program("pg_lsclusters"),
        name: "postgresql",
        purpose: "loads and experiments against a real database",
        without: Without::Skipped,
    },
    Package::skipped("curl", "experiments with a real client of TLS"),
    Package::skipped("socat", "experiments with a real forwarder of datagrams"),
    Package::skipped("chromium", "looking at a report in a real browser"),
    Package::needed(Need::Program("node"), "nodejs", "Toxiproxy's client for Node"),
    Package::needed(Need::Program("npm"), "npm", "Toxiproxy's client for Node"),
    Package::needed(
        Need::Answer("python3 with venv", &["python3", "-c", "import ensurepip, venv"]),
        "python3-venv",
        "Toxiproxy's client for Python",
    ),
    Package::needed(Need::Program("pkg-config"), "pkg-config", "Toxiproxy's clients for Rust"),
    Package::needed(
        Need::Answer("OpenSSL's headers", &["pkg-config", "--exists", "openssl"]),
        "libssl-dev",
        "Toxiproxy's clients for Rust",
    ),
];

/// Where Debian puts programs that the `PATH` of ordinary users may lack.
const SERVER_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// What is not there.
pub fn missing() -> Vec<Package> {
    PACKAGES.into_iter().filter(|package| !package.need.is_there()).collect()
}

/// A program, on the path or among servers.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SERVER_FOLDERS.map(PathBuf::from));
    let may_run =
        |path: &PathBuf| path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    folders.map(|folder| folder.join(program)).find(may_run)
}

// === impl Package ===

impl Package {
    /// A program that is called like its package, and whose tests are skipped without it.
    const fn skipped(name: &'static str, purpose: &'static str) -> Self {
        Self { need: Need::Program(name), name, purpose, without: Without::Skipped }
    }

    /// What tests fail without.
    const fn needed(need: Need, name: &'static str, purpose: &'static str) -> Self {
        Self { need, name, purpose, without: Without::Failing }
    }
}

// === impl Need ===

impl Need {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Program(name) | Self::Answer(name, _) => name,
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Program(name) => find(name).is_some(),
            Self::Answer(_, command) => succeeds(command),
        }
    }
}

/// Whether a command ends well; one that cannot be started does not.
fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_on_the_path_and_among_servers() {
        assert!(find("cat").is_some());
        assert_eq!(find("no-such-program-anywhere"), None);
    }

    #[test]
    fn what_has_no_program_is_there_if_its_command_succeeds() {
        let is_there = |command| Need::Answer("x", command).is_there();
        assert!(is_there(&["true"]));
        assert!(!is_there(&["false"]));
        assert!(!is_there(&["no-such-program-anywhere"]));
        assert!(!is_there(&[]));
    }
}
