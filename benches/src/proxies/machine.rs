//! What the machine gives: cores, descriptors, installed programs.

use std::path::PathBuf;

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// More are of no use to anything here, and some programs reserve memory for each.
const DESCRIPTORS_AT_MOST: usize = 20_000;

/// Lets this process, and all that it starts, have as many descriptors as the hard limit says.
///
/// # Errors
/// If the kernel refuses, which it has no reason to.
pub fn allow_descriptors() -> anyhow::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("raising the limit on descriptors")
}

/// How many descriptors this process, and each that it starts, may have.
pub(super) fn descriptors() -> anyhow::Result<usize> {
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(usize::try_from(limit)?.min(DESCRIPTORS_AT_MOST))
}

/// Binds the calling thread to a core.
pub(super) fn pin(core: usize) -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores).context("binding a thread to a core")
}

/// The last core that this process may use: interrupts tend to come to the first.
pub(super) fn last_core() -> anyhow::Result<usize> {
    let cores = sched_getaffinity(Pid::from_raw(0))?;
    let usable = (0..CpuSet::count()).rev().find(|core| cores.is_set(*core).unwrap_or(false));
    usable.context("this process may use no core at all")
}

/// Where a program is. An ordinary user's path does not lead to where Debian keeps servers, so that is looked at, too.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
