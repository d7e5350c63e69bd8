//! What the owner of a load wants of it, on the way to the load's thread.
//!
//! Wishes only grow: a stop never takes an abort back, whoever of several owners comes last. It does not know what becomes
//! of them.

use crate::sync::watch;

/// What the owner of a load wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    /// Go on.
    Run,
    /// No new arrivals; wait for what is in flight.
    Stop,
    /// End now.
    Abort,
}

/// Ends a load that somebody else waits for.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<Wish>);

/// Where the load hears of it.
#[derive(Debug)]
pub(crate) struct Wishes(watch::Receiver<Wish>);

/// The two ends, while nothing but to go on is wished.
pub(crate) fn wishes() -> (Stopper, Wishes) {
    let (sender, receiver) = watch::channel(Wish::Run);
    (Stopper(sender), Wishes(receiver))
}

// === impl Stopper ===

impl Stopper {
    /// As [`Load::stop`](crate::Load::stop).
    pub fn stop(&self) {
        self.wish(Wish::Stop);
    }

    /// As [`Load::abort`](crate::Load::abort).
    pub fn abort(&self) {
        self.wish(Wish::Abort);
    }

    fn wish(&self, wish: Wish) {
        self.0.send_if_modified(|present| {
            let changes = wish > *present;
            *present = wish.max(*present);
            changes
        });
    }
}

// === impl Wishes ===

impl Wishes {
    /// What is wished now; [`Self::wait`] waits for more than that.
    pub(crate) fn newest(&mut self) -> Wish {
        *self.0.borrow_and_update()
    }

    /// Waits until more is wished than when it was looked last. `false`: nobody is left who could.
    pub(crate) async fn wait(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}
