//! An engine on paper: it keeps books on what it was asked for and opens no socket.
//!
//! Addresses are taken and given back as a kernel would do it, so that what happens when a port is in use can be tried
//! without one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shakedown_faults::proof::Healed;
use shakedown_link_faults::Evidence as LinkEvidence;
use shakedown_link_faults::{Counters as LinkCounters, Ending, LinkFault, LinkSpec, StartError, Wrongs};
use shakedown_scenarios::protocol::Protocol;
use shakedown_scenarios::units::Span;

use super::{Bite, Connection, Counters, Engine, Heal, Injection, LinkPlane, Plane, Start};

/// An engine that only keeps books. A clone has the same books.
#[derive(Clone, Debug, Default)]
pub struct Paper {
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    taken: BTreeSet<SocketAddr>,
    refused: BTreeSet<String>,
    talking: u64,
}

/// A proxy of such an engine.
#[derive(Debug)]
pub struct PaperProxy {
    books: Arc<Mutex<Books>>,
    address: SocketAddr,
    held: Mutex<BTreeMap<u32, Injection>>,
}

/// A link of such an engine.
#[derive(Debug)]
pub struct PaperLink {
    books: Arc<Mutex<Books>>,
    address: SocketAddr,
    takes: Vec<Protocol>,
    held: Mutex<BTreeMap<u32, LinkFault>>,
}

/// Where a kernel's free ports begin (`ip_local_port_range`).
const FIRST_FREE: u16 = 32_768;

// === impl Paper ===

impl Paper {
    /// Takes an address, as some other program would.
    pub fn occupy(&self, address: SocketAddr) {
        lock(&self.books).taken.insert(address);
    }

    /// Says no to toxics of this name from now on, as a kernel that is out of something would.
    pub fn refuse(&self, name: &str) {
        lock(&self.books).refused.insert(name.to_owned());
    }

    /// Lets so many connections be open on each proxy, the first one the oldest.
    pub fn talk(&self, connections: u64) {
        lock(&self.books).talking = connections;
    }
}

impl Engine for Paper {
    type Proxy = PaperProxy;
    type Link = PaperLink;

    fn start(&mut self, plan: Start<'_>) -> io::Result<PaperProxy> {
        let books = lock(&self.books);
        if plan.injections.iter().any(|(_, injection)| books.refused.contains(&injection.name)) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let address = take(books, plan.listen)?;
        let held = Mutex::new(plan.injections.into_iter().collect());
        Ok(PaperProxy { books: Arc::clone(&self.books), address, held })
    }

    fn start_link(&mut self, listen: SocketAddr, spec: LinkSpec, _: u64) -> Result<PaperLink, StartError> {
        let problems = spec.problems();
        if !problems.is_empty() {
            return Err(Wrongs(problems).into());
        }
        let refused = |source| StartError::Listen { address: listen, source };
        let address = take(lock(&self.books), listen).map_err(refused)?;
        Ok(PaperLink { books: Arc::clone(&self.books), address, takes: spec.takes(), held: Mutex::default() })
    }
}

/// Takes an address, or a free one.
fn take(mut books: MutexGuard<'_, Books>, listen: SocketAddr) -> io::Result<SocketAddr> {
    let address = match listen.port() {
        0 => free(listen, &books.taken).ok_or(io::ErrorKind::AddrNotAvailable)?,
        _ => listen,
    };
    if books.taken.insert(address) { Ok(address) } else { Err(io::ErrorKind::AddrInUse.into()) }
}

fn free(listen: SocketAddr, taken: &BTreeSet<SocketAddr>) -> Option<SocketAddr> {
    let mut candidates = (FIRST_FREE..=u16::MAX).map(|port| SocketAddr::new(listen.ip(), port));
    candidates.find(|address| !taken.contains(address))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl PaperProxy ===

impl PaperProxy {
    /// What holds.
    #[must_use]
    pub fn held(&self) -> BTreeMap<u32, Injection> {
        lock(&self.held).clone()
    }

    fn allow(&self, injection: &Injection) -> Result<(), String> {
        match lock(&self.books).refused.contains(&injection.name) {
            true => Err(format!("no room for {}", injection.name)),
            false => Ok(()),
        }
    }
}

impl Plane for PaperProxy {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn inject(&self, id: u32, injection: Injection) -> Result<(), String> {
        self.allow(&injection)?;
        match lock(&self.held).insert(id, injection) {
            None => Ok(()),
            Some(_) => Err(format!("injection {id} holds already")),
        }
    }

    fn update(&self, id: u32, injection: Injection) -> Result<(), String> {
        self.allow(&injection)?;
        match lock(&self.held).get_mut(&id) {
            Some(held) => *held = injection,
            None => return Err(format!("no injection {id} holds")),
        }
        Ok(())
    }

    fn heal(&self, id: u32) -> Heal {
        lock(&self.held).remove(&id);
        Heal { proven: true, evidence: "struck from the books".to_owned() }
    }

    fn evidence(&self, id: u32) -> Option<Bite> {
        lock(&self.held).get(&id).map(|_| Bite::default())
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn connections(&self) -> Vec<Connection> {
        let talking = lock(&self.books).talking;
        let connection = |number| Connection {
            number,
            client: SocketAddr::from(([127, 0, 0, 1], 9)),
            up: 1,
            down: 2,
            age: Span::secs(talking - number),
        };
        (0..talking).map(connection).collect()
    }
}

impl Drop for PaperProxy {
    fn drop(&mut self) {
        lock(&self.books).taken.remove(&self.address);
    }
}

// === impl PaperLink ===

impl LinkPlane for PaperLink {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn takes(&self) -> &[Protocol] {
        &self.takes
    }

    fn ca_pem(&self) -> Option<&str> {
        None
    }

    fn inject(&self, id: u32, fault: LinkFault) -> Result<(), String> {
        if !self.takes.contains(&fault.protocol()) {
            return Err(format!("a fault on {} cannot be done here", fault.protocol().name()));
        }
        lock(&self.held).insert(id, fault);
        Ok(())
    }

    fn heal(&self, id: u32) -> Option<Ending> {
        lock(&self.held).remove(&id)?;
        let did = LinkEvidence { bit: false, told: String::new() };
        Some(Ending { did, healed: Healed::proven("struck from the books") })
    }

    fn evidence(&self, id: u32) -> Option<LinkEvidence> {
        lock(&self.held).get(&id).map(|_| LinkEvidence { bit: false, told: String::new() })
    }

    fn counters(&self) -> LinkCounters {
        LinkCounters::default()
    }

    fn end(self) {}
}

impl Drop for PaperLink {
    fn drop(&mut self) {
        lock(&self.books).taken.remove(&self.address);
    }
}
