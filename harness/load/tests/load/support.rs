//! Tiny servers, loads that fit them, and the sums of what came back.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use shakedown_load::{Load, LoadEnd, Start, start};
use shakedown_reports::journal::Window;
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{
    Arrivals, Destination, Habits, HttpExpect, HttpRequest, HttpVersion, HttpWorkload, TcpExchange,
    TcpWorkload, Workload,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The answer of a server that is well.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Serves each connection with `handle` until the test's runtime ends.
pub async fn serve<F, Served>(handle: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Served + Send + 'static,
    Served: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// Serves the same answer to every request for as long as the connection lasts.
pub async fn answering(answer: &'static str) -> SocketAddr {
    serve(move |mut stream| async move {
        while asked(&mut stream).await.is_some() {
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// The head of the next request; `None` once the client is gone.
pub async fn asked(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// A port that nobody listens on.
pub async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

pub fn get(path: &str) -> HttpRequest {
    HttpRequest {
        name: None,
        method: "GET".into(),
        path: path.into(),
        headers: Vec::new(),
        body: String::new(),
        expect: HttpExpect::default(),
        weight: 1,
        keys: 1_000,
    }
}

/// Constant arrivals of `GET /` over at most `connections`, with a timeout of 10 s.
pub fn http(per_second: f64, connections: u32) -> HttpWorkload {
    HttpWorkload {
        version: HttpVersion::Http1,
        to: Destination::Target("shop".into()),
        arrivals: Arrivals::Constant(Rate::per_second(per_second).unwrap()),
        timeout: Span::secs(10),
        connections,
        habits: Habits::default(),
        tls: None,
        auth: None,
        data: None,
        requests: vec![get("/")],
    }
}

/// The same for an exchange over TCP.
pub fn tcp(per_second: f64, connections: u32, send: &str, expect: &str, until: Option<&str>) -> TcpWorkload {
    TcpWorkload {
        to: Destination::Target("shop".into()),
        arrivals: Arrivals::Constant(Rate::per_second(per_second).unwrap()),
        timeout: Span::secs(10),
        connections,
        habits: Habits::default(),
        tls: None,
        exchanges: vec![TcpExchange {
            name: None,
            send: send.into(),
            expect: expect.into(),
            until: until.map(Into::into),
            weight: 1,
            keys: 1_000,
        }],
    }
}

/// A load of this length that starts now.
#[expect(clippy::disallowed_methods, reason = "a load on real sockets starts at a real moment")]
pub fn starting(workload: Workload, address: SocketAddr, duration: Span) -> Start {
    Start {
        name: "test".into(),
        workload,
        address,
        host: "shop".into(),
        seed: 1,
        start: Instant::now(),
        duration,
        history: None,
    }
}

/// A load that runs, with the channel of its windows.
pub fn begin(start_of: Start) -> (Load, mpsc::Receiver<Window>) {
    let (sender, windows) = mpsc::channel(1_000);
    (start(start_of, sender).unwrap(), windows)
}

/// Runs a load to its end.
pub async fn run(workload: Workload, address: SocketAddr, duration: Span) -> (Totals, LoadEnd) {
    let (load, windows) = begin(starting(workload, address, duration));
    finish(load, windows).await
}

/// Waits for a load's end.
pub async fn finish(load: Load, mut windows: mpsc::Receiver<Window>) -> (Totals, LoadEnd) {
    let all = async {
        let end = load.join().await;
        let mut totals = Totals::default();
        while let Some(window) = windows.recv().await {
            totals.add(&window);
        }
        (totals, end)
    };
    tokio::time::timeout(PATIENCE, all).await.expect("a load of a second or two ends within a minute")
}

/// The sums over all windows.
#[derive(Debug)]
pub struct Totals {
    pub windows: Vec<Window>,
    pub due: u64,
    pub sent: u64,
    pub ok: u64,
    pub errors: BTreeMap<String, u64>,
    pub dropped: u64,
    pub received: u64,
    pub latency: Histogram<u64>,
    pub service: Histogram<u64>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            windows: Vec::new(),
            due: 0,
            sent: 0,
            ok: 0,
            errors: BTreeMap::new(),
            dropped: 0,
            received: 0,
            latency: shakedown_load::recorder::histogram(),
            service: shakedown_load::recorder::histogram(),
        }
    }
}

impl Totals {
    fn add(&mut self, window: &Window) {
        self.due += window.due;
        self.sent += window.sent;
        self.ok += window.ok;
        for (class, count) in &window.errors {
            *self.errors.entry(class.clone()).or_default() += count;
        }
        self.dropped += window.dropped;
        self.received += window.received;
        self.latency.add(&window.latency).unwrap();
        self.service.add(&window.service).unwrap();
        self.windows.push(window.clone());
    }

    /// How many requests failed with this class.
    pub fn failed(&self, class: &str) -> u64 {
        self.errors.get(class).copied().unwrap_or(0)
    }

    /// Why requests failed that failed with this class, in words.
    pub fn whys(&self, class: &str) -> Vec<&str> {
        let examples = self.windows.iter().flat_map(|window| &window.examples);
        examples.filter(|example| example.class == class).map(|example| example.why.as_str()).collect()
    }

    /// Every request that was due is accounted for: it is right, wrong, dropped, or in the last backlog.
    pub fn assert_complete(&self) {
        let backlog = self.windows.last().map_or(0, |window| window.backlog);
        let ended = self.ok + self.errors.values().sum::<u64>();
        assert_eq!(self.due, ended + self.dropped + backlog, "{self:?}");
        assert_eq!(self.latency.len(), self.ok);
        for class in self.errors.keys() {
            let whys = self.whys(class);
            assert!(!whys.is_empty(), "no word of why something failed as {class}");
            assert!(whys.iter().all(|why| !why.contains("an error of class")), "{whys:?}");
        }
        let seconds: Vec<u32> = self.windows.iter().map(|window| window.second).collect();
        assert!(seconds.iter().copied().eq(0..seconds.len() as u32), "one window a second: {seconds:?}");
    }
}
