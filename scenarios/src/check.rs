//! Do the parts of an experiment fit together?
//!
//! Each rule is a function that looks at one thing and tells every problem it finds, each with its place. What could not
//! be read has been told already: about that, and about what refers to it, the rules keep quiet.

use crate::experiment::Experiment;
use crate::placeholder::{self, FORMS, Placeholder};
use crate::places::{Path, Places, part};
use crate::problem::{MOST_LOOKED_FOR, Problem};
use crate::suggest;
use crate::syntax::{Place, shortened};
use crate::target::{Link, Target};
use crate::words::Dictionary;
use crate::workload::{Destination, Workload};

mod addresses;
mod arrivals;
mod consistency;
mod exports;
mod faults;
mod gates;
mod guard;
mod names;
mod probes;
mod races;
mod schedule;
mod targets;
mod words;
mod workloads;

/// Everything that does not fit.
pub(crate) fn check(experiment: &Experiment, places: &Places) -> Vec<Problem> {
    let mut checker = Checker { experiment, places, problems: Vec::new() };
    names::rules(&mut checker);
    whole(&mut checker);
    addresses::rules(&mut checker);
    targets::rules(&mut checker);
    exports::rules(&mut checker);
    workloads::rules(&mut checker);
    faults::rules(&mut checker);
    schedule::rules(&mut checker);
    probes::rules(&mut checker);
    races::rules(&mut checker);
    consistency::rules(&mut checker);
    gates::rules(&mut checker);
    guard::rules(&mut checker);
    checker.problems
}

/// What a dictionary finds wrong with what is said in the words of protocols.
pub(crate) fn look_up(experiment: &Experiment, places: &Places, dictionary: &dyn Dictionary) -> Vec<Problem> {
    let mut checker = Checker { experiment, places, problems: Vec::new() };
    words::rules(&mut checker, dictionary);
    checker.problems
}

/// What does not fit in time alone: judged again when a rehearsal has divided the durations.
pub(crate) fn schedule_problems(experiment: &Experiment) -> Vec<Problem> {
    let mut checker = Checker { experiment, places: &Places::default(), problems: Vec::new() };
    schedule::rules(&mut checker);
    gates::windows(&mut checker);
    checker.problems
}

/// What the rules look at, and what they have found.
struct Checker<'e> {
    experiment: &'e Experiment,
    places: &'e Places,
    problems: Vec<Problem>,
}

/// Rules about the experiment as a whole.
fn whole(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    if experiment.targets.is_empty() {
        let help = "add one, such as `\"server\": Process(argv: [\"./server\", \"{port}\"])`";
        checker.tell(&part!["targets"], "an experiment needs at least one target", help);
    }
    if experiment.phases.total().is_zero() {
        checker.tell(
            &part!["phases"],
            "the run has no length",
            "give a phase a length, such as `chaos: \"30s\"`",
        );
    }
    let nothing = experiment.gates.is_empty()
        && experiment.hypothesis.is_empty()
        && experiment.races.is_empty()
        && experiment.consistency.is_empty();
    if nothing
        && !checker.places.is_broken(&part!["consistency"])
        && !checker.places.is_broken(&part!["races"])
        && !checker.places.is_broken(&part!["gates"])
        && !checker.places.is_broken(&part!["hypothesis"])
    {
        let target = experiment.targets.keys().next().map_or("server", String::as_str);
        let help = format!(
            "add `gates: [NoLeak(of: \"{}\")]`, for instance, or a probe to `hypothesis`",
            shortened(target)
        );
        checker.tell(&part![], "nothing is judged, so every run would pass", help);
    }
}

// === impl Checker ===

impl<'e> Checker<'e> {
    /// Whether there are so many problems that no more need be looked for.
    fn is_full(&self) -> bool {
        self.problems.len() >= MOST_LOOKED_FOR
    }

    /// Tells a problem at a part, unless that part could not be read.
    fn tell(&mut self, path: &Path, message: impl Into<String>, help: impl Into<String>) {
        if !self.places.is_broken(path) && !self.is_full() {
            self.problems.push(Problem::new(self.places.of(path), message).help(help));
        }
    }

    /// The same, at some bytes of a text.
    fn tell_within(&mut self, path: &Path, bytes: std::ops::Range<usize>, message: String, help: String) {
        if !self.places.is_broken(path) && !self.is_full() {
            self.problems.push(Problem::new(self.places.within(path, bytes), message).help(help));
        }
    }

    /// The same, with another place that belongs to it.
    fn tell_both(&mut self, path: &Path, other: (&Path, &str), message: String, help: &str) {
        if !self.places.is_broken(path) && !self.places.is_broken(other.0) && !self.is_full() {
            let place: Place = self.places.of(other.0);
            self.problems.push(Problem::new(self.places.of(path), message).help(help).also(place, other.1));
        }
    }

