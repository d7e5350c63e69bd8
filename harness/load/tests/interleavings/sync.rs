//! Channels as their libraries describe them, of the model's parts.

/// A value of which the newest is seen, as tokio has it: changes are seen before the end of all senders.
pub mod watch {
    use std::future::poll_fn;
    use std::ops::Deref;
    use std::sync::Arc;
    use std::task::Poll;

    use loom::future::AtomicWaker;
    use loom::sync::Mutex;

    #[derive(Debug)]
    pub struct Sender<T>(Arc<Shared<T>>);

    #[derive(Debug)]
    pub struct Receiver<T> {
        shared: Arc<Shared<T>>,
        seen: u64,
    }

    struct Shared<T> {
        state: Mutex<State<T>>,
        waker: AtomicWaker,
    }

    #[derive(Debug)]
    struct State<T> {
        value: T,
        version: u64,
        senders: usize,
    }

    /// What was seen.
    pub struct Seen<T>(T);

    pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
        let state = Mutex::new(State { value, version: 0, senders: 1 });
        let shared = Arc::new(Shared { state, waker: AtomicWaker::new() });
        (Sender(Arc::clone(&shared)), Receiver { shared, seen: 0 })
    }

    impl<T> std::fmt::Debug for Shared<T> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Shared")
        }
    }

    impl<T> Sender<T> {
        pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
            let mut state = self.0.state.lock().unwrap();
            let changes = change(&mut state.value);
            state.version += u64::from(changes);
            drop(state);
            if changes {
                self.0.waker.wake();
            }
            changes
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            self.0.state.lock().unwrap().senders += 1;
            Self(Arc::clone(&self.0))
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            // A model that failed already has no more to tell.
            if std::thread::panicking() {
                return;
            }
            self.0.state.lock().unwrap().senders -= 1;
            self.0.waker.wake();
        }
    }

    impl<T: Copy> Receiver<T> {
        pub fn borrow_and_update(&mut self) -> Seen<T> {
            let state = self.shared.state.lock().unwrap();
            self.seen = state.version;
            Seen(state.value)
        }

        pub async fn changed(&mut self) -> Result<(), ()> {
            poll_fn(|context| {
                self.shared.waker.register_by_ref(context.waker());
                let state = self.shared.state.lock().unwrap();
                if state.version != self.seen {
                    self.seen = state.version;
                    return Poll::Ready(Ok(()));
                }
                if state.senders == 0 { Poll::Ready(Err(())) } else { Poll::Pending }
            })
            .await
        }
    }

    impl<T> Deref for Seen<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
}

/// A bounded queue with one reader, as the standard library has it.
pub mod mpsc {
    use std::collections::VecDeque;
    use std::sync::Arc;
    pub use std::sync::mpsc::{RecvError, TrySendError};

    use loom::sync::{Condvar, Mutex};

    #[derive(Debug)]
    pub struct SyncSender<T>(Arc<Shared<T>>);

    #[derive(Debug)]
    pub struct Receiver<T>(Arc<Shared<T>>);

    #[derive(Debug)]
    struct Shared<T> {
        state: Mutex<State<T>>,
        wake: Condvar,
    }

    #[derive(Debug)]
    struct State<T> {
        queue: VecDeque<T>,
        most: usize,
        is_sent_to: bool,
        is_read: bool,
    }

    pub fn sync_channel<T>(most: usize) -> (SyncSender<T>, Receiver<T>) {
        let state = State { queue: VecDeque::new(), most, is_sent_to: true, is_read: true };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() });
        (SyncSender(Arc::clone(&shared)), Receiver(shared))
    }

    impl<T> SyncSender<T> {
        pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
            let mut state = self.0.state.lock().unwrap();
            if !state.is_read {
                return Err(TrySendError::Disconnected(value));
            }
            if state.queue.len() >= state.most {
                return Err(TrySendError::Full(value));
            }
            state.queue.push_back(value);
            self.0.wake.notify_one();
            Ok(())
        }
    }

    impl<T> Drop for SyncSender<T> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                return;
            }
            self.0.state.lock().unwrap().is_sent_to = false;
            self.0.wake.notify_one();
        }
    }

    impl<T> Receiver<T> {
        pub fn recv(&self) -> Result<T, RecvError> {
            let mut state = self.0.state.lock().unwrap();
            loop {
                match state.queue.pop_front() {
                    Some(value) => return Ok(value),
                    None if !state.is_sent_to => return Err(RecvError),
                    None => state = self.0.wake.wait(state).unwrap(),
                }
            }
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                return;
            }
            let mut state = self.0.state.lock().unwrap();
            state.is_read = false;
            state.queue.clear();
        }
    }
}
