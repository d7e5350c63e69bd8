//! Models of races: that there is a package, time to play them, and nothing asked of an engine that it does not have.

use super::Checker;
use crate::experiment::Engine;
use crate::places::part;

pub(super) fn rules(checker: &mut Checker<'_>) {
    for (index, races) in checker.experiment.races.iter().enumerate() {
        let path = part!["races", index];
        if races.manifest.trim().is_empty() || races.manifest.contains('\0') {
            let help = "write the path of a package's `Cargo.toml`, from the experiment's folder on";
            checker.tell(&path.then("manifest"), "this is no path of a manifest", help);
        }
        if races.time.is_zero() {
            let help = "write a time for each model, such as `\"60s\"`";
            checker.tell(&path.then("time"), "in no time no model is played to its end", help);
        }
        if races.preemptions.is_some() && races.engine != Engine::Loom {
            let help = "leave it out: only loom plays every order, and has a bound on them";
            checker.tell(&path.then("preemptions"), "this engine has no bound on preemptions", help);
        }
        let words = races.tests.iter().chain(&races.package).chain(&races.cfg);
        if let Some(word) = words.into_iter().find(|word| word.is_empty() || word.starts_with('-')) {
            let message = format!("`{}` cannot be a name that cargo knows", crate::syntax::shortened(word));
            checker.tell(&path, message, "write a name as it stands in `Cargo.toml`");
        }
    }
}
