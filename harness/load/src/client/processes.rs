//! Who is who in a history: a connection is a process, until nobody knows how its operation ended.

/// The process of each seat.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    of_seats: Vec<u64>,
    begun: u64,
}

// === impl Processes ===

impl Processes {
    /// The number of a seat's process.
    pub(crate) fn of(&mut self, seat: usize) -> u64 {
        while self.of_seats.len() <= seat {
            self.of_seats.push(self.begun);
            self.begun += 1;
        }
        self.of_seats[seat]
    }

    /// The old one may still be at its operation: the seat goes on as another.
    pub(crate) fn replace(&mut self, seat: usize) {
        if let Some(of_seat) = self.of_seats.get_mut(seat) {
            *of_seat = self.begun;
            self.begun += 1;
        }
    }
}
