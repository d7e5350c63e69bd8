//! How the ways of a session are written in a fault's description: `upstream`, `downstream`, `both`.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::target::Way;

/// The spelling of [`Way`] here, where all words are in snake case.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Way", rename_all = "snake_case")]
pub(super) enum Spelling {
    Upstream,
    Downstream,
    Both,
}

pub(super) const fn both() -> Way {
    Way::Both
}
