//! The time before a connection has its second side: toxics that are about connecting, names, and the connect itself.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;

use rustix::event::epoll::EventFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use shakedown_scenarios::toxic::{Dialled, Side};
use shakedown_scenarios::units::Span;

use super::peer::Peer;
use super::shared::{Seen, Shared};
use super::upstream::Upstream;
use crate::toxic::{Over, Rules, Toxic};

/// How long a target may take to accept. The kernel alone would try for two minutes.
const DIAL_WITHIN: Span = Span::secs(10);

/// A connection that is being dialled.
#[derive(Debug)]
pub(super) struct Dial {
    since: Span,
    step: Step,
    /// The newest rule that was told of this connection.
    told: u64,
}

#[derive(Debug)]
enum Step {
    /// Not yet: since when nothing is in the way any more.
    Before,
    /// A name is being looked up.
    Resolving { give_up: Span },
    /// The name was found, or not.
    Resolved { found: Option<SocketAddr>, give_up: Span },
    /// The target was called.
    Connecting { server: Peer, address: SocketAddr, give_up: Span },
}

/// How far it is.
pub(super) enum Dialling {
    /// Nothing to do until then.
    Waits(Option<Span>),
    /// This name is to be looked up.
    Asks(String, Option<Span>),
    /// There is a socket now that is to be watched.
    Connects(Option<Span>),
    /// The target has accepted.
    Done(Peer),
}

/// What toxics say about a connection that comes about.
enum Say {
    Hold,
    Wait(Span),
    Go(Option<Dialled>),
}

// === impl Dial ===

impl Dial {
    pub(super) const fn new(since: Span) -> Self {
        Self { since, step: Step::Before, told: 0 }
    }

    pub(super) const fn socket(&self) -> Option<&Peer> {
        if let Step::Connecting { server, .. } = &self.step { Some(server) } else { None }
    }

    pub(super) const fn is_connecting(&self) -> bool {
        matches!(self.step, Step::Connecting { .. })
    }

    pub(super) fn note(&mut self, flags: EventFlags) {
        if let Step::Connecting { server, .. } = &mut self.step {
            server.note(flags);
        }
    }

    pub(super) fn resolved(&mut self, found: Option<SocketAddr>) {
        if let Step::Resolving { give_up } = self.step {
            self.step = Step::Resolved { found, give_up };
        }
    }

    /// Goes as far as it can.
    pub(super) fn turn(
        &mut self,
        shared: &Shared,
        seen: &Seen,
        rules: &Rules,
        now: Span,
    ) -> Result<Dialling, Over> {
        match &mut self.step {
            Step::Before => self.begin(shared, seen, rules, now),
            Step::Resolving { give_up } | Step::Connecting { give_up, .. } if *give_up <= now => {
                Err(unreachable(shared))
            }
            Step::Resolving { give_up } => Ok(Dialling::Waits(Some(*give_up))),
            Step::Resolved { found, give_up } => match (*found, *give_up) {
                (Some(address), give_up) => self.call(shared, address, give_up),
                (None, _) => Err(unreachable(shared)),
            },
            Step::Connecting { .. } => self.connected(shared),
        }
    }

    fn begin(&mut self, shared: &Shared, seen: &Seen, rules: &Rules, now: Span) -> Result<Dialling, Over> {
        let give_up = now.plus(DIAL_WITHIN);
        let upstream = match self.ask(shared, seen, rules, now)? {
            Say::Hold => return Ok(Dialling::Waits(None)),
            Say::Wait(until) => return Ok(Dialling::Waits(Some(until))),
            Say::Go(None | Some(Dialled::Connect)) => shared.upstream.clone(),
            Say::Go(Some(Dialled::Elsewhere(address))) => Upstream::from(address),
            Say::Go(Some(Dialled::Fail)) => return Err(unreachable(shared)),
            Say::Go(Some(Dialled::NoName)) => {
                shared.counters.dial_failures.fetch_add(1, Relaxed);
                return Err(Over::Closed);
            }
            Say::Go(Some(Dialled::Hang)) => {
                self.step = Step::Resolving { give_up };
                return Ok(Dialling::Waits(Some(give_up)));
            }
        };
        match upstream {
            Upstream::Address(address) => self.call(shared, address, give_up),
            Upstream::Name(name) => {
                self.step = Step::Resolving { give_up };
                Ok(Dialling::Asks(name, Some(give_up)))
            }
        }
    }

    /// What the toxics say, in the order of their injection; the first that says anything is heard.
    fn ask(&mut self, shared: &Shared, seen: &Seen, rules: &Rules, now: Span) -> Result<Say, Over> {
        let mut say = Say::Go(None);
        let mut newest = self.told;
        for rule in rules.iter().filter(|rule| rule.hits(shared.streams, seen.number, seen.client.ip())) {
            let tell = rule.since > self.told;
            newest = newest.max(rule.since);
            match rule.toxic() {
                Toxic::CloseOnAccept {} => {
                    rule.tally.ended(Over::Closed);
                    return Err(Over::Closed);
                }
                Toxic::Partition {} | Toxic::HangOnAccept {} => {
                    if tell {
                        rule.tally.connection_held();
                    }
                    say = Say::Hold;
                }
                Toxic::Dial { delay, outcome } => {
                    if tell {
                        rule.tally.connect_changed();
                    }
                    let until = self.since.plus(*delay);
                    say = match say {
                        Say::Go(None) if until > now => Say::Wait(until),
                        Say::Go(None) => Say::Go(Some(outcome.clone())),
                        other => other,
                    };
                }
                _ => {}
            }
        }
        self.told = newest;
        Ok(say)
    }

    fn call(&mut self, shared: &Shared, address: SocketAddr, give_up: Span) -> Result<Dialling, Over> {
        let socket = connect(address).map_err(|_| unreachable(shared))?;
        self.step = Step::Connecting { server: Peer::new(socket, false), address, give_up };
        Ok(Dialling::Connects(Some(give_up)))
    }

    /// Whether the kernel has told how the connect ended.
    fn connected(&mut self, shared: &Shared) -> Result<Dialling, Over> {
        let Step::Connecting { server, address, give_up } = &mut self.step else {
            return Ok(Dialling::Waits(None));
        };
        if (server.broken || server.ends()) && !server.was_connected() {
            return Err(unreachable(shared));
        }
        if !server.writable {
            return Ok(Dialling::Waits(Some(*give_up)));
        }
        if address.ip().is_loopback() && address.port() >= EPHEMERAL && server.is_itself(*address) {
            return Err(unreachable(shared));
        }
        match std::mem::replace(&mut self.step, Step::Before) {
            Step::Connecting { server, .. } => Ok(Dialling::Done(server)),
            step => {
                self.step = step;
                Ok(Dialling::Waits(None))
            }
        }
    }
}

/// Ports below are not given to connects by any usual setting of `net.ipv4.ip_local_port_range`.
const EPHEMERAL: u16 = 1_024;

/// A client whose target cannot be reached is reset, for it was accepted already.
fn unreachable(shared: &Shared) -> Over {
    shared.counters.dial_failures.fetch_add(1, Relaxed);
    Over::Reset(Side::Both)
}

/// Begins to connect.
fn connect(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // Nothing of ours may hold back what a sender sent.
    sockopt::set_tcp_nodelay(&socket, true)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}
