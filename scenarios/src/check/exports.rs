//! Exported figures: that each page can be asked for, and that what is looked for can be on it.

use std::collections::BTreeSet;

use super::{Checker, targets};
use crate::export::{Export, Form, Selector};
use crate::places::{Path, part};
use crate::syntax::shortened;
use crate::target::Target;
use crate::units::Span;

/// A page of figures is no workload.
const SHORTEST_INTERVAL: Span = Span::millis(100);
/// So much of a target's pages is looked at that the harness stays small beside it.
const MOST_PAGES: usize = 16;
const MOST_FIGURES: usize = 32;
/// The longest name that fits into a legend's line, more or less.
const LONGEST_NAME: usize = 200;

pub(super) fn rules(checker: &mut Checker<'_>) {
    for (name, target) in &checker.experiment.targets {
        let exports = target.exports();
        let path = part!["targets", name, "exports"];
        if exports.len() > MOST_PAGES {
            let message = format!("{} pages are more than a target may have", exports.len());
            checker.tell(&path, message, format!("allowed: {MOST_PAGES}; one page may hold many figures"));
            continue;
        }
        let mut names = BTreeSet::new();
        for (index, export) in exports.iter().enumerate() {
            let path = path.then(index);
            page(checker, &path, name, target, export);
            figures(checker, &path, export, &mut names);
        }
    }
}

fn page(checker: &mut Checker<'_>, path: &Path, name: &str, target: &Target, export: &Export) {
    targets::http_path(checker, &path.then("path"), &export.path);
    if export.every < SHORTEST_INTERVAL {
        let message = format!("every {} is too often for a page of figures", export.every);
        let help =
            format!("ask at most every {SHORTEST_INTERVAL}; the target has to make the page each time");
        checker.tell(&path.then("every"), message, help);
    }
    if export.timeout.is_zero() {
        let help = "write a timeout such as `\"1s\"`";
        checker.tell(&path.then("timeout"), "with no time to answer every page is missed", help);
    }
    let nowhere = matches!(target, Target::Pid(attached) if attached.address.is_none());
    let unclear = checker.places.is_broken(&part!["targets", &name.to_owned(), "address"]);
    if nowhere && export.port.is_none() && !unclear && !checker.places.is_broken(&path.then("port")) {
        let message = format!("target `{}` has no address, so its page cannot be asked for", shortened(name));
        checker.tell(
            path,
            message,
            "add `address: \"127.0.0.1:8080\"` to the target, or `port: 9100` to the page",
        );
    }
}

fn figures<'e>(checker: &mut Checker<'e>, path: &Path, export: &'e Export, names: &mut BTreeSet<&'e str>) {
    let (key, find) = match export.form {
        Form::Prometheus => ("metrics", None),
        Form::Json => ("figures", Some("pointer")),
    };
    let path = path.then(key);
    match export.figures.len() {
        0 => checker.tell(&path, "nothing is looked for on this page", format!("name something in `{key}`")),
        many if many > MOST_FIGURES => {
            let message = format!("{many} figures are more than are taken of one page");
            checker.tell(&path, message, format!("allowed: {MOST_FIGURES}; name those that could leak"));
            return;
        }
        _ => {}
    }
    for (index, figure) in export.figures.iter().enumerate() {
        let path = path.then(index);
        let place = find.map_or_else(|| path.clone(), |find| path.then(find));
        let shown = shortened(&figure.find);
        match export.form {
            Form::Prometheus if Selector::parse(&figure.find).is_none() => {
                let help = "write `name` or `name{label=\"value\"}`; only `=` compares";
                checker.tell(&place, format!("`{shown}` names no metric"), help);
            }
            Form::Json if !figure.find.starts_with('/') => {
                let help = "write a JSON Pointer such as `\"/pool/queue\"`: one `/name` for each step";
                checker.tell(&place, format!("`{shown}` is no JSON Pointer"), help);
            }
            Form::Prometheus | Form::Json => {}
        }
        let at = if find.is_some() { path.then("name") } else { path };
        named(checker, &at, &figure.name, names);
    }
}

fn named<'e>(checker: &mut Checker<'e>, path: &Path, name: &'e str, names: &mut BTreeSet<&'e str>) {
    let shown = shortened(name);
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        let help = format!("write 1 to {LONGEST_NAME} characters in one line");
        checker.tell(path, format!("`{shown}` cannot be the name of a figure"), help);
    } else if !names.insert(name) {
        let help = "give each figure of a target its own name";
        checker.tell(path, format!("figure `{shown}` is named twice"), help);
    }
}
