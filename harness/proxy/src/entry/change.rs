//! Changes of a proxy, each whole or not at all: other addresses, other toxics, started or stopped.

use super::Entry;
use crate::address;
use crate::engine::{Counters, Engine, Plane};
use crate::error::ApiError;
use crate::held::{Draft, Origin};
use crate::news::Log;

/// What a change says; `None`: it stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Where to listen.
    pub listen: Option<String>,
    /// Where to connect to.
    pub upstream: Option<String>,
    /// Whether to run.
    pub enabled: Option<bool>,
    /// Exactly these toxics are to be on it, besides those that are part of something.
    pub toxics: Option<Vec<Draft>>,
    /// Whose connections come in; no name at all: nobody's.
    pub from: Option<String>,
    /// Whom they go to; no name at all: nobody.
    pub to: Option<String>,
}

// === impl Entry ===

impl<P: Plane> Entry<P> {
    /// Changes it, all of it or nothing. Another address or target closes its connections; the same address in other
    /// words is no change.
    ///
    /// # Errors
    /// If an address is none, or cannot be listened on, or as for [`Entry::exchange`]: then it is what it was. Its connections
    /// are lost where its port had to be given back first.
    pub fn change<E: Engine<Proxy = P>>(&mut self, engine: &mut E, change: Change) -> Result<(), ApiError> {
        let Change { listen, upstream, enabled, toxics, from, to } = change;
        let ends = self.ends.with(from, to);
        let enabled = enabled.unwrap_or(self.is_enabled());
        let listen = listen.filter(|listen| *listen != self.listen);
        let listen = listen.map(|listen| Ok((address::resolve(&listen)?, listen))).transpose();
        let listen = listen.map_err(|error: address::AddressError| ApiError::Listen(error.to_string()))?;
        let listen = listen.filter(|(new, _)| address::resolve(&self.listen).as_ref() != Ok(new));
        if listen.is_none() && upstream.as_ref().is_none_or(|upstream| *upstream == self.upstream) {
            self.stay(engine, enabled, toxics)?;
        } else {
            let listen = listen.map(|(_, listen)| listen);
            self.go(engine, (listen, upstream), enabled, toxics)?;
        }
        self.ends = ends;
        self.tell("Updated proxy");
        Ok(())
    }

    /// The same proxy elsewhere.
    fn go<E: Engine<Proxy = P>>(
        &mut self,
        engine: &mut E,
        change: (Option<String>, Option<String>),
        enabled: bool,
        toxics: Option<Vec<Draft>>,
    ) -> Result<(), ApiError> {
        let listen = change.0.unwrap_or_else(|| self.listen.clone());
        let mut next = self.elsewhere(listen, change.1.unwrap_or_else(|| self.upstream.clone()));
        next.set_some(toxics)?;
        self.replace(engine, next, enabled)
    }

    /// The same proxy where it was.
    fn stay<E: Engine<Proxy = P>>(
        &mut self,
        engine: &mut E,
        enabled: bool,
        toxics: Option<Vec<Draft>>,
    ) -> Result<(), ApiError> {
        if self.is_enabled() {
            self.set_some(toxics)?;
            if !enabled {
                self.stop();
            }
            return Ok(());
        }
        let before = (self.held.clone(), self.next_id);
        self.set_some(toxics)?;
        if !enabled {
            return Ok(());
        }
        self.start(engine).inspect_err(|_| (self.held, self.next_id) = before)
    }

    fn set_some(&mut self, toxics: Option<Vec<Draft>>) -> Result<(), ApiError> {
        toxics.map_or(Ok(()), |toxics| self.exchange(|origin| *origin == Origin::Itself, toxics))
    }

    /// Becomes another proxy of its name, toxics and all. Its connections are closed; what it counted goes on.
    ///
    /// # Errors
    /// If the other one's address cannot be listened on: then it is what it was.
    pub fn replace<E: Engine<Proxy = P>>(
        &mut self,
        engine: &mut E,
        mut next: Self,
        enabled: bool,
    ) -> Result<(), ApiError> {
        if enabled && self.shares_port(&next.listen) {
            // The port is its own: it can only be had after it was given back.
            self.stop();
            if let Err(error) = next.start(engine) {
                // What was there comes back. Should it not, the proxy is shown as disabled.
                let _ = self.start(engine);
                return Err(error);
            }
        } else if enabled {
            next.start(engine)?;
        }
        self.stop();
        next.past = self.past;
        next.log = self.log.clone();
        *self = next;
        Ok(())
    }

    fn elsewhere(&self, listen: String, upstream: String) -> Self {
        Self {
            name: self.name.clone(),
            listen,
            upstream,
            seed: self.seed,
            running: None,
            held: self.held.clone(),
            next_id: self.next_id,
            ends: self.ends.clone(),
            log: Log::default(),
            past: Counters::default(),
        }
    }

    fn shares_port(&self, listen: &str) -> bool {
        let own = self.running.as_ref().map(|plane| plane.address().port());
        own.is_some() && address::resolve(listen).ok().map(|address| address.port()) == own
    }
}
