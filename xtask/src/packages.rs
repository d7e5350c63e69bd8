//! The Debian packages that tests need: found, installed where that may be done, named where not.
//!
//! Debian starts a server as soon as its package is installed. That is forbidden while we install, in the way Debian
//! provides (`policy-rc.d`): the tests start servers of their own, on free ports, in temporary folders.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::say::say;
use need::{Package, Without};

mod need;

/// The script that Debian's packages ask whether they may start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Its first lines tell it from anybody else's. 101 means: the action is forbidden.
const POLICY_TEXT: &str =
    "#!/bin/sh\n# Written by `cargo xtask test` of shakedown while it installs packages.\nexit 101\n";

/// Installs what is missing if `may_install` and the system lets us, and says what is missing still.
pub fn provide(may_install: bool) {
    let missing = need::missing();
    if missing.is_empty() {
        return;
    }
    let outcome = if !may_install {
        Err("--no-install was given".to_owned())
    } else if !is_root() {
        Err("only root may install them".to_owned())
    } else if need::find("apt-get").is_none() {
        Err("there is no apt-get here".to_owned())
    } else {
        install(&missing).map_err(|error| error.to_string())
    };
    if let Err(why) = outcome {
        say(&format!("not installed: {why}"));
    }
    name_missing(&need::missing());
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
    use std::env;
    use std::os::unix::fs::PermissionsExt as _;

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
}
