//! Sleeping through the arrival of answers.
//!
//! Waking a thread costs more than a small request and its answer. Where the next request is due soon, nothing is lost if an
//! answer is read only then: the kernel notes when it [arrived](crate::socket), and that is what counts. So the thread wakes
//! once for each request that is due, and not again for each answer.
//!
//! That holds as long as nobody waits for us. Whoever does keeps the thread awake: a connection that is being opened, a
//! request that the socket has not taken whole, an answer so large that the target has to wait for room. And it holds for
//! exchanges that end with their answer, on connections of which another one is free.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// The longest time without a look at the sockets.
pub(crate) const LONGEST_NANOS: u64 = 1_000_000;
/// Answers with more bytes are read as they come. Linux takes in 64 KiB that nobody reads before a sender has to wait.
const LARGE_BYTES: usize = 32 * 1024;

/// Whether the thread of one load may sleep through the arrival of answers.
#[derive(Debug)]
pub(crate) struct Doze {
    is_allowed: bool,
    /// Whether the arrival of the last answer was noted.
    is_noted: Cell<bool>,
    awake: Rc<Cell<usize>>,
    /// By kind of request: whether its answer was large once.
    large: RefCell<Vec<bool>>,
}

/// Keeps the thread awake for as long as it lives.
#[derive(Debug)]
pub(crate) struct Awake(Rc<Cell<usize>>);

// === impl Doze ===

impl Doze {
    /// For a mix of so many kinds.
    pub(crate) fn new(is_allowed: bool, kinds: usize) -> Self {
        let large = RefCell::new(vec![false; kinds]);
        Self { is_allowed, is_noted: Cell::new(false), awake: Rc::default(), large }
    }

    /// Whether nobody waits for us now, and arrivals are noted.
    pub(crate) fn may(&self) -> bool {
        self.is_allowed && self.is_noted.get() && self.awake.get() == 0
    }

    /// Keeps the thread awake while this request is under way, if its answer may be large.
    pub(crate) fn awake_for(&self, kind: u32) -> Option<Awake> {
        self.large.borrow().get(kind as usize).is_some_and(|is_large| *is_large).then(|| self.awake())
    }

    /// Keeps the thread awake.
    pub(crate) fn awake(&self) -> Awake {
        self.awake.set(self.awake.get() + 1);
        Awake(Rc::clone(&self.awake))
    }

    /// An answer to a request of this kind had so many bytes; whether its arrival was noted.
    pub(crate) fn note(&self, kind: u32, bytes: usize, is_noted: bool) {
        self.is_noted.set(is_noted);
        if bytes > LARGE_BYTES
            && let Some(is_large) = self.large.borrow_mut().get_mut(kind as usize)
        {
            *is_large = true;
        }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Lets the other tasks that can go on go on. A [yield](tokio::task::yield_now) would look at the sockets first, which costs
/// a call to the system.
pub(crate) async fn give_way() {
    let mut has_given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_us_keeps_the_thread_awake() {
        let doze = Doze::new(true, 2);
        assert!(!doze.may(), "whether the kernel notes arrivals is not known yet");
        doze.note(0, 5, true);
        assert!(doze.may());
        let (one, other) = (doze.awake(), doze.awake());
        drop(one);
        assert!(!doze.may());
        drop(other);
        assert!(doze.may());
        doze.note(0, 5, false);
        assert!(!doze.may());
        let never = Doze::new(false, 2);
        never.note(0, 5, true);
        assert!(!never.may());
    }

    #[test]
    fn a_kind_with_a_large_answer_is_waited_for_from_then_on() {
        let doze = Doze::new(true, 2);
        doze.note(0, LARGE_BYTES, true);
        doze.note(1, LARGE_BYTES + 1, true);
        doze.note(7, usize::MAX, true);
        assert!(doze.awake_for(0).is_none());
        let awake = doze.awake_for(1);
        assert!(awake.is_some() && !doze.may());
    }

    #[tokio::test]
    async fn others_go_on_before_whoever_gave_way() {
        let told = Cell::new(false);
        let gives = async {
            give_way().await;
            told.get()
        };
        let (was_told, ()) = tokio::join!(gives, async { told.set(true) });
        assert!(was_told);
    }
}
