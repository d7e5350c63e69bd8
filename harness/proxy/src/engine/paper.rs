//! An engine on paper: it keeps books on what it was asked for and opens no socket.
//!
//! Addresses are taken and given back as a kernel would do it, so that what happens when a port is in use can be tried
//! without one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shakedown_scenarios::units::Span;

use super::{Bite, Connection, Counters, Engine, Heal, Injection, Plane, Start};

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

    fn start(&mut self, plan: Start<'_>) -> io::Result<PaperProxy> {
        let mut books = lock(&self.books);
        if plan.injections.iter().any(|(_, injection)| books.refused.contains(&injection.name)) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let address = match plan.listen.port() {
            0 => free(plan.listen, &books.taken).ok_or(io::ErrorKind::AddrNotAvailable)?,
            _ => plan.listen,
        };
        if !books.taken.insert(address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let held = Mutex::new(plan.injections.into_iter().collect());
        Ok(PaperProxy { books: Arc::clone(&self.books), address, held })
    }
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
