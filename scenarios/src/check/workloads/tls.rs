//! TLS of workloads: that somebody is believed, that names can be names, and that both ends of a link agree to speak it.

use std::net::IpAddr;

use crate::check::Checker;
use crate::places::{Path, part};
use crate::protocol::LinkKind;
use crate::syntax::shortened;
use crate::workload::{Destination, Tls, Workload};

/// The longest name of a host and the longest part of one (RFC 1035, section 2.3.4).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, workload: &Workload) {
    let tls = workload.tls();
    if let Some(tls) = tls {
        trust(checker, &path.then("tls"), tls);
    }
    if !asks_first(checker, path, workload) {
        agree(checker, path, workload.to(), tls.is_some());
    }
}

fn trust(checker: &mut Checker<'_>, path: &Path, tls: &Tls) {
    match &tls.ca {
        None if tls.verify && !checker.places.is_broken(&path.then("ca")) => {
            let help = "add `ca: \"ca.pem\"`, or `ca: \"{link-ca:NAME}\"` for a link that speaks TLS, or `verify: false`";
            checker.tell(path, "nobody is believed, so every handshake would fail", help);
        }
        Some(_) if !tls.verify => {
            let help = "remove `ca`, or `verify: false`";
            checker.tell(&path.then("ca"), "nobody is asked for it where nothing is verified", help);
        }
        Some(ca) if ca.is_empty() => {
            checker.tell(
                &path.then("ca"),
                "this is not the name of a file",
                "write one such as `\"ca.pem\"`",
            );
        }
        Some(ca) => checker.placeholders(&path.then("ca"), ca, false),
        None => {}
    }
    if let Some(name) = tls.name.as_ref().filter(|name| !is_host(name)) {
        let message = format!("`{}` is not the name of a host", shortened(name));
        let help = "write it without a port, such as `\"shop.local\"` or `\"127.0.0.1\"`";
        checker.tell(&path.then("name"), message, help);
    }
}

/// A DNS name or an address.
fn is_host(name: &str) -> bool {
    let is_part = |part: &str| {
        let fits = (1..=LABEL_MAX).contains(&part.len());
        fits && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.parse::<IpAddr>().is_ok() || (name.len() <= NAME_MAX && name.split('.').all(is_part))
}

/// A link of `Tls` reads a handshake from the first byte on; PostgreSQL's clients ask in the clear whether there may be one.
fn asks_first(checker: &mut Checker<'_>, path: &Path, workload: &Workload) -> bool {
    let (Workload::Postgres(_), Some(_), Destination::Link(name)) = (workload, workload.tls(), workload.to())
    else {
        return false;
    };
    let terminates = checker.experiment.links.get(name).is_some_and(crate::target::Link::terminates_tls);
    if terminates {
        let message = format!(
            "link `{}` speaks TLS from the first byte on, and PostgreSQL asks for it first",
            shortened(name)
        );
        let help = "go through a link of `Tcp`, which passes TLS on as it is";
        checker.tell(&path.then("to"), message, help);
    }
    terminates
}

/// That a link which reads what passes speaks TLS with clients that do, and does not with others.
fn agree(checker: &mut Checker<'_>, path: &Path, to: &Destination, speaks: bool) {
    let Destination::Link(name) = to else { return };
    let Some(link) = checker.experiment.links.get(name) else { return };
    let reads = matches!(link.kind(), LinkKind::Http | LinkKind::Tls);
    if !reads || checker.places.is_broken_within(&part!["links", name]) {
        return;
    }
    let shown = shortened(name);
    if speaks && !link.terminates_tls() {
        let help = "add `terminate: ()` to a link of `Tls`, or `tls: (terminate: ())` to one of `Http`; a link of `Tcp` \
                    passes TLS on as it is";
        checker.tell(
            &path.then("tls"),
            format!("link `{shown}` speaks no TLS with clients, and would not understand this load"),
            help,
        );
    }
    if !speaks && link.terminates_tls() {
        let help = format!("add `tls: (ca: \"{{link-ca:{shown}}}\")` to the workload");
        let message = format!("link `{shown}` speaks TLS with clients, and would not understand this load");
        checker.tell(&path.then("to"), message, help);
    }
}
