//! Folders: where open ledgers are kept, and where runs will be written.

use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use shakedown_faults::ledger::{OpenLedger, Registry};

use super::Check;

/// What a day of one target takes, with room for its logs.
const COMFORT: u64 = 1 << 30;

/// Less than this ends in a degraded journal soon.
const LEAST: u64 = 64 << 20;

pub(super) fn examine() -> Vec<Check> {
    let mut checks = match Registry::of_this_user() {
        Ok(registry) => vec![state_folder(registry.folder()), open_ledgers(&registry)],
        Err(error) => {
            let advice =
                "no fault can be injected without it; set SHAKEDOWN_STATE_DIR to a folder of your own";
            vec![
                Check::missing("state folder", error.to_string(), advice),
                Check::missing("open ledgers", "not known", "make the state folder usable first"),
            ]
        }
    };
    let here = nearest(Path::new("runs"));
    checks.push(writable_for_runs(&here));
    checks.push(match statvfs(&here) {
        Ok(found) => space(found.blocks_available().saturating_mul(found.fragment_size())),
        Err(error) => {
            Check::limited("free space", error.to_string(), "see that the folder of runs can be read")
        }
    });
    checks
}

fn state_folder(folder: &Path) -> Check {
    match tempfile::tempfile_in(folder) {
        Ok(_) => Check::good("state folder", folder.display().to_string()),
        Err(error) => Check::missing(
            "state folder",
            format!("{}: {error}", folder.display()),
            "no fault can be injected without it; set SHAKEDOWN_STATE_DIR to a folder that can be written",
        ),
    }
}

fn open_ledgers(registry: &Registry) -> Check {
    match registry.open_ledgers() {
        Ok(open) => judge_ledgers(&open),
        Err(error) => Check::missing(
            "open ledgers",
            error.to_string(),
            "what a run left behind, if anything, is not known",
        ),
    }
}

fn judge_ledgers(open: &[OpenLedger]) -> Check {
    let (alive, dead): (Vec<&OpenLedger>, Vec<&OpenLedger>) =
        open.iter().partition(|ledger| ledger.owner_lives);
    let names =
        |ledgers: &[&OpenLedger]| ledgers.iter().map(|it| it.run.as_str()).collect::<Vec<_>>().join(", ");
    match (alive.is_empty(), dead.is_empty()) {
        (true, true) => Check::good("open ledgers", "none"),
        (false, true) => {
            Check::good("open ledgers", format!("of runs that are under way: {}", names(&alive)))
        }
        (_, false) => Check::limited(
            "open ledgers",
            format!("of runs that died: {}", names(&dead)),
            "undo what they left behind with `shakedown recover`",
        ),
    }
}

/// The folder itself, or the nearest one above it that is there.
fn nearest(folder: &Path) -> PathBuf {
    let found = folder.ancestors().find(|it| it.is_dir() && !it.as_os_str().is_empty());
    found.unwrap_or(Path::new(".")).to_owned()
}

fn writable_for_runs(folder: &Path) -> Check {
    let found = folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).display().to_string();
    match access(folder, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => Check::good("run folders", found),
        Err(error) => {
            Check::limited("run folders", format!("{found}: {error}"), "name another place with `run --out`")
        }
    }
}

fn space(free: u64) -> Check {
    let found = format!("{} MiB for run folders", free >> 20);
    match free {
        0..LEAST => {
            Check::missing("free space", found, "free some, or write runs elsewhere with `run --out`")
        }
        LEAST..COMFORT => Check::limited("free space", found, "enough for hours; a long run wants 1 GiB"),
        _ => Check::good("free space", found),
    }
}

#[cfg(test)]
mod tests {
    use shakedown_faults::process;

    use super::super::State;
    use super::*;

    #[test]
    fn space_is_judged_in_steps() {
        let state = |free| space(free).state;
        assert_eq!(state(0), State::Missing);
        assert_eq!(state(LEAST), State::Limited);
        assert_eq!(state(COMFORT), State::Good);
    }

    #[test]
    fn the_nearest_folder_that_is_there_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest(&folder.path().join("a/b/c")), folder.path());
        assert_eq!(nearest(Path::new("no-such-folder-here")), Path::new("."));
    }

    #[test]
    fn a_folder_that_is_not_there_is_missing() {
        assert_eq!(state_folder(Path::new("/proc/no-such-folder")).state, State::Missing);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(state_folder(folder.path()).state, State::Good);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left there");
    }

    #[test]
    fn ledgers_of_dead_runs_ask_for_recovery() {
        let ledger = |run: &str, owner_lives| OpenLedger {
            run: run.to_owned(),
            ledger: PathBuf::from("ledger"),
            owner: process::myself().unwrap(),
            owner_lives,
        };
        assert_eq!(judge_ledgers(&[]), Check::good("open ledgers", "none"));
        assert_eq!(judge_ledgers(&[ledger("a", true)]).state, State::Good);
        let found = judge_ledgers(&[ledger("a", true), ledger("b", false)]);
        assert_eq!((found.state, found.found.as_str()), (State::Limited, "of runs that died: b"));
        assert!(found.advice.contains("shakedown recover"));
    }
}
