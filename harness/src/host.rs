//! Facts about the machine of a run, for its journal.

use procfs::Current as _;
use shakedown_reports::journal::Host;

/// What can be told of this machine; what cannot is empty or zero.
#[must_use]
pub fn facts() -> Host {
    let name = nix::sys::utsname::uname();
    let word = |text: Option<&std::ffi::OsStr>| text.unwrap_or_default().to_string_lossy().into_owned();
    let (host, system) = name.map_or_else(
        |_| Default::default(),
        |name| {
            let system = format!(
                "{} {} {}",
                word(Some(name.sysname())),
                word(Some(name.release())),
                word(Some(name.machine()))
            );
            (word(Some(name.nodename())), system)
        },
    );
    let cores = std::thread::available_parallelism()
        .map_or(0, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    let memory = procfs::Meminfo::current().map_or(0, |memory| memory.mem_total);
    Host { name: host, system, cores, memory }
}
