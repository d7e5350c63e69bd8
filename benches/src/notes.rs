//! When a server answered, written down by the server itself: what a load tells is held against it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use shakedown_fixtures::http::Defect;
use shakedown_scenarios::units::Rate;
use tokio::net::TcpStream;

/// The moments at which servers on other threads were about to answer.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Vec<Instant>>>);

/// A defect that notes when each request was held no longer. A server has one, and its connections clones of it.
#[derive(Clone, Debug)]
pub struct Noting<D> {
    inner: D,
    lot: Rc<RefCell<Vec<Instant>>>,
    notes: Notes,
}

/// Moments are handed over in lots: a lock for each request would be part of what is measured. The last lot of each
/// server is left out where it is not full.
const LOT: usize = 500;

// === impl Notes ===

impl Notes {
    /// A server's own part of it, around what else the server does.
    #[must_use]
    pub fn around<D: Defect>(&self, inner: D) -> Noting<D> {
        Noting { inner, lot: Rc::default(), notes: self.clone() }
    }

    /// All moments so far, in order; they are forgotten here.
    ///
    /// # Panics
    ///
    /// Never: nobody panics with the lock.
    #[must_use]
    pub fn take(&self) -> Vec<Instant> {
        let mut moments = std::mem::take(&mut *self.0.lock().expect("nobody panics with the lock"));
        moments.sort_unstable();
        moments
    }
}

/// How long after its due time each request was answered, in milliseconds, if they were due evenly from `start` on.
/// Moments are in order, so that requests which overtake each other on two connections are not told apart.
#[must_use]
pub fn lateness(moments: &[Instant], start: Instant, rate: Rate) -> Vec<f64> {
    let due = |number: usize| number as f64 / rate.hertz();
    let since = |at: Instant| {
        // What comes before the start is early, and not at it.
        at.saturating_duration_since(start).as_secs_f64() - start.saturating_duration_since(at).as_secs_f64()
    };
    let late = |(number, at): (usize, &Instant)| (since(*at) - due(number)) * 1e3;
    moments.iter().enumerate().map(late).collect()
}

// === impl Noting ===

impl<D: Defect> Defect for Noting<D> {
    #[expect(clippy::disallowed_methods, reason = "the moment is what is measured")]
    async fn hold(&mut self) {
        self.inner.hold().await;
        let mut lot = self.lot.borrow_mut();
        lot.push(Instant::now());
        if lot.len() == LOT {
            self.notes.0.lock().expect("nobody panics with the lock").append(&mut lot);
        }
    }

    fn answer(&mut self, path: &str) -> std::borrow::Cow<'static, [u8]> {
        self.inner.answer(path)
    }

    fn left(&mut self, connection: TcpStream) {
        self.inner.left(connection);
    }
}
