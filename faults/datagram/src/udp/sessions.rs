//! The clients of a UDP proxy: one session for each address, as many as there may be, for as long as they are used.
//!
//! UDP has no ends of connections: a session ends when nobody used it for a while, or when another needs its place.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use shakedown_scenarios::units::Span;

/// A session that makes room for another within this time of its last datagram may still wait for an answer.
pub const HURRIED: Span = Span::secs(1);

/// What is kept of a session, as far as its end is concerned.
pub trait Seat {
    /// When a datagram of either way last went through it.
    fn last_used(&self) -> Span;

    /// Whether something of it is under way still, so that it does not end by itself.
    fn is_busy(&self) -> bool;

    /// Whether it would be hurried away if it had to make room by now: it was used less than [`HURRIED`] before.
    fn is_hurried(&self, now: Span) -> bool {
        self.last_used().plus(HURRIED) > now
    }
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions<S> {
    most: usize,
    idle: Span,
    by_client: BTreeMap<SocketAddr, S>,
    look_at: Span,
}

// === impl Sessions ===

impl<S: Seat> Sessions<S> {
    /// No sessions yet; at most `most` (at least one), each until it was not used for `idle`.
    #[must_use]
    pub fn new(most: usize, idle: Span) -> Self {
        Self { most: most.max(1), idle, by_client: BTreeMap::new(), look_at: Span::nanos(u64::MAX) }
    }

    /// The session of a client.
    pub fn get(&mut self, client: SocketAddr) -> Option<&mut S> {
        self.by_client.get_mut(&client)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_client.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// Puts in a new one, and hands back the one that had to make room for it: the one that was not used for the longest
    /// time.
    pub fn seat(&mut self, client: SocketAddr, session: S) -> Option<S> {
        let full = self.by_client.len() >= self.most && !self.by_client.contains_key(&client);
        let oldest =
            || self.by_client.iter().min_by_key(|(_, seat)| seat.last_used()).map(|(client, _)| *client);
        let gone = if full { oldest() } else { None };
        let gone = gone.and_then(|client| self.by_client.remove(&client));
        self.look_at = self.look_at.min(session.last_used().plus(self.idle));
        self.by_client.insert(client, session).or(gone)
    }

    /// When to look for sessions that have ended, if there are any sessions at all.
    #[must_use]
    pub fn look_at(&self) -> Option<Span> {
        (!self.by_client.is_empty()).then_some(self.look_at)
    }

    /// Takes out those that have ended by now.
    pub fn ended(&mut self, now: Span) -> Vec<S> {
        let is_over = |seat: &S| !seat.is_busy() && seat.last_used().plus(self.idle) <= now;
        let over: Vec<S> =
            self.by_client.extract_if(.., |_, seat| is_over(seat)).map(|(_, seat)| seat).collect();
        // A busy one is looked at again after as long as it may be idle.
        let next = |seat: &S| if seat.is_busy() { now } else { seat.last_used() }.plus(self.idle);
        self.look_at = self.by_client.values().map(next).min().unwrap_or(Span::nanos(u64::MAX));
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Plain {
        name: char,
        used: Span,
        busy: bool,
    }

    impl Seat for Plain {
        fn last_used(&self) -> Span {
            self.used
        }

        fn is_busy(&self) -> bool {
            self.busy
        }
    }

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn plain(name: char, used: u64) -> Plain {
        Plain { name, used: Span::secs(used), busy: false }
    }

    #[test]
    fn the_one_that_was_not_used_for_the_longest_time_makes_room() {
        let mut sessions = Sessions::new(2, Span::secs(60));
        assert_eq!(sessions.seat(client(1), plain('a', 1)), None);
        assert_eq!(sessions.seat(client(2), plain('b', 2)), None);
        sessions.get(client(1)).unwrap().used = Span::secs(3);
        assert_eq!(sessions.seat(client(3), plain('c', 4)), Some(plain('b', 2)));
        assert!(sessions.get(client(2)).is_none() && sessions.len() == 2);
        let hurried = [2_999, 3_000].map(|millis| plain('b', 2).is_hurried(Span::millis(millis)));
        assert_eq!(hurried, [true, false]);
    }

    #[test]
    fn who_is_idle_ends_and_who_is_busy_does_not() {
        let mut sessions = Sessions::new(9, Span::secs(60));
        assert_eq!(sessions.look_at(), None);
        sessions.seat(client(1), plain('a', 0));
        sessions.seat(client(2), Plain { busy: true, ..plain('b', 0) });
        sessions.seat(client(3), plain('c', 10));
        assert_eq!(sessions.look_at(), Some(Span::secs(60)));
        assert_eq!(sessions.ended(Span::secs(59)), []);
        assert_eq!(sessions.ended(Span::secs(60)), [plain('a', 0)]);
        assert_eq!(sessions.look_at(), Some(Span::secs(70)));
        sessions.get(client(2)).unwrap().busy = false;
        assert_eq!(sessions.ended(Span::secs(70)).len(), 2);
        assert!(sessions.is_empty());
    }
}
