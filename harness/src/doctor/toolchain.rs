//! What `shakedown races` builds models with.

use super::{Check, programs};

/// The toolchain that ThreadSanitizer is taken from unless another is named.
const NIGHTLY: &str = "nightly";

pub(super) fn examine() -> [Check; 2] {
    let cargo = programs::find("cargo", &programs::folders());
    let found = match &cargo {
        Some(path) => Check::good("cargo", path.display().to_string()),
        None => {
            Check::missing("cargo", "not found", "`shakedown races` builds models with it: https://rustup.rs")
        }
    };
    let missing = match cargo {
        Some(_) => shakedown_races::missing_for_tsan(NIGHTLY),
        None => Some("cargo".to_owned()),
    };
    let name = "thread sanitizer";
    let watched = match missing {
        None => Check::good(name, format!("the {NIGHTLY} toolchain has what it needs")),
        Some(missing) => {
            Check::limited(name, "off", format!("`shakedown races --engine tsan` needs {missing}"))
        }
    };
    [found, watched]
}
