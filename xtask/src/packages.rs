//! The Debian packages that tests need: found, installed where that may be done, named where not.
//!
//! Debian starts a server as soon as its package is installed. That is forbidden while we install, in the way Debian
//! provides (`policy-rc.d`): the tests start servers of their own, on free ports, in temporary folders.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::say::say;

/// What a test needs, and the package that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Package {
    need: Need,
    name: &'static str,
    purpose: &'static str,
    without: Without,
}

/// How something is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// A program, by its name.
    Program(&'static str),
    /// Something that has no program of its own: what it is called, and a command that succeeds where it is there.
    Answer(&'static str, &'static [&'static str]),
}

/// What becomes of tests that lack it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Skipped,
    Failing,
}

const PACKAGES: [Package; 8] = [
    Package::skipped("nginx", "experiments against a real web server"),
    Package::skipped("redis-server", "experiments against a real store"),
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

/// The script that Debian's packages ask whether they may start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Its first lines tell it from anybody else's. 101 means: the action is forbidden.
const POLICY_TEXT: &str =
    "#!/bin/sh\n# Written by `cargo xtask test` of shakedown while it installs packages.\nexit 101\n";

/// Installs what is missing if `may_install` and the system lets us, and says what is missing still.
pub fn provide(may_install: bool) {
    let missing = missing();
    if missing.is_empty() {
        return;
    }
    let outcome = if !may_install {
        Err("--no-install was given".to_owned())
    } else if !is_root() {
        Err("only root may install them".to_owned())
    } else if find("apt-get").is_none() {
        Err("there is no apt-get here".to_owned())
    } else {
        install(&missing).map_err(|error| error.to_string())
    };
    if let Err(why) = outcome {
        say(&format!("not installed: {why}"));
    }
    name_missing(&self::missing());
}

fn name_missing(missing: &[Package]) {
    for package in missing {
        let become_of_tests = match package.without {
            Without::Skipped => "are skipped",
            Without::Failing => "fail",
        };
        say(&format!(
            "missing: {} (for {}); tests that need it {become_of_tests}; install it with: apt-get install {}",
            package.need.name(),
            package.purpose,
            package.name
        ));
    }
}

fn missing() -> Vec<Package> {
    PACKAGES.into_iter().filter(|package| !package.need.is_there()).collect()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SERVER_FOLDERS.map(PathBuf::from));
    let may_run =
        |path: &PathBuf| path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    folders.map(|folder| folder.join(program)).find(may_run)
}

/// Our own entry in `/proc` belongs to the user we act for.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn install(packages: &[Package]) -> io::Result<()> {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    say(&format!("installing {}", names.join(", ")));
    let _forbidden = ServicesForbidden::begin(Path::new(POLICY))?;
    // The lists may be old, or not there at all: then they are fetched once.
    if !apt_get(&["install", "--yes", "--no-install-recommends"], &names)? {
        apt_get(&["update"], &[])?;
        if !apt_get(&["install", "--yes", "--no-install-recommends"], &names)? {
            return Err(io::Error::other("apt-get failed, see above"));
        }
    }
    Ok(())
}

fn apt_get(arguments: &[&str], names: &[&str]) -> io::Result<bool> {
    const PATIENCE: [&str; 6] =
        ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::Retries=2"];
    let mut command = Command::new("apt-get");
    command
        .args(PATIENCE)
        .args(arguments)
        .args(names)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    Ok(command.status()?.success())
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
    const fn name(self) -> &'static str {
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

/// While this lives, packages do not start their services.
#[derive(Debug)]
struct ServicesForbidden {
    /// Ours, to be taken away; `None`: somebody else rules there already.
    ours: Option<PathBuf>,
}

// === impl ServicesForbidden ===

impl ServicesForbidden {
    fn begin(policy: &Path) -> io::Result<Self> {
        // One of ours that is there already was left by a run that was killed.
        if fs::read_to_string(policy).is_ok_and(|text| text == POLICY_TEXT) {
            return Ok(Self { ours: Some(policy.to_owned()) });
        }
        match OpenOptions::new().write(true).create_new(true).mode(0o755).open(policy) {
            Ok(mut file) => {
                let forbidden = Self { ours: Some(policy.to_owned()) };
                file.write_all(POLICY_TEXT.as_bytes())?;
                Ok(forbidden)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Self { ours: None }),
            Err(error) => Err(error),
        }
    }
}

impl Drop for ServicesForbidden {
    fn drop(&mut self) {
        if let Some(policy) = &self.ours
            && let Err(error) = fs::remove_file(policy)
        {
            say(&format!(
                "remove {} by hand, or Debian will start no service any more: {error}",
                policy.display()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of this test alone, with nothing there.
    fn policy(test: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("shakedown-policy-{test}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn services_are_forbidden_only_while_packages_are_installed() {
        let path = policy("own");
        let forbidden = ServicesForbidden::begin(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), POLICY_TEXT);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o111, 0o111);
        drop(forbidden);
        assert!(!path.exists());
    }

    #[test]
    fn somebody_elses_policy_stays() {
        let path = policy("foreign");
        fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
        drop(ServicesForbidden::begin(&path).unwrap());
        assert!(path.exists());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_policy_that_a_killed_run_left_is_taken_away() {
        let path = policy("left");
        fs::write(&path, POLICY_TEXT).unwrap();
        drop(ServicesForbidden::begin(&path).unwrap());
        assert!(!path.exists());
    }

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
