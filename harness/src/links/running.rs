//! A link that runs: a proxy for TCP, where it is one of TCP's, and behind it what knows the protocol, where it has one.
//!
//! So every link over TCP takes toxics and is counted in the same way, whatever is spoken on it.

use std::net::{Ipv4Addr, SocketAddr};

use shakedown_faults::proxy::Proxy;
use shakedown_link_faults::{Link, LinkSpec, StartError};
use shakedown_reports::journal::LinkSample;
use shakedown_scenarios::protocol::LinkKind;
use shakedown_scenarios::target::{Link as Described, Port};

use super::{PlaceError, refused};

/// A link that runs.
#[derive(Debug)]
pub struct RunningLink {
    tcp: Option<Proxy>,
    protocol: Option<Link>,
}

// === impl RunningLink ===

impl RunningLink {
    /// Starts a link to a target at `upstream`; `None` where there is nothing that it could lead to.
    pub(super) fn start(
        name: &str,
        link: &Described,
        upstream: Option<SocketAddr>,
        seed: u64,
    ) -> Result<Option<Self>, PlaceError> {
        let kind = link.kind();
        let port = if let Port::Fixed(port) = link.listen() { port } else { 0 };
        let listen = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let failed = |error| PlaceError::Link { link: name.to_owned(), error };
        let spec = LinkSpec::of(link, upstream).map_err(|wrongs| failed(StartError::Wrong(wrongs)))?;
        // Behind a proxy for TCP any port will do.
        let own = listen(if kind.is_tcp() { 0 } else { port });
        let taken = |error| match error {
            StartError::Listen { source, .. } => refused(format!("link `{name}`"), own.port(), source),
            error @ StartError::Wrong(_) => failed(error),
        };
        let protocol = spec.map(|spec| Link::start(own, spec, seed)).transpose().map_err(taken)?;
        let behind = protocol.as_ref().map(Link::address).or(upstream.filter(|_| kind == LinkKind::Tcp));
        let tcp = behind
            .filter(|_| kind.is_tcp())
            .map(|behind| Proxy::start(listen(port), behind, seed))
            .transpose()
            .map_err(|error| refused(format!("link `{name}`"), port, error))?;
        Ok((tcp.is_some() || protocol.is_some()).then_some(Self { tcp, protocol }))
    }

    /// Where clients connect or send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let own = || self.protocol.as_ref().map(Link::address);
        let address = self.tcp.as_ref().map(Proxy::address).or_else(own);
        address.expect("a link that was started has at least one of its parts")
    }

    /// What takes toxics.
    #[must_use]
    pub const fn tcp(&self) -> Option<&Proxy> {
        self.tcp.as_ref()
    }

    /// What takes faults in the words of a protocol.
    #[must_use]
    pub const fn protocol(&self) -> Option<&Link> {
        self.protocol.as_ref()
    }

    /// Its counters as the journal keeps them.
    #[must_use]
    pub fn sample(&self, link: &str, at_us: i64) -> LinkSample {
        let link = link.to_owned();
        if let Some(seen) = self.tcp.as_ref().map(Proxy::counters) {
            let (accepted, open) = (seen.accepted, seen.open);
            return LinkSample { at_us, link, accepted, open, up: seen.up, down: seen.down };
        }
        let seen = self.protocol.as_ref().map(Link::counters).unwrap_or_default();
        LinkSample { at_us, link, accepted: seen.accepted, open: seen.open, up: seen.up, down: seen.down }
    }

    /// For whom it had no room, so that answers may be lost which no fault has lost; nothing where there was room.
    #[must_use]
    pub fn crowding(&self) -> Option<String> {
        self.protocol.as_ref()?.counters().crowding()
    }
}
