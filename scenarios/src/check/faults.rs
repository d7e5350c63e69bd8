//! Faults: that what they act on exists and can be broken that way, and that they are strong enough to be felt and
//! weak enough to be survived.

mod groups;

use super::Checker;
use crate::fault::{Act, Fault};
use crate::places::{Path, part};
use crate::protocol::Protocol;
use crate::syntax::shortened;
use crate::target::{Amount, Link, Target};
use crate::toxic::{Aim, Distribution, Toxic};
use crate::units::{Ratio, Span};

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    for (index, fault) in experiment.faults.iter().enumerate() {
        let path = part!["faults", index, "do"];
        // An act that could not be read is a blank one.
        if checker.places.is_broken(&path) {
            continue;
        }
        acts_on_something(checker, &path, &fault.act);
        strength(checker, &path, fault);
    }
}

fn acts_on_something(checker: &mut Checker<'_>, path: &Path, act: &Act) {
    match act {
        Act::Toxic { link, .. } => takes_toxics(checker, &path.then("link"), act.kind(), link),
        Act::Split { between, way } => groups::rules(checker, &path.then("between"), between, *way),
        Act::Protocol { link, protocol, .. } => takes(checker, &path.then("link"), *protocol, link),
        Act::Kill { target } | Act::Restart { target } => {
            started(checker, &path.then("target"), act.kind(), target)
        }
        Act::Stop { target } => running(checker, &path.then("target"), target),
        Act::CpuPressure { .. } | Act::MemoryPressure { .. } => {}
    }
}

fn takes_toxics(checker: &mut Checker<'_>, path: &Path, kind: &str, name: &str) {
    let Some(link) = checker.link(path, name).map(Link::kind).filter(|kind| !kind.is_tcp()) else { return };
    let (name, word) = (shortened(name), link.word());
    let message = format!("`{kind}` is done to TCP; link `{name}` is `{word}`");
    checker.tell(path, message, format!("use `{word}Fault(link: \"{name}\", act: …)`"));
}

fn takes(checker: &mut Checker<'_>, path: &Path, protocol: Protocol, name: &str) {
    let Some(link) = checker.link(path, name).filter(|link| !link.takes(protocol)) else { return };
    let (act, word) = (protocol.act(), link.kind().word());
    let options = part!["links", &name.to_owned()];
    if checker.places.is_broken_within(&options) {
        return;
    }
    let name = shortened(name);
    let (message, help) = match protocol {
        Protocol::Tls => (
            format!(
                "`{act}` needs a link with which clients speak TLS; `{name}` is `{word}` without `terminate`"
            ),
            "write `Tls(to: …, terminate: ())` or `Http(to: …, tls: (terminate: ()))`".to_owned(),
        ),
        _ => {
            let needed = protocol.link().word();
            let target = link.to().map_or("…", String::as_str);
            let example = match needed {
                "Dns" => "Dns(names: {\"db.test\": [\"127.0.0.1\"]})".to_owned(),
                _ => format!("{needed}(to: \"{}\")", shortened(target)),
            };
            (
                format!("`{act}` needs a link of kind `{needed}`; `{name}` is `{word}`"),
                format!("write `\"{name}\": {example}`"),
            )
        }
    };
    checker.tell(path, message, help);
}

/// Only what the run started itself may be ended by it.
fn started(checker: &mut Checker<'_>, path: &Path, kind: &str, name: &str) {
    let what = match checker.target(path, name) {
        None | Some(Target::Process(_)) => return,
        Some(Target::Pid(_)) => "a `Pid`, which the run did not start",
        Some(Target::Address(_)) => "only an address",
    };
    let message = format!("`{kind}` needs a `Process`; target `{}` is {what}", shortened(name));
    let help = if what.starts_with("a `Pid`") {
        "use `Stop`, or let the run start it as a `Process`"
    } else {
        "break a link to it instead"
    };
    checker.tell(path, message, help);
}

fn running(checker: &mut Checker<'_>, path: &Path, name: &str) {
    if let Some(Target::Address(_)) = checker.target(path, name) {
        let message =
            format!("`Stop` needs a `Process` or a `Pid`; target `{}` is only an address", shortened(name));
        checker.tell(path, message, "break a link to it instead");
    }
}

fn strength(checker: &mut Checker<'_>, path: &Path, fault: &Fault) {
    match &fault.act {
        Act::Toxic { toxic, aim, .. } => toxics(checker, path, toxic, aim),
        Act::CpuPressure { load, .. } => share(checker, &path.then("load"), *load, 1.0, "100%"),
        Act::MemoryPressure { amount, ramp } => memory(checker, path, *amount, *ramp, fault.hold),
        _ => {}
    }
}

fn toxics(checker: &mut Checker<'_>, path: &Path, toxic: &Toxic, aim: &Aim) {
    for problem in toxic.problems(aim) {
        checker.tell(&path.then(problem.field), problem.message, problem.help);
    }
    match toxic {
        // A control plane may stall a link like this, as clients of Toxiproxy do; a file has a better word for it.
        Toxic::Bandwidth { rate, .. } if rate.as_bytes_per_second() == 0 => {
            let help = "write a rate such as `\"64KiB/s\"`; to let nothing pass use `Partition`";
            checker.tell(&path.then("rate"), "at a rate of zero nothing passes", help);
        }
        Toxic::Latency { delay, jitter, distribution: Distribution::Uniform, .. }
            if jitter > delay && !delay.is_zero() && !checker.places.is_broken(&path.then("delay")) =>
        {
            let message = format!(
                "jitter {jitter} is more than the delay {delay}: some bytes would have to leave early"
            );
            checker.tell(&path.then("jitter"), message, format!("make it at most \"{delay}\""));
        }
        _ => {}
    }
}

/// A share above zero, up to a limit.
fn share(checker: &mut Checker<'_>, path: &Path, share: Ratio, most: f64, shown: &str) {
    if share.value() <= 0.0 || share.value() > most {
        checker.tell(path, format!("{share} is out of range"), format!("allowed: above 0% to {shown}"));
    }
}

fn memory(checker: &mut Checker<'_>, path: &Path, amount: Amount, ramp: Span, hold: Span) {
    match amount {
        Amount::Size(size) if size.as_bytes() == 0 => {
            checker.tell(
                &path.then("size"),
                "a pressure of no bytes is none",
                "write a size such as `\"256MiB\"`",
            );
        }
        Amount::Size(_) => {}
        // A tenth of what is available is left to the machine whatever is asked for.
        Amount::Share(of) => {
            share(checker, &path.then("share"), of, 0.9, "90%: a tenth is left to the machine")
        }
    }
    if ramp > hold && !hold.is_zero() {
        let message = format!("it takes {ramp} to take the memory, but the fault holds only {hold}");
        checker.tell(&path.then("ramp"), message, format!("make `ramp` at most \"{hold}\""));
    }
}
