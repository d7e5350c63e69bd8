//! What is asked of a link that speaks HTTP, TLS, UDP or DNS.

use std::fmt;
use std::net::SocketAddr;

use shakedown_link_faults::{Counters, Ending, Evidence, Link, LinkFault};
use shakedown_scenarios::protocol::Protocol;
use shakedown_scenarios::units::Span;
use tokio::runtime::Handle;

/// One link of a data plane. Dropping it ends it; its address can be had again a moment later.
pub trait LinkPlane: fmt::Debug {
    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// What faults on it may be about.
    fn takes(&self) -> &[Protocol];

    /// The certificate that clients should trust, where they speak TLS with it.
    fn ca_pem(&self) -> Option<&str>;

    /// Makes a fault hold.
    ///
    /// # Errors
    /// What the data plane says, for people. Nothing is changed then.
    fn inject(&self, id: u32, fault: LinkFault) -> Result<(), String>;

    /// Ends a fault; `None`: it does not hold.
    fn heal(&self, id: u32) -> Option<Ending>;

    /// What a fault did so far.
    fn evidence(&self, id: u32) -> Option<Evidence>;

    /// What passed so far.
    fn counters(&self) -> Counters;

    /// Ends it, and returns when its address can be had again, or after a while. Not to be called where others wait.
    fn end(self);
}

/// Tasks that are told to end do so at once if they get their turn.
const END_WITHIN: Span = Span::secs(1);

impl LinkPlane for Link {
    fn address(&self) -> SocketAddr {
        self.address()
    }

    fn takes(&self) -> &[Protocol] {
        self.takes()
    }

    fn ca_pem(&self) -> Option<&str> {
        self.ca_pem()
    }

    fn inject(&self, id: u32, fault: LinkFault) -> Result<(), String> {
        self.inject(id, fault).map_err(|error| super::faults::chain(&error))
    }

    fn heal(&self, id: u32) -> Option<Ending> {
        self.heal(id)
    }

    fn evidence(&self, id: u32) -> Option<Evidence> {
        self.evidence(id)
    }

    fn counters(&self) -> Counters {
        self.counters()
    }

    fn end(self) {
        // Without a runtime there is nobody to wait with.
        if let Ok(runtime) = Handle::try_current() {
            let _ =
                runtime.block_on(async { tokio::time::timeout(END_WITHIN.duration(), self.stop()).await });
        }
    }
}
