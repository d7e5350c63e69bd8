//! A source that sends zeros as fast as they are taken, and a sink that notes when how many came.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::clock::{now, pause};

/// A server that reads one connection to its end.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    arrivals: Arc<Mutex<Arrivals>>,
}

/// A client that sends until it is dropped.
#[derive(Debug)]
pub(super) struct Source {
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
}

/// What came since the count was begun anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrivals {
    pub(super) bytes: u64,
    /// The last arrival before the count began, which is where its time begins.
    from: Option<Instant>,
    last: Option<Instant>,
    pub(super) gap_max: Duration,
}

/// What is written and read at once: beyond this, larger pieces gain nothing.
const PIECE: usize = 256 << 10;

/// How long the first byte may take through a toxic.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

// === impl Sink ===

impl Sink {
    pub(super) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let arrivals = Arc::new(Mutex::new(Arrivals::NONE));
        let noted = Arc::clone(&arrivals);
        thread::Builder::new().name("sink".to_owned()).spawn(move || {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut scratch = vec![0; PIECE];
            while let Some(count) = stream.read(&mut scratch).ok().filter(|count| *count > 0) {
                lock(&noted).came(count, now());
            }
        })?;
        Ok(Self { address, arrivals })
    }

    /// Waits for the first byte.
    pub(super) fn wait(&self) -> anyhow::Result<()> {
        let give_up = now() + FIRST_WITHIN;
        while lock(&self.arrivals).bytes == 0 {
            anyhow::ensure!(now() < give_up, "nothing came through within {FIRST_WITHIN:?}");
            pause(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Counts anew from the last arrival on.
    pub(super) fn restart(&self) {
        let mut arrivals = lock(&self.arrivals);
        *arrivals = Arrivals { from: arrivals.last, last: arrivals.last, ..Arrivals::NONE };
    }

    pub(super) fn arrivals(&self) -> Arrivals {
        *lock(&self.arrivals)
    }
}

// === impl Source ===

impl Source {
    pub(super) fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("connecting a source")?;
        let mut sending = stream.try_clone()?;
        let thread = thread::Builder::new().name("source".to_owned()).spawn(move || {
            let zeros = vec![0; PIECE];
            while sending.write_all(&zeros).is_ok() {}
        })?;
        Ok(Self { stream, thread: Some(thread) })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

// === impl Arrivals ===

impl Arrivals {
    const NONE: Self = Self { bytes: 0, from: None, last: None, gap_max: Duration::ZERO };

    /// From the last arrival before the count to the last one in it.
    pub(super) fn took(&self) -> Duration {
        self.from.zip(self.last).map_or(Duration::ZERO, |(from, last)| last - from)
    }

    pub(super) fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.took().as_secs_f64()
    }

    fn came(&mut self, count: usize, at: Instant) {
        self.gap_max = self.gap_max.max(self.last.map_or(Duration::ZERO, |last| at - last));
        self.bytes += count as u64;
        self.from = self.from.or(Some(at));
        self.last = Some(at);
    }
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}
