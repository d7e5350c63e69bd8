//! An engine on paper: it keeps books on what it was asked for and opens no socket.
//!
//! Addresses are taken and given back as a kernel would do it, so that what happens when a port is in use can be tried
//! without one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Bite, Connection, Counters, Engine, Heal, Injection, Plane, Start};

/// An engine that only keeps books.
#[derive(Clone, Debug, Default)]
pub struct Paper {
    taken: Arc<Mutex<BTreeSet<SocketAddr>>>,
}

/// A proxy of such an engine.
#[derive(Debug)]
pub struct PaperProxy {
    taken: Arc<Mutex<BTreeSet<SocketAddr>>>,
    address: SocketAddr,
    held: Mutex<BTreeMap<u32, Injection>>,
}

/// Where a kernel's free ports begin (`ip_local_port_range`).
const FIRST_FREE: u16 = 32_768;

// === impl Paper ===

impl Paper {
    /// Takes an address, as some other program would.
    pub fn occupy(&self, address: SocketAddr) {
        lock(&self.taken).insert(address);
    }
}

impl Engine for Paper {
    type Proxy = PaperProxy;

    fn start(&mut self, plan: Start<'_>) -> io::Result<PaperProxy> {
        let mut taken = lock(&self.taken);
        let address = match plan.listen.port() {
            0 => free(plan.listen, &taken).ok_or(io::ErrorKind::AddrNotAvailable)?,
            _ => plan.listen,
        };
        if !taken.insert(address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let held = Mutex::new(plan.injections.into_iter().collect());
        Ok(PaperProxy { taken: Arc::clone(&self.taken), address, held })
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
}

impl Plane for PaperProxy {
    fn end(self) {}

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn inject(&self, id: u32, injection: Injection) -> Result<(), String> {
        match lock(&self.held).insert(id, injection) {
            None => Ok(()),
            Some(_) => Err(format!("injection {id} holds already")),
        }
    }

    fn update(&self, id: u32, injection: Injection) -> Result<(), String> {
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
        Vec::new()
    }
}

impl Drop for PaperProxy {
    fn drop(&mut self) {
        lock(&self.taken).remove(&self.address);
    }
}
