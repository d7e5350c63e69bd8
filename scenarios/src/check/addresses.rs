//! Addresses: what they look like, and that nothing but loopback is reached unless it is allowed by name.

use std::net::{IpAddr, Ipv6Addr};

use super::Checker;
use crate::places::{Path, part};
use crate::syntax::shortened;
use crate::target::{Port, Target};

const FORM: &str = "write `host:port`, such as `127.0.0.1:8080` or `[::1]:8080`";

/// `host:port`, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Address<'a> {
    /// Without the brackets of IPv6.
    host: &'a str,
    port: u16,
}

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    for (index, allowed) in experiment.guard.allow.iter().enumerate() {
        if parse(allowed).is_none() {
            let message = format!("`{}` is not an address", shortened(allowed));
            checker.tell(&part!["guard", "allow", index], message, FORM);
        }
    }
    for (name, target) in &experiment.targets {
        let address = match target {
            Target::Address(address) => Some(&address.address),
            Target::Pid(attached) => attached.address.as_ref(),
            Target::Process(_) => None,
        };
        if let Some(address) = address {
            reached(checker, &part!["targets", name, "address"], address);
        }
    }
    ports(checker);
}

/// That an address is one, and may be reached.
fn reached(checker: &mut Checker<'_>, path: &Path, text: &str) {
    let Some(address) = parse(text) else {
        return checker.tell(path, format!("`{}` is not an address", shortened(text)), FORM);
    };
    let allow = &checker.experiment.guard.allow;
    let allowed = allow.iter().any(|allowed| parse(allowed).as_ref() == Some(&address));
    let unclear = checker.places.is_broken_within(&part!["guard", "allow"])
        || checker.places.is_broken(&part!["guard"]);
    if !is_loopback(address.host) && !allowed && !unclear {
        let shown = shortened(text);
        let message = format!("`{shown}` is not on this machine, and not allowed");
        checker.tell(
            path,
            message,
            format!("if faults and load may reach it, add `guard: (allow: [\"{shown}\"])`"),
        );
    }
}

/// Whether a host is this machine's loopback, whatever a resolver might say: only the name `localhost` and addresses
/// written in full count.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parse(text: &str) -> Option<Address<'_>> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0 && !text.contains("+"))?;
    if let Some(bracketed) = host.strip_prefix('[') {
        let host = bracketed.strip_suffix(']').filter(|host| host.parse::<Ipv6Addr>().is_ok())?;
        return Some(Address { host, port });
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_name = !host.is_empty() && host.len() <= 253 && host.chars().all(name);
    is_name.then_some(Address { host, port })
}

/// That nothing is to listen where something else is or listens.
fn ports(checker: &mut Checker<'_>) {
    let mut taken: std::collections::BTreeMap<u16, Path> = std::collections::BTreeMap::new();
    for (path, port) in own_ports(checker) {
        match taken.get(&port) {
            Some(first) => {
                let first = first.clone();
                let message = format!("port {port} is taken twice");
                checker.tell_both(
                    &path,
                    (&first, "first here"),
                    message,
                    "choose another one, or write `Auto`",
                );
            }
            None => drop(taken.insert(port, path)),
        }
    }
    for (path, port) in reached_ports(checker) {
        if let Some(own) = taken.get(&port) {
            let own = own.clone();
            let message = format!("port {port} of this address is one that the run itself listens on");
            checker.tell_both(
                &path,
                (&own, "taken here"),
                message,
                "choose another port for one of them, or write `Auto`",
            );
        }
    }
}

/// The fixed ports that links and processes listen on.
fn own_ports(checker: &Checker<'_>) -> Vec<(Path, u16)> {
    let links = checker.experiment.links.iter().filter_map(|(name, link)| match link.listen() {
        Port::Fixed(port) => Some((part!["links", name, "listen"], port)),
        Port::Auto => None,
    });
    let processes = checker.experiment.targets.iter().filter_map(|(name, target)| match target {
        Target::Process(process) => match process.port {
            Port::Fixed(port) => Some((part!["targets", name, "port"], port)),
            Port::Auto => None,
        },
        Target::Pid(_) | Target::Address(_) => None,
    });
    links.chain(processes).collect()
}

/// The loopback ports of targets that run already.
fn reached_ports(checker: &Checker<'_>) -> Vec<(Path, u16)> {
    let targets = checker.experiment.targets.iter().filter_map(|(name, target)| {
        let address = match target {
            Target::Address(address) => &address.address,
            Target::Pid(attached) => attached.address.as_ref()?,
            Target::Process(_) => return None,
        };
        let address = parse(address).filter(|address| is_loopback(address.host))?;
        Some((part!["targets", name, "address"], address.port))
    });
    targets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_loopback() {
        for (text, expected) in [
            ("127.0.0.1:80", Some(true)),
            ("127.9.9.9:80", Some(true)),
            ("localhost:80", Some(true)),
            ("LOCALHOST:80", Some(true)),
            ("[::1]:80", Some(true)),
            ("localhost.evil.com:80", Some(false)),
            ("127.1:80", Some(false)),
            ("0x7f000001:80", Some(false)),
            ("0.0.0.0:80", Some(false)),
            ("[::]:80", Some(false)),
            ("[::ffff:10.0.0.1]:80", Some(false)),
            ("10.0.0.1:80", Some(false)),
            ("example:1", Some(false)),
            ("127.0.0.1", None),
            ("127.0.0.1:0", None),
            ("127.0.0.1:65536", None),
            ("127.0.0.1:+80", None),
            ("::1:80", None),
            ("http://127.0.0.1:80", None),
            ("127.0.0.1:80/x", None),
            (":80", None),
            ("", None),
            ("a b:80", None),
        ] {
            assert_eq!(parse(text).map(|address| is_loopback(address.host)), expected, "{text}");
        }
    }
}