    /// The target of this name; tells where there is none. Nothing, too, where it could not be read.
    fn target(&mut self, path: &Path, name: &str) -> Option<&'e Target> {
        let targets = &self.experiment.targets;
        let found = targets.get_key_value(name);
        if found.is_none() && !self.is_full() && !self.places.is_broken(&part!["targets"]) {
            let help = suggest::help(name, "targets", targets.keys().map(String::as_str));
            let is_link = self.experiment.links.contains_key(name);
            let what = if is_link { "a link, not a target" } else { "no target" };
            self.tell(path, format!("`{}` is {what}", shortened(name)), help);
        }
        found.filter(|(name, _)| !self.places.is_broken(&part!["targets", *name])).map(|(_, target)| target)
    }

    /// The link of this name, in the same way.
    fn link(&mut self, path: &Path, name: &str) -> Option<&'e Link> {
        let links = &self.experiment.links;
        let found = links.get_key_value(name);
        if found.is_none() && !self.is_full() && !self.places.is_broken(&part!["links"]) {
            let help = suggest::help(name, "links", links.keys().map(String::as_str));
            let is_target = self.experiment.targets.contains_key(name);
            let what = if is_target { "a target, not a link" } else { "no link" };
            self.tell(path, format!("`{}` is {what}", shortened(name)), help);
        }
        found.filter(|(name, _)| !self.places.is_broken(&part!["links", *name])).map(|(_, link)| link)
    }

    /// The workload of this name, in the same way.
    fn workload(&mut self, path: &Path, name: &str) -> Option<&'e Workload> {
        let workloads = &self.experiment.workloads;
        let found = workloads.get_key_value(name);
        if found.is_none() && !self.is_full() && !self.places.is_broken(&part!["workloads"]) {
            let help = suggest::help(name, "workloads", workloads.keys().map(String::as_str));
            let is_target = self.experiment.targets.contains_key(name);
            let what = if is_target { "a target, not a workload" } else { "no workload" };
            self.tell(path, format!("`{}` is {what}", shortened(name)), help);
        }
        found
            .filter(|(name, _)| !self.places.is_broken(&part!["workloads", *name]))
            .map(|(_, workload)| workload)
    }

    /// That load, probes and links can get there.
    fn destination(&mut self, path: &Path, to: &Destination) {
        match to {
            Destination::Link(name) => self.connectable(path, name),
            Destination::Target(name) => self.reachable(path, name),
        }
    }

    /// That a link exists and takes connections.
    fn connectable(&mut self, path: &Path, name: &str) {
        let kind = self.link(path, name).map(Link::kind);
        if let Some(kind) = kind.filter(|kind| !kind.is_tcp()) {
            let word = kind.word();
            let message = format!("link `{}` is `{word}`, and this speaks TCP", shortened(name));
            let help = "let a target use it: its address is `{link:NAME}`; a workload of `Udp` can, too";
            self.tell(path, message, help);
        }
    }

    /// That a link exists and has a certificate.
    fn certified(&mut self, path: &Path, name: &str) {
        let broken = self.places.is_broken_within(&part!["links", &name.to_owned()]);
        if self.link(path, name).is_some_and(|link| !link.terminates_tls()) && !broken {
            let message =
                format!("clients speak no TLS with link `{}`, so there is nothing to trust", shortened(name));
            self.tell(
                path,
                message,
                "add `terminate: ()` to a link of `Tls`, or `tls: (terminate: ())` to one of `Http`",
            );
        }
    }

    /// That a target exists and has an address.
    fn reachable(&mut self, path: &Path, name: &str) {
        let Some(Target::Pid(attached)) = self.target(path, name) else { return };
        let address = part!["targets", &name.to_owned(), "address"];
        if attached.address.is_none() && !self.places.is_broken(&address) {
            let message =
                format!("target `{}` has no address, so nothing can be sent to it", shortened(name));
            self.tell(path, message, "add `address: \"127.0.0.1:8080\"` to the target");
        }
    }

    /// That a target has processes whose resources can be sampled.
    fn sampled(&mut self, path: &Path, name: &str) {
        if let Some(Target::Address(_)) = self.target(path, name) {
            let message =
                format!("target `{}` is only an address: its resources cannot be seen", shortened(name));
            self.tell(path, message, "name a `Process` or a `Pid`");
        }
    }

    /// That what looks like a placeholder is one, and leads to something. `own` says whether the text belongs to a
    /// target, with a port and a directory of its own.
    fn placeholders(&mut self, path: &Path, text: &str, own: bool) {
        for found in placeholder::find(text).into_iter().filter(|found| !found.literal) {
            let inner = shortened(&found.inner);
            match found.meaning {
                None => {
                    let (near, _) = inner.split_once(':').unwrap_or((&inner, ""));
                    let forms = FORMS.iter().map(|form| form.split(':').next().unwrap_or(form));
                    let near = suggest::nearest(near, forms)
                        .map_or(String::new(), |near| format!("did you mean `{near}`? "));
                    let help = format!(
                        "{near}placeholders: {}; for the text itself write `{{{{{inner}}}}}`",
                        suggest::listed(FORMS)
                    );
                    self.tell_within(path, found.at, format!("unknown placeholder `{{{inner}}}`"), help);
                }
                Some(own_one @ (Placeholder::Port | Placeholder::Dir)) if !own => {
                    let message = format!("`{{{inner}}}` is a target's own, and there is none here");
                    let help = if own_one == Placeholder::Port {
                        "write `{target-port:NAME}` for a target's port"
                    } else {
                        "write a path, counted from the experiment's folder"
                    };
                    self.tell_within(path, found.at, message, help.to_owned());
                }
                Some(meaning) => self.referred(path, found.at, &meaning),
            }
        }
    }

    /// That the link or target of a placeholder exists; told at the placeholder itself.
    fn referred(&mut self, path: &Path, at: std::ops::Range<usize>, meaning: &Placeholder) {
        let told = self.problems.len();
        match meaning {
            Placeholder::Link(name) | Placeholder::LinkPort(name) => drop(self.link(path, name)),
            Placeholder::LinkCa(name) => self.certified(path, name),
            Placeholder::Target(name) | Placeholder::TargetPort(name) => self.reachable(path, name),
            Placeholder::Port | Placeholder::Dir | Placeholder::Shakedown => {}
        }
        let place = self.places.within(path, at);
        self.problems[told..].iter_mut().for_each(|problem| problem.place = place);
    }
}
