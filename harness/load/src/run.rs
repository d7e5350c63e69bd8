//! A load from its start to its end: one thread, its handle, and the word it leaves.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit};
use nix::time::{ClockId, clock_gettime};
use shakedown_reports::journal::Window;
use shakedown_scenarios::seed::{Chance, Streams};
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, HttpVersion, HttpWorkload, JourneyWorkload, Workload};
use shakedown_tls_faults::Connector;
use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::arrivals::DueTimes;
use crate::client::ClientError;
use crate::client::http::HttpClient;
use crate::client::journey::JourneyClient;
use crate::client::malformed::MalformedClient;
use crate::client::operations::OperationsClient;
use crate::client::postgres::PostgresClient;
use crate::client::postgres::operations::SqlOperationsClient;
use crate::client::redis::RedisClient;
use crate::client::tcp::TcpClient;
use crate::client::websocket::WebSocketClient;
use crate::clock::Clock;
use crate::history::{History, HistoryEnd, HistoryPlace};
use crate::http2::{Frame, Http2, Journeys, Requests};
use crate::lane::Lane;
use crate::mix::Mix;
use crate::outbox::Outbox;
use crate::pacer::{Ending, Pacer};
use crate::recorder::Recorder;
use crate::rows::Rows;
use crate::shared::Shared;
use crate::timer::Timer;
use crate::tls;
use crate::udp::UdpClient;
use crate::users::Users;
use crate::wish::{Stopper, Wishes, wishes};

/// A load that is to be started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The workload's name: it names the streams of chance, the windows and the thread.
    pub name: String,
    /// What is asked, and when.
    pub workload: Workload,
    /// Where it goes.
    pub address: SocketAddr,
    /// The Host header of HTTP requests (HTTP/2's `:authority`).
    pub host: String,
    /// The run's seed.
    pub seed: u64,
    /// The zero of the load: due times and windows count from here. It may lie ahead; what is due before the thread
    /// runs is late, and counted as such.
    pub start: Instant,
    /// How long requests become due.
    pub duration: Span,
    /// Where the history of its operations is kept; `None`: nowhere. Only workloads of operations have one.
    pub history: Option<HistoryPlace>,
}

/// A load that runs. Dropping it aborts the load.
#[derive(Debug)]
#[must_use = "a load that is dropped is aborted"]
pub struct Load {
    stopper: Stopper,
    end: Option<oneshot::Receiver<LoadEnd>>,
    thread: Option<JoinHandle<()>>,
}

/// How a load ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadEnd {
    /// Why it ended.
    pub ending: Ending,
    /// Windows that nobody read in time. Each is a second that the journal lacks.
    pub windows_lost: u64,
    /// Right answers that took longer than an hour and are counted as an hour.
    pub clamped: u64,
    /// CPU time that the load's thread used.
    pub cpu: Span,
    /// How the history of its operations ended, if one was kept.
    pub history: Option<HistoryEnd>,
}

