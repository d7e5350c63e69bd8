//! Hostile openings: that they reach the target, and that some are left to send.

use crate::check::{Checker, targets};
use crate::places::Path;
use crate::protocol::LinkKind;
use crate::suggest;
use crate::syntax::shortened;
use crate::workload::Destination;
use crate::workload::malformed::MalformedWorkload;

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, malformed: &MalformedWorkload) {
    passes(checker, path, malformed);
    let spoken = malformed.protocol;
    match &malformed.path {
        Some(url) if spoken.has_path() => targets::http_path(checker, &path.then("path"), url),
        Some(_) => {
            let message = format!("openings of `{}` have no path", spoken.word());
            checker.tell(&path.then("path"), message, "remove it");
        }
        None => {}
    }
    let names = spoken.openings();
    for (index, name) in malformed.leave_out.iter().enumerate() {
        if !names.contains(&name.as_str()) {
            let message = format!("`{}` is no opening of `{}`", shortened(name), spoken.word());
            let help = suggest::help(name, "openings", names.iter().copied());
            checker.tell(&path.then("leave_out").then(index), message, help);
        }
    }
    if malformed.openings().next().is_none() {
        let message = "every opening is left out, so nothing is sent";
        checker.tell(&path.then("leave_out"), message, "leave at least one");
    }
}

/// A link that speaks a protocol itself would refuse what is meant for the target.
fn passes(checker: &mut Checker<'_>, path: &Path, malformed: &MalformedWorkload) {
    let Destination::Link(name) = &malformed.to else { return };
    let experiment = checker.experiment;
    let Some(kind) = experiment.links.get(name).map(|link| link.kind()) else { return };
    if kind != LinkKind::Tcp && kind.is_tcp() {
        let word = kind.word();
        let message =
            format!("link `{}` is `{word}`, and its proxy refuses what is malformed", shortened(name));
        let help = "go through a link of `Tcp`, or straight: `to: Target(\"…\")`";
        checker.tell(&path.then("to").then("name"), message, help);
    }
}
