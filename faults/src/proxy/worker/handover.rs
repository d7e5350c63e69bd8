//! Connections that move from a worker that has too much to do to one that has less.
//!
//! A connection moves as a whole, between two of its turns, with all that is in its pipes. It goes out from its proxy's
//! home, or comes back to it (see `engine`), and has a turn as soon as it arrives: so it knows of every change that was
//! told while it was on its way.

use rustix::event::epoll;

use super::{Order, Served, Worker, engine};
use crate::proxy::connection::Connection;
use crate::proxy::load::surplus;
use crate::proxy::shared::Hold;

/// A connection that had so many turns here is a busy one: one that only says and hears a few things never has them, and
/// does not pay for a move.
const BUSY_FROM: u32 = 32;

/// To whom connections are given, and how many.
#[derive(Debug)]
pub(super) struct Giving {
    to: usize,
    left: usize,
}

// === impl Worker ===

impl Worker {
    /// Sees, now and then, whether another worker has less to do.
    pub(super) fn weigh(&mut self) {
        let now = self.clock.now();
        let Some(line) = self.load.goes_on(now) else { return };
        let posts = engine::posts();
        posts[self.number].line.tell(line, now);
        self.giving = None;
        let others = posts.iter().enumerate().filter(|(number, _)| *number != self.number);
        let shortest = others.map(|(number, post)| (post.line.seen(now), number)).min();
        if let Some((other, to)) = shortest {
            let left = surplus(line, other);
            self.giving = (left > 0).then_some(Giving { to, left });
        }
    }

    /// Gives a connection that had its turn away, if it is one of those that are to go; says whether it went.
    pub(super) fn give(&mut self, place: usize) -> bool {
        let Some(Giving { to, left }) = &mut self.giving else { return false };
        let Some(Some(slot)) = self.connections.get(place) else { return false };
        let Some(Some(served)) = self.proxies.get(slot.proxy) else { return false };
        let may_go = (served.at_home && !served.stays) || served.shared.home == *to;
        if !may_go || slot.turns < BUSY_FROM || !slot.connection.is_joined() {
            return false;
        }
        let (to, none_left) = (*to, *left <= 1);
        *left -= 1;
        if none_left {
            self.giving = None;
        }
        self.send(place, to)
    }

    /// Sends a connection home if its proxy does not want to be spread any more; says whether it went.
    pub(super) fn send_home(&mut self, place: usize) -> bool {
        let Some(Some(slot)) = self.connections.get(place) else { return false };
        let Some(Some(served)) = self.proxies.get(slot.proxy) else { return false };
        let goes = served.stays && !served.at_home && slot.connection.is_joined();
        let home = served.shared.home;
        goes && self.send(place, home)
    }

    fn send(&mut self, place: usize, to: usize) -> bool {
        // Where the system has no thread for it, everything stays where it is.
        let Ok(inbox) = engine::inbox(to) else { return false };
        let Some(slot) = self.connections[place].take() else { return false };
        self.freed.push(place);
        let Some(Some(served)) = self.proxies.get_mut(slot.proxy) else { return true };
        if served.at_home && !served.guests.contains(&to) {
            served.guests.push(to);
        }
        let connection = slot.connection;
        let sockets = [Some(connection.client_fd()), connection.server_fd()];
        for socket in sockets.into_iter().flatten() {
            // It fails only for a socket that is not watched.
            let _ = epoll::delete(&self.poll, socket);
        }
        inbox.tell(Order::Have(Box::new(connection), served.shared.clone()));
        true
    }

    /// Takes a connection that another worker gave away.
    pub(super) fn have(&mut self, connection: Connection, shared: Hold) {
        // Home may have been told to forget the proxy while this came back to it.
        if shared.has_ended() {
            // Before it lets the proxy go.
            drop(connection);
            return;
        }
        let proxy = self.find(&shared).unwrap_or_else(|| self.serve(shared));
        self.settle_in(proxy, connection);
    }

    /// What home is told of a proxy goes to all who have connections of it.
    pub(super) fn pass_on(&self, proxy: usize, order: fn(Hold) -> Order) {
        let Some(Some(Served { shared, guests, .. })) = self.proxies.get(proxy) else { return };
        for guest in guests {
            // It was started for the first of them, and stays.
            if let Ok(inbox) = engine::inbox(*guest) {
                inbox.tell(order(shared.clone()));
            }
        }
    }
}
