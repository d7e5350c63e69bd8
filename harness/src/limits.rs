//! The limit on open descriptors: a proxied connection takes two, and a fault makes clients open many.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The soft and the hard limit this process was started with.
static INHERITED: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Raises this process's soft limit to its hard one, which needs no privilege. Where that fails, the old one stays.
pub fn raise() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if soft < hard && INHERITED.set((soft, hard)).is_ok() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// The limit that was raised. Targets get it back: they must meet the limit they would meet without us.
#[must_use]
pub fn inherited() -> Option<(rlim_t, rlim_t)> {
    INHERITED.get().copied()
}