/// Starts a load on a thread of its own. Each second's window is sent soon after the second ended, also when nothing
/// happened in it, and the last, partial one at the end. Windows go on after `duration` while requests are in flight:
/// for two timeouts at most, since what waits for a connection still has one timeout to be sent. A reader that does not
/// keep up is never waited for before the end.
///
/// # Errors
///
/// If the workload cannot be sent as it stands or the certificates it trusts cannot be read, if more connections are asked
/// for than descriptors are allowed (`InvalidInput`), or if the system has no thread, epoll or timer to give.
pub fn start(start: Start, windows: mpsc::Sender<Window>) -> io::Result<Load> {
    match start.workload.clone() {
        Workload::Http(http) => {
            let mix = http.requests.iter().map(|it| (it.weight, it.keys, it.endpoint()));
            if http.version == HttpVersion::Http1 {
                let (auth, data) = (http.auth.as_ref(), http.data.as_ref());
                let client = HttpClient::new(&start.host, auth, &http.requests, data).map_err(invalid)?;
                let common = Common::new(&start, &client, http.timeout, mix)?;
                return launch(start, client, common, windows);
            }
            let requests =
                Requests::new(http.auth.as_ref(), &http.requests, http.data.as_ref()).map_err(invalid)?;
            let client = Http2::new(Frame::of(&start.host, &start.workload), requests).map_err(invalid)?;
            let common = Common::new(&start, &client, http.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::Grpc(grpc) => {
            let calls = Requests::calling(grpc.auth.as_ref(), &grpc.calls).map_err(invalid)?;
            let client = Http2::new(Frame::of(&start.host, &start.workload), calls).map_err(invalid)?;
            let mix = grpc.calls.iter().map(|it| (it.weight, 1, it.endpoint()));
            let common = Common::new(&start, &client, grpc.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::Tcp(tcp) => {
            let client = TcpClient::new(&tcp.exchanges);
            let mix = tcp.exchanges.iter().map(|it| (it.weight, it.keys, it.endpoint()));
            let common = Common::new(&start, &client, tcp.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::Udp(udp) => {
            let client = UdpClient::new(&udp.exchanges);
            let mix = udp.exchanges.iter().map(|it| (it.weight, it.keys, it.endpoint()));
            let common = Common::new(&start, &client, udp.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::Redis(redis) => {
            let client = RedisClient::new(&redis).map_err(invalid)?;
            let mix = redis.commands.iter().map(|it| (it.weight, it.keys, it.endpoint()));
            let common = Common::new(&start, &client, redis.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::Postgres(postgres) => {
            let client = PostgresClient::new(&postgres, start.seed).map_err(invalid)?;
            let mix = postgres.transactions.iter().map(|it| (it.weight, it.keys, it.endpoint()));
            let common = Common::new(&start, &client, postgres.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::Operations(operations) => {
            let place = start.history.as_ref();
            let history = place.map(|place| History::begin(place, &start.name));
            // Two workloads of a run must not meet at an object.
            let names = format!("{}:{}", place.map_or("shakedown", |place| &place.run), start.name);
            if let Some(sql) = &operations.sql {
                let client = SqlOperationsClient::new(&operations, sql, &names, start.seed, history);
                let client = client.map_err(invalid)?;
                // A number is drawn for each transaction, of which it makes what it needs.
                let mix = operations.model.mix().iter();
                let mix = mix.map(|(of, weight)| (*weight, u64::MAX, of.word().to_owned()));
                let common = Common::new(&start, &client, operations.timeout, mix)?;
                return launch(start, client, common, windows);
            }
            let client = OperationsClient::new(&operations, &names, history);
            let mix = operations.model.mix().iter();
            let mix = mix.map(|(of, weight)| (*weight, operations.keys.into(), of.word().to_owned()));
            let common = Common::new(&start, &client, operations.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::WebSocket(websocket) => {
            let client = WebSocketClient::new(&start.host, &websocket, start.seed).map_err(invalid)?;
            let mix = websocket.messages.iter().map(|it| (it.weight, it.keys, it.endpoint()));
            let common = Common::new(&start, &client, websocket.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::Journey(journey) => {
            // What is drawn is a journey, which begins with its first step.
            let mix = journey.steps.iter().enumerate();
            let mix = mix.map(|(step, it)| (u32::from(step == 0), journey.keys, it.request.endpoint()));
            if journey.version != HttpVersion::Http1 {
                let journeys = Journeys::new(&journey).map_err(invalid)?;
                let client =
                    Http2::new(Frame::of(&start.host, &start.workload), journeys).map_err(invalid)?;
                let common = Common::new(&start, &client, journey.timeout, mix)?;
                return launch(start, client, common, windows);
            }
            let client = JourneyClient::new(&start.host, &journey).map_err(invalid)?;
            let common = Common::new(&start, &client, journey.timeout, mix)?;
            launch(start, client, common, windows)
        }
        Workload::Malformed(malformed) => {
            let client = MalformedClient::new(&start.host, &malformed).map_err(invalid)?;
            let mix = client.names().map(|name| (1, u64::MAX, name.to_owned()));
            let common = Common::new(&start, &client, malformed.timeout, mix)?;
            launch(start, client, common, windows)
        }
    }
}

/// One kind of request of a mix.
struct Kind {
    weight: u32,
    /// The bound of its keys where there is a place for one.
    keys: Option<u64>,
    /// What reports call it.
    name: String,
}

/// What is common to the workloads of all clients.
struct Common {
    timeout: Span,
    tls: Option<Connector>,
    /// Sockets that may be open at once.
    connections: usize,
    /// Requests that may be under way at once.
    seats: usize,
    kinds: Vec<Kind>,
}

fn launch<C: Lane + Send>(
    start: Start,
    client: C,
    common: Common,
    windows: mpsc::Sender<Window>,
) -> io::Result<Load> {
    check(&start, &common)?;
    let (stopper, wishes) = wishes();
    let (end_sender, end) = oneshot::channel();
    let (ready_sender, ready) = std::sync::mpsc::sync_channel(1);
    let thread = Builder::new().name(thread_name(&start.name)).spawn(move || {
        let setup = set_up(&start);
        let (runtime, timer) = match setup {
            Ok(setup) => {
                // Whoever waits for this word waits in `launch`.
                let _ = ready_sender.send(Ok(()));
                setup
            }
            Err(error) => {
                let _ = ready_sender.send(Err(error));
                return;
            }
        };
        // As a task like the connections', so that the pacer comes in turn with them.
        let load = run(start, client, common, timer, Outbox::new(windows), wishes);
        let run = || match runtime.block_on(async { spawn_local(load).await }) {
            Ok(end) => end,
            Err(error) => resume_unwind(error.into_panic()),
        };
        let end = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| LoadEnd {
            ending: Ending::Failed { why: format!("the load panicked: {}", panic_text(panic.as_ref())) },
            windows_lost: 0,
            clamped: 0,
            cpu: thread_cpu(),
            history: None,
        });
        drop(runtime);
        // Nobody may be waiting any more.
        let _ = end_sender.send(end);
    })?;
    ready.recv().map_err(|_| io::Error::other("the load's thread ended before it began"))??;
    Ok(Load { stopper, end: Some(end), thread: Some(thread) })
}

fn check(start: &Start, common: &Common) -> io::Result<()> {
    if let Arrivals::Replay { file, trace, .. } = start.workload.arrivals()
        && trace.is_empty()
    {
        return Err(invalid(ClientError::Trace(file.clone())));
    }
    let Common { connections, kinds, .. } = common;
    if kinds.is_empty() {
        return Err(invalid(ClientError::Empty));
    }
    if kinds.iter().all(|kind| kind.weight == 0) {
        return Err(invalid(ClientError::Weights(kinds.len())));
    }
    let (allowed, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if *connections as u64 >= allowed {
        return Err(invalid(ClientError::Descriptors { connections: *connections, allowed }));
    }
    Ok(())
}

fn set_up(start: &Start) -> io::Result<(LocalRuntime, Timer)> {
    crate::slice::ask_for_short_slices();
    crate::slice::ask_for_exact_sleep();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // Between two looks at the timer and the sockets lie at most this many polls of connections, each with a read and a
    // write: the default of 61 lets a busy load be half a millisecond late.
    builder.enable_all().event_interval(POLLS_BETWEEN_LOOKS);
    let runtime = builder.build_local(LocalOptions::default())?;
    let timer = runtime.block_on(async { Timer::new(Clock::new(start.start)) })?;
    Ok((runtime, timer))
}

const POLLS_BETWEEN_LOOKS: u32 = 8;

async fn run<C: Lane>(
    start: Start,
    client: C,
    common: Common,
    timer: Timer,
    outbox: Outbox,
    wishes: Wishes,
) -> LoadEnd {
    let streams = Streams::new(start.seed);
    let arrivals = start.workload.arrivals();
    let dues = DueTimes::new(arrivals, streams.arrivals(&start.name), start.duration);
    let kinds: Vec<_> = common.kinds.iter().map(|kind| (kind.weight, kind.keys)).collect();
    let names: Vec<String> = common.kinds.into_iter().map(|kind| kind.name).collect();
    let mix = Mix::new(kinds, streams.requests(&start.name));
    let rows = |data| Rows::new(data, streams.stream(&format!("rows/{}", start.name)));
    let mix = mix.with_rows(start.workload.data().map(rows));
    let mix = if matches!(start.workload, Workload::Malformed(_)) { mix.in_turn() } else { mix };
    let users = users(arrivals, streams.arrivals(&start.name));
    let peak = crate::arrivals::peak(arrivals);
    let shared = Shared::new(
        Clock::new(start.start),
        client,
        start.address,
        (common.timeout.duration(), start.workload.habits(), common.tls),
        Recorder::new(&start.name, &names),
        (mix, users),
        (common.seats.max(1), peak),
    );
    let pacer = Pacer::new(shared.clone(), dues, start.duration.as_nanos(), timer, outbox);
    let (ending, windows_lost) = pacer.run(wishes).await;
    let clamped = shared.recorder.borrow().clamped();
    let history = shared.client.finish();
    LoadEnd { ending, windows_lost, clamped, cpu: thread_cpu(), history }
}

/// What is offered to be spoken over TLS (ALPN, RFC 7301).
const fn alpn(workload: &Workload) -> &'static [&'static str] {
    match workload {
        Workload::Http(HttpWorkload { version: HttpVersion::Http2 { .. }, .. })
        | Workload::Journey(JourneyWorkload { version: HttpVersion::Http2 { .. }, .. })
        | Workload::Grpc(_) => &["h2"],
        Workload::Http(_) | Workload::Journey(_) | Workload::WebSocket(_) => &["http/1.1"],
        Workload::Tcp(_) | Workload::Redis(_) | Workload::Postgres(_) => &[],
        Workload::Operations(_) | Workload::Malformed(_) | Workload::Udp(_) => &[],
    }
}

fn users(arrivals: &Arrivals, chance: Chance) -> Option<Users> {
    match arrivals {
        Arrivals::Closed { users, think } => Some(Users::new(*users as usize, *think, chance)),
        _ => None,
    }
}

/// CPU time of the calling thread; zero where the system does not tell.
fn thread_cpu() -> Span {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(Span::ZERO, |time| std::time::Duration::from(time).into())
}

/// Linux shows 15 bytes of a thread's name.
fn thread_name(workload: &str) -> String {
    let safe = |letter: char| if letter.is_control() { '_' } else { letter };
    format!("load/{}", workload.chars().map(safe).take(10).collect::<String>())
}

fn invalid(error: ClientError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

// === impl Common ===

impl Common {
    /// Of a mix of weights, bounds of keys, and what reports call each kind.
    fn new(
        start: &Start,
        client: &impl Lane,
        timeout: Span,
        mix: impl Iterator<Item = (u32, u64, String)>,
    ) -> io::Result<Self> {
        let workload = &start.workload;
        let tls = workload.tls().map(|tls| tls::connector(tls, timeout, alpn(workload)));
        let tls = tls.transpose().map_err(invalid)?;
        let streams = workload.streams().max(1) as usize;
        let users = workload.arrivals().users().map(|users| users as usize);
        let seats = users.unwrap_or(workload.connections() as usize * streams);
        let connections = seats.div_ceil(streams);
        let kinds = mix.enumerate().map(|(kind, (weight, keys, name))| Kind {
            weight,
            keys: client.has_key(kind).then_some(keys),
            name,
        });
        Ok(Self { timeout, tls, connections, seats, kinds: kinds.collect() })
    }
}

// === impl Load ===

impl Load {
    /// No new arrivals from now on. What waits is still sent for the length of one timeout, what is in flight comes to
    /// its end, then the last windows are sent. A load that is stopped or aborted already stays as it is.
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// Ends the load now. What is in flight or waits is given up, and counts as backlog of the last window.
    pub fn abort(&self) {
        self.stopper.abort();
    }

    /// A handle that can end the load while another task waits for it in [`Load::join`].
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits for the load's end.
    pub async fn join(mut self) -> LoadEnd {
        let silent = || LoadEnd {
            ending: Ending::Failed { why: "the load's thread ended without a word".to_owned() },
            windows_lost: 0,
            clamped: 0,
            cpu: Span::ZERO,
            history: None,
        };
        let end = match self.end.take() {
            Some(end) => end.await.unwrap_or_else(|_| silent()),
            None => silent(),
        };
        if let Some(thread) = self.thread.take() {
            // Its word was its last act: this waits for a thread that is about to be gone. A panic was told by it.
            let _ = thread.join();
        }
        end
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.abort();
    }
}

#[cfg(test)]
mod tests {
    use shakedown_scenarios::units::Rate;
    use shakedown_scenarios::workload::{Destination, Habits, TcpWorkload};

    use super::*;
    use crate::client::{Client, ErrorClass, Reading};
    use crate::mix::Ask;

    /// A client with a mistake in it.
    struct Panicking;

    impl Client for Panicking {
        type Answer = ();

        fn answer(&self) {}

        fn has_key(&self, _: usize) -> bool {
            false
        }

        fn ask(&self, ask: &Ask, (): &mut (), _: &mut Vec<u8>) {
            panic!("request of kind {} is not to my taste", ask.kind);
        }

        fn whole_at_once(&self, (): &()) -> bool {
            true
        }

        fn read(&self, (): &mut (), _: &[u8], _: &mut Vec<u8>) -> Reading {
            Reading::More
        }

        fn closed(&self, (): &mut ()) -> Result<(), ErrorClass> {
            Ok(())
        }

        fn unasked(&self, (): &mut (), _: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
            false
        }
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a load starts at a real moment")]
    async fn a_panic_in_the_load_is_caught_and_told_and_the_windows_are_sent() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpWorkload {
            to: Destination::Target("shop".to_owned()),
            arrivals: Arrivals::Constant(Rate::per_second(10.0).unwrap()),
            timeout: Span::secs(1),
            connections: 1,
            habits: Habits::default(),
            tls: None,
            exchanges: Vec::new(),
        };
        let start = Start {
            name: "panicking".to_owned(),
            workload: Workload::Tcp(tcp),
            address: listener.local_addr().unwrap(),
            host: String::new(),
            seed: 1,
            start: Instant::now(),
            duration: Span::secs(60),
            history: None,
        };
        let common = Common {
            timeout: Span::secs(1),
            tls: None,
            connections: 1,
            seats: 1,
            kinds: vec![Kind { weight: 1, keys: None, name: String::new() }],
        };
        let (sender, mut windows) = mpsc::channel(10);
        let end = launch(start, Panicking, common, sender).unwrap().join().await;
        let why = "a connection's task panicked: request of kind 0 is not to my taste".to_owned();
        assert_eq!(end.ending, Ending::Failed { why });
        assert!(windows.recv().await.is_some_and(|window| window.due >= 1 && window.backlog >= 1));
    }

    #[test]
    fn a_threads_name_shows_the_workload() {
        assert_eq!(thread_name("browse"), "load/browse");
        assert_eq!(thread_name("a very long one\0"), "load/a very lon");
    }
}
