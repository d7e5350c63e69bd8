//! The programs behind the figures: each prints what it measured, and the command that repeats it stands in README.md.
//!
//! Load and target share one process, on two threads; what a figure says of the generator's CPU is its thread's alone.
//! [`proxies`] measures fault proxies side by side, [`generators`] load generators, and [`sockets`] a load of many
//! WebSockets, each as a process of its own. [`notes`] has what a server says of its answers.

pub mod generators;
pub mod notes;
pub mod proxies;
pub mod sockets;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use shakedown_load::recorder::histogram;
use shakedown_load::{Ending, LoadEnd, Start, start};
use shakedown_reports::journal::Window;
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{
    Arrivals, Destination, Habits, HttpExpect, HttpRequest, HttpVersion, HttpWorkload, Workload,
};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

/// A load of constant arrivals of `GET /{n}`.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// Requests a second.
    pub rate: Rate,
    /// Connections that may be open at once.
    pub connections: u32,
    /// How long requests become due.
    pub duration: Span,
}

/// What came of a load: the sums over its windows.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Requests due.
    pub due: u64,
    /// Right answers.
    pub ok: u64,
    /// Wrong ones, and requests without any.
    pub errors: u64,
    /// Requests that were never sent.
    pub dropped: u64,
    /// Latency of right answers from due, in microseconds.
    pub latency: Histogram<u64>,
    /// The largest lateness of the load's own pacer, in microseconds.
    pub late_micros_max: u64,
    /// The median over the seconds of each second's median lateness, in microseconds.
    pub late_micros_p50: u64,
    /// When the load began.
    pub start: Instant,
    /// How the load ended, and what CPU time it used.
    pub end: LoadEnd,
}

/// Starts a server on a thread of its own, which lives until the program ends, and returns where it listens.
///
/// # Errors
///
/// If the system has no socket or thread to give.
pub fn serve<F>(server: impl FnOnce(TcpListener) -> F + Send + 'static) -> anyhow::Result<SocketAddr>
where
    F: Future<Output = std::io::Result<()>> + 'static,
{
    serve_at(SocketAddr::from(([127, 0, 0, 1], 0)), server)
}

/// Starts a server with so many threads, among which the kernel divides the connections.
///
/// # Errors
///
/// If the system has no socket or thread to give.
pub fn serve_on<F>(
    workers: u32,
    server: impl FnOnce(TcpListener) -> F + Clone + Send + 'static,
) -> anyhow::Result<SocketAddr>
where
    F: Future<Output = std::io::Result<()>> + 'static,
{
    let address = serve(server.clone())?;
    for _ in 1..workers {
        serve_at(address, server.clone())?;
    }
    Ok(address)
}

fn serve_at<F>(
    address: SocketAddr,
    server: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> anyhow::Result<SocketAddr>
where
    F: Future<Output = std::io::Result<()>> + 'static,
{
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::Builder::new().name("target".to_owned()).spawn(move || -> anyhow::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            // The other threads of this server listen here too.
            socket.set_reuseport(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            sender.send(listener.local_addr()?)?;
            server(listener).await.context("the target failed")
        })
    })?;
    receiver.recv().context("the target did not start")
}

/// As many as come at once to any server here.
const BACKLOG: u32 = 4_096;

/// Runs a load to its end.
///
/// # Errors
///
/// If it cannot start, or does not come to its planned end.
pub fn run(load: Constant, address: SocketAddr) -> anyhow::Result<Outcome> {
    run_arrivals(Arrivals::Constant(load.rate), load.connections, load.duration, address)
}

/// Runs a load of any arrivals of `GET /{n}` to its end.
///
/// # Errors
///
/// If it cannot start, or does not come to its planned end.
pub fn run_arrivals(
    arrivals: Arrivals,
    connections: u32,
    duration: Span,
    address: SocketAddr,
) -> anyhow::Result<Outcome> {
    let workload = Workload::Http(HttpWorkload {
        version: HttpVersion::Http1,
        to: Destination::Target("target".to_owned()),
        arrivals,
        timeout: Span::secs(10),
        connections,
        habits: Habits::default(),
        tls: None,
        auth: None,
        data: None,
        requests: vec![HttpRequest {
            name: None,
            method: "GET".to_owned(),
            path: "/{n}".to_owned(),
            headers: Vec::new(),
            body: String::new(),
            expect: HttpExpect { status: Some(200), ..HttpExpect::default() },
            weight: 1,
            keys: 1_000,
        }],
    });
    run_workload(workload, duration, address)
}

/// Runs any load to its end.
///
/// # Errors
///
/// If it cannot start, or does not come to its planned end.
pub fn run_workload(workload: Workload, duration: Span, address: SocketAddr) -> anyhow::Result<Outcome> {
    let start_at = soon();
    let plan = Start {
        history: None,
        name: "bench".to_owned(),
        workload,
        address,
        host: address.to_string(),
        seed: 1,
        start: start_at,
        duration,
    };
    let (sender, mut windows) = mpsc::channel(64);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let load = start(plan, sender)?;
    runtime.block_on(async {
        let mut sum = Sum::default();
        while let Some(window) = windows.recv().await {
            sum.add(&window);
        }
        let end = load.join().await;
        anyhow::ensure!(end.ending == Ending::Completed, "the load did not complete: {end:?}");
        Ok(sum.outcome(start_at, end))
    })
}

#[expect(clippy::disallowed_methods, reason = "a measurement starts at a real moment")]
fn soon() -> Instant {
    // The thread is up by then, so that the first requests are not late for a reason of no interest.
    Instant::now() + Duration::from_millis(50)
}

/// The windows so far; no window is kept, since the memory of a load is measured.
struct Sum {
    counts: [u64; 4],
    latency: Histogram<u64>,
    late_max: u64,
    late_p50: Vec<u64>,
}

impl Default for Sum {
    fn default() -> Self {
        Self { counts: [0; 4], latency: histogram(), late_max: 0, late_p50: Vec::new() }
    }
}

impl Sum {
    fn add(&mut self, window: &Window) {
        let counts = [window.due, window.ok, window.errors.values().sum(), window.dropped];
        self.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        self.latency.add(&window.latency).expect("all windows have the bounds of this histogram");
        self.late_max = self.late_max.max(window.late_us_max);
        if window.due > 0 {
            self.late_p50.push(window.late_us_p50);
        }
    }

    fn outcome(mut self, start: Instant, end: LoadEnd) -> Outcome {
        self.late_p50.sort_unstable();
        let late_micros_p50 = self.late_p50.get(self.late_p50.len() / 2).copied().unwrap_or(0);
        let [due, ok, errors, dropped] = self.counts;
        let (latency, late_micros_max) = (self.latency, self.late_max);
        Outcome { due, ok, errors, dropped, latency, late_micros_max, late_micros_p50, start, end }
    }
}

/// The value at a quantile (0 to 1) of an unsorted sample; 0 where it is empty.
#[must_use]
pub fn quantile(mut sample: Vec<f64>, share: f64) -> f64 {
    sample.sort_unstable_by(f64::total_cmp);
    let last = sample.len().saturating_sub(1);
    sample.get((last as f64 * share).round() as usize).copied().unwrap_or(0.0)
}
