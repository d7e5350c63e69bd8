//! Where everything listens: ports for the targets, proxies for the links.

mod running;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs as _};

use shakedown_link_faults::StartError;
use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::probe::Ask;
use shakedown_scenarios::target::{Port, Target};
use shakedown_scenarios::workload::Destination;

pub use running::RunningLink;

/// Why something cannot be reached or listened on.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A port that the experiment names is in use.
    #[error("port {port} for {what} is taken: {error}; end what listens there, or write `Auto`")]
    Taken {
        /// The port.
        port: u16,
        /// Target or link.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// No free port, or no permission to listen.
    #[error("cannot listen for {what}: {error}")]
    Listen {
        /// Target or link.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// A link that speaks a protocol cannot be what it is to be.
    #[error("link `{link}`: {error}")]
    Link {
        /// The link.
        link: String,
        /// Why not.
        error: StartError,
    },
    /// A name that means no address.
    #[error("target `{target}`: `{address}` is no address that can be reached: {error}")]
    Unresolved {
        /// The target.
        target: String,
        /// What the experiment says.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// An address outside this machine that the guard does not allow.
    #[error(
        "target `{target}`: {address} is not on this machine; if it may be loaded and broken, add it to `guard: (allow: [\"{address}\"])`"
    )]
    NotAllowed {
        /// The target.
        target: String,
        /// The address as the experiment writes it.
        address: String,
    },
}

/// Ports held for targets until they are started, so that nobody else gets them in between.
#[derive(Debug, Default)]
pub struct Reserved {
    listeners: BTreeMap<String, TcpListener>,
}

/// Where each target serves, and the ports held for those that the run starts.
///
/// # Errors
/// [`PlaceError`] for the first target that has no place.
pub fn place_targets(
    experiment: &Experiment,
) -> Result<(BTreeMap<String, SocketAddr>, Reserved), PlaceError> {
    let mut places = BTreeMap::new();
    let mut reserved = Reserved::default();
    for (name, target) in &experiment.targets {
        let address = match target {
            Target::Process(process) => {
                let (address, listener) = reserve(&format!("target `{name}`"), process.port)?;
                reserved.listeners.insert(name.clone(), listener);
                Some(address)
            }
            Target::Pid(attached) => {
                attached.address.as_ref().map(|address| resolve(experiment, name, address)).transpose()?
            }
            Target::Address(address) => Some(resolve(experiment, name, &address.address)?),
        };
        if let Some(address) = address {
            places.insert(name.clone(), address);
        }
    }
    Ok((places, reserved))
}

/// Starts the proxies of every link.
///
/// # Errors
/// [`PlaceError`] for the first link that cannot listen.
pub fn start_links(
    experiment: &Experiment,
    targets: &BTreeMap<String, SocketAddr>,
    seed: u64,
) -> Result<BTreeMap<String, RunningLink>, PlaceError> {
    let mut running = BTreeMap::new();
    for (name, link) in &experiment.links {
        let upstream = link.to().and_then(|to| targets.get(to)).copied();
        // `check` has seen that the target exists and has an address.
        if let Some(link) = RunningLink::start(name, link, upstream, seed)? {
            running.insert(name.clone(), link);
        }
    }
    Ok(running)
}

/// The address that load or a probe goes to.
#[must_use]
pub fn destination(
    to: &Destination,
    targets: &BTreeMap<String, SocketAddr>,
    links: &BTreeMap<String, SocketAddr>,
) -> Option<SocketAddr> {
    match to {
        Destination::Link(link) => links.get(link).copied(),
        Destination::Target(target) => targets.get(target).copied(),
    }
}

/// Where a probe asks, if it asks at an address.
#[must_use]
pub const fn asked(ask: &Ask) -> Option<&Destination> {
    match ask {
        Ask::Http { to, .. } | Ask::Tcp { to } => Some(to),
        Ask::Exec { .. } => None,
    }
}

fn reserve(what: &str, port: Port) -> Result<(SocketAddr, TcpListener), PlaceError> {
    let port = if let Port::Fixed(port) = port { port } else { 0 };
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| refused(what.into(), port, error))?;
    let address = listener.local_addr().map_err(|error| refused(what.into(), port, error))?;
    Ok((address, listener))
}

fn refused(what: String, port: u16, error: io::Error) -> PlaceError {
    match port {
        0 => PlaceError::Listen { what, error },
        port => PlaceError::Taken { port, what, error },
    }
}

fn resolve(experiment: &Experiment, target: &str, address: &str) -> Result<SocketAddr, PlaceError> {
    let unresolved =
        |error| PlaceError::Unresolved { target: target.to_owned(), address: address.to_owned(), error };
    let mut found = address.to_socket_addrs().map_err(unresolved)?;
    let first = found.next().ok_or_else(|| unresolved(io::ErrorKind::NotFound.into()))?;
    let allowed = experiment.guard.allow.iter().any(|entry| entry == address);
    if first.ip().is_loopback() || allowed {
        Ok(first)
    } else {
        Err(PlaceError::NotAllowed { target: target.to_owned(), address: address.to_owned() })
    }
}

// === impl Reserved ===

impl Reserved {
    /// Lets a target's port go, right before the target takes it.
    pub fn release(&mut self, target: &str) {
        self.listeners.remove(target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_with_its_owner_and_the_way_out() {
        let (address, _held) = reserve("target `a`", Port::Auto).unwrap();
        let error = reserve("target `b`", Port::Fixed(address.port())).unwrap_err().to_string();
        assert!(error.contains(&format!("port {} for target `b` is taken", address.port())), "{error}");
        assert!(error.contains("write `Auto`"), "{error}");
    }
}
