//! How the requests of a load go over its connections: one after the other in bytes, or side by side in streams.
//!
//! A *seat* serves one request at a time, whatever its lane. What a lane does with connections is its own; queue, pacer, users
//! and what is counted know nothing of it.

use std::future::Future;
use std::rc::Rc;

use crate::client::Client;
use crate::connection::Connection;
use crate::history::HistoryEnd;
use crate::mix::Ask;
use crate::shared::Shared;

/// A protocol with its requests, and the way they go.
pub(crate) trait Lane: Sized + 'static {
    /// What the seats of one load have in common; made, used and dropped on the load's own thread.
    type Common: Default + 'static;

    /// Whether all seats are taken up from the start, and used in turn.
    fn holds(&self) -> bool;

    /// Whether answers may be read a little later than they arrived.
    fn reads_late(&self) -> bool {
        false
    }

    /// Whether what is sent for a request of this kind has a place for a key.
    fn has_key(&self, kind: usize) -> bool;

    /// A second of the load is over.
    fn second(&self) {}

    /// The load is over. How the history that was kept of it ended, if one was.
    fn finish(&self) -> Option<HistoryEnd> {
        None
    }

    /// Serves requests on a seat for as long as the load lives, beginning with this one.
    fn serve(shared: Rc<Shared<Self>>, seat: usize, first: Option<Ask>)
    -> impl Future<Output = ()> + 'static;
}

// === impl Lane ===

/// In bytes each seat has a connection of its own.
impl<C: Client> Lane for C {
    type Common = ();

    fn holds(&self) -> bool {
        Client::holds(self)
    }

    fn reads_late(&self) -> bool {
        Client::reads_late(self)
    }

    fn has_key(&self, kind: usize) -> bool {
        Client::has_key(self, kind)
    }

    fn second(&self) {
        Client::second(self);
    }

    fn finish(&self) -> Option<HistoryEnd> {
        Client::finish(self)
    }

    fn serve(
        shared: Rc<Shared<Self>>,
        seat: usize,
        first: Option<Ask>,
    ) -> impl Future<Output = ()> + 'static {
        Connection::new(shared, seat).serve(first)
    }
}
