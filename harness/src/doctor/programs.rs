//! Programs that experiments of the library start: where they are, and which version.

use std::env;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use shakedown_faults::process;

use super::Check;

/// A program, the Debian package that has it, and the argument that makes it tell its version.
struct Program {
    name: &'static str,
    package: &'static str,
    version: &'static str,
}

const PROGRAMS: [Program; 4] = [
    Program { name: "nginx", package: "nginx", version: "-v" },
    Program { name: "redis-server", package: "redis-server", version: "--version" },
    Program { name: "curl", package: "curl", version: "--version" },
    Program { name: "socat", package: "socat", version: "-V" },
];

/// Where Debian puts servers; the `PATH` of ordinary users lacks these.
const SERVER_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program that takes longer to tell its version is ended.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn examine() -> Vec<Check> {
    let folders = folders();
    PROGRAMS.iter().map(|program| examine_one(program, &folders)).chain([postgresql()]).collect()
}

/// Debian keeps it outside every search path, a folder for each version.
fn postgresql() -> Check {
    match crate::postgres::programs() {
        Some(folder) => Check::good("postgresql", folder.display().to_string()),
        None => Check::missing(
            "postgresql",
            "not found",
            "experiments that start it need the Debian package postgresql",
        ),
    }
}

fn examine_one(program: &Program, folders: &[PathBuf]) -> Check {
    let Some(place) = find(program.name, folders) else {
        let advice = format!("experiments that start it need the Debian package {}", program.package);
        return Check::missing(program.name, "not found", advice);
    };
    let version = output(&place, program.version).ok().and_then(|text| version_in(&text));
    let version = version.unwrap_or_else(|| "version not told".to_owned());
    Check::good(program.name, format!("{version} ({})", place.display()))
}

/// The search path, and where Debian puts servers.
pub(super) fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(SERVER_FOLDERS.map(PathBuf::from)).collect()
}

/// The first file of that name that may be executed.
pub(super) fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let may_run =
        |path: &PathBuf| path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    folders.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(may_run)
}

/// What a program says on either output, if it ends in time.
fn output(program: &Path, argument: &str) -> io::Result<String> {
    let mut child = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let ended = ends_in_time(child.id());
    if !matches!(ended, Ok(true)) {
        let _ = child.kill();
        child.wait()?;
        return ended.and(Err(io::ErrorKind::TimedOut.into()));
    }
    child.wait()?;
    // A version fits into a pipe; whatever else such a program started may hold the pipe open, and is not waited for.
    let mut bytes = vec![0; 4_096];
    let mut text = String::new();
    for pipe in
        [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)].into_iter().flatten()
    {
        let mut ready = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::ZERO)? > 0 {
            let read = std::fs::File::from(pipe).read(&mut bytes)?;
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }
    Ok(text)
}

fn ends_in_time(pid: u32) -> io::Result<bool> {
    let identity = process::identify(pid.cast_signed()).map_err(io::Error::other)?;
    let Some(handle) = process::watch_end(&identity).map_err(io::Error::other)? else { return Ok(true) };
    let patience = PollTimeout::try_from(PATIENCE).map_err(io::Error::other)?;
    Ok(poll(&mut [PollFd::new(handle.as_fd(), PollFlags::POLLIN)], patience)? > 0)
}

/// The first thing in a text that looks like a version: digits with dots between.
fn version_in(text: &str) -> Option<String> {
    text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
        .map(|piece| piece.trim_matches('.'))
        .find(|piece| piece.contains('.'))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(version_in(text).as_deref(), expected, "{text}");
        check("nginx version: nginx/1.22.1\n", Some("1.22.1"));
        check("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", Some("7.0.15"));
        check("version 3", None);
        check("...", None);
        check("", None);
    }

    #[test]
    fn a_program_is_found_only_where_it_may_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server");
        std::fs::write(&path, "").unwrap();
        let folders = [PathBuf::from("/no/such/folder"), folder.path().to_owned()];
        assert_eq!(find("server", &folders), None);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("server", &folders), Some(path));
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let check = examine_one(&PROGRAMS[1], &[PathBuf::from("/no/such/folder")]);
        assert_eq!(check.state, State::Missing);
        assert!(check.advice.ends_with("redis-server"), "{check:?}");
    }

    #[test]
    fn what_a_program_says_is_read_and_one_that_hangs_is_ended() {
        assert_eq!(output(Path::new("/bin/echo"), "v1.2").unwrap(), "v1.2\n");
        assert_eq!(output(Path::new("/bin/sleep"), "60").unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
