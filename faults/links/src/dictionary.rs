//! The words of all protocols, for whoever reads experiments.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use shakedown_datagram_faults::dns::{Elsewhere, ZoneDescription};
use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::fault::Act;
use shakedown_scenarios::target::Link;
use shakedown_scenarios::words::{Dictionary, Part, Spelling, Wrong, read};
use shakedown_tls_faults::TlsOptions;

use crate::{LinkFault, LinkSpec, Wrongs};

/// Knows the words of every protocol here. It makes certificates to see whether they can be made, and listens nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vocabulary;

/// Stands for a target's address where that is not known yet.
const SOMEWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

// === impl Vocabulary ===

impl Dictionary for Vocabulary {
    fn look_up(&self, experiment: &Experiment) -> Vec<(Part, Wrong)> {
        let mut found = Vec::new();
        for (name, link) in &experiment.links {
            let wrongs = link_wrongs(experiment, link);
            found.extend(wrongs.into_iter().map(|wrong| (Part::Link(name.clone()), wrong)));
        }
        for (index, fault) in experiment.faults.iter().enumerate() {
            let Act::Protocol { protocol, fault, .. } = &fault.act else { continue };
            let wrongs = LinkFault::read_spelled(*protocol, fault, Spelling::Camel).err();
            let wrongs = wrongs.into_iter().flat_map(|wrongs| wrongs.0);
            found.extend(wrongs.map(|wrong| (Part::Fault(index), wrong)));
        }
        found
    }
}

fn link_wrongs(experiment: &Experiment, link: &Link) -> Vec<Wrong> {
    match LinkSpec::of(link, Some(SOMEWHERE)) {
        Err(wrongs) => wrongs.0,
        Ok(None) => Vec::new(),
        Ok(Some(spec)) => {
            let mut wrongs = spec.problems();
            wrongs.extend(forwards_outside(experiment, &spec));
            wrongs
        }
    }
}

/// Nothing but this machine is asked unless the guard allows it by name.
fn forwards_outside(experiment: &Experiment, spec: &LinkSpec) -> Option<Wrong> {
    let LinkSpec::Dns { zone: ZoneDescription { elsewhere: Elsewhere::Forward(address), .. } } = spec else {
        return None;
    };
    let shown = address.to_string();
    let allowed = address.ip().is_loopback() || experiment.guard.allow.contains(&shown);
    (!allowed).then(|| {
        let message = format!("`{shown}` is not on this machine, and not allowed");
        Wrong::new("elsewhere", message)
            .help(format!("if it may be asked, add `guard: (allow: [\"{shown}\"])`"))
    })
}

// === impl LinkSpec ===

impl LinkSpec {
    /// What a link of an experiment is to be, with its target at `upstream`; `None` for one of plain TCP, which is not
    /// done here, and for one whose target has no address.
    ///
    /// # Errors
    /// The first word among its options that is not known.
    pub fn of(link: &Link, upstream: Option<SocketAddr>) -> Result<Option<Self>, Wrongs> {
        let read_tls = |options: &Value| read::<TlsOptions>(options, Spelling::Camel);
        let spec = match (link, upstream) {
            (Link::Dns(dns), _) => read(&dns.zone, Spelling::Camel).map(|zone| Self::Dns { zone }),
            (Link::Tcp(_), _) | (_, None) => return Ok(None),
            (Link::Udp(_), Some(upstream)) => Ok(Self::Udp { upstream }),
            (Link::Tls(tls), Some(upstream)) => {
                read_tls(&tls.options).map(|options| Self::Tls { upstream, options })
            }
            (Link::Http(http), Some(upstream)) => {
                let tls = http.options.get("tls").map(read_tls).transpose();
                tls.map(|tls| Self::Http { upstream, tls }).map_err(|wrong| wrong.within("tls"))
            }
        };
        spec.map(Some).map_err(|wrong| Wrongs(vec![wrong]))
    }
}
