//! Whole runs with links that speak a protocol, and faults on what is spoken there.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/voyage.rs"]
mod voyage;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use shakedown_tls_faults::{Connector, Originate, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;
use voyage::{Voyage, all};

/// Every fault of a run bit, and every one healed, as the summary says.
#[track_caller]
fn all_proven(voyage: &Voyage, count: usize) {
    let summary = voyage.summary();
    let faults = summary["faults"].as_array().unwrap();
    assert_eq!(faults.len(), count);
    for fault in faults {
        assert_eq!(fault["bit"]["proven"], true, "{fault}");
        assert_eq!(fault["heal"]["proven"], true, "{fault}");
    }
}

#[test]
fn faults_on_http_bite_and_heal_beside_toxics() {
    let text = r#"Experiment(
        name: "http",
        targets: {
            "store": Process(argv: ["{shakedown}", "demo", "--role", "store", "--port", "{port}"]),
            "shop": Process(
                argv: ["{shakedown}", "demo", "--port", "{port}", "--db", "{target:store}"],
                ready: Http("/healthz"),
            ),
        },
        links: { "clients-shop": Http(to: "shop") },
        workloads: { "browse": Http(
            to: Link("clients-shop"), arrivals: Poisson("100/s"), timeout: "1s",
            requests: [(get: "/items/{n}", expect: (status: 200))],
        ) },
        phases: (warmup: "0s", baseline: "2s", chaos: "13s", recovery: "3s"),
        faults: [
            (name: "unavailable", at: "0s", hold: "2s", do: HttpFault(
                link: "clients-shop",
                matches: (path: "/items/*", every: 2),
                act: Answer(status: 503, headers: {"x-why": "a fault"}),
            )),
            (name: "slow beside it", at: "1s", hold: "2s", do: HttpFault(
                link: "clients-shop", matches: (methods: ["GET"]), act: Delay(before: "30ms", jitter: "10ms"),
            )),
            (name: "cut", at: "4s", hold: "1s", do: HttpFault(link: "clients-shop", act: Abort(how: Reset))),
            (name: "short", at: "6s", hold: "1s", do: HttpFault(
                link: "clients-shop",
                matches: (status: [200], response_body: Text("lantern"), after: "200ms", after_requests: 3),
                act: TruncateBody(keep: "1B"),
            )),
            (name: "hints", at: "8s", hold: "1s", do: HttpFault(
                link: "clients-shop", act: Informational(status: 103, headers: {"link": "</a.css>; rel=preload"}, times: 3),
            )),
            (name: "a toxic", at: "8s", hold: "1s", do: Latency(link: "clients-shop", delay: "20ms")),
            (name: "a partition", at: "10s", hold: "1s", do: Partition(link: "clients-shop")),
        ],
        gates: [
            ErrorRatio(of: "browse", below: "1%", over: Baseline),
            ErrorRatio(of: "browse", below: "5%", over: Recovery),
            ErrorRatio(of: "browse", below: "60%", over: Fault("unavailable")),
        ],
    )"#;
    let voyage = Voyage::new(text);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    all_proven(&voyage, 7);
    let report = voyage.read("report.md");
    let does = r#"HTTP Answer(headers: (x-why: "a fault"), status: 503), matches: (every: 2, path: "/items/*") on link clients-shop"#;
    let plan = voyage.shakedown(&["plan", "experiment.ron"]).output().unwrap();
    assert!(all(&plan).contains(does), "{}", all(&plan));
    assert!(report.contains("chosen requests bitten"), "{report}");
}

/// A server that switches to WebSocket and says hello, and again for all that it is told.
fn chatting() -> SocketAddr {
    const SWITCH: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = |mut stream: TcpStream| {
        let (mut bytes, mut hello) = ([0; 1_024], SWITCH);
        while stream.read(&mut bytes).is_ok_and(|read| read > 0) && stream.write_all(hello).is_ok() {
            hello = b"\x81\x05hello";
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

#[test]
fn faults_on_frames_bite_after_an_upgrade_on_a_link_of_http() {
    let text = format!(
        r#"Experiment(
            name: "chat",
            targets: {{ "chat": Address("{}") }},
            links: {{ "clients-chat": Http(to: "chat") }},
            workloads: {{ "talk": Tcp(
                to: Link("clients-chat"), arrivals: Constant("20/s"), timeout: "1s", connections: 4,
                exchanges: [(
                    send: "GET /chat HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                    expect: "", until: "hello",
                )],
            ) }},
            phases: (warmup: "0s", baseline: "2s", chaos: "6s", recovery: "3s"),
            faults: [
                (name: "late frames", at: "0s", hold: "2s", do: WebSocketFault(
                    link: "clients-chat", act: Delay(delay: "100ms", which: (direction: Downstream)),
                )),
                (name: "lost frames", at: "3s", hold: "1s", do: WebSocketFault(
                    link: "clients-chat", act: Drop(which: (opcodes: [Text], every: 2)),
                )),
            ],
            gates: [
                ErrorRatio(of: "talk", below: "1%", over: Baseline),
                ErrorRatio(of: "talk", below: "5%", over: Recovery),
            ],
        )"#,
        chatting()
    );
    let voyage = Voyage::new(&text);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    all_proven(&voyage, 2);
}

/// A port that was free for TCP and UDP a moment ago.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Does something again and again, in another thread, until the run is over; what came of each time.
struct Asking {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Asking {
    fn start(mut ask: impl FnMut(&Runtime) -> String + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let mut answers = Vec::new();
            while !seen.load(Relaxed) {
                answers.push(ask(&runtime));
                std::thread::park_timeout(Duration::from_millis(10));
            }
            answers
        });
        Self { over, thread }
    }

    fn end(self) -> Vec<String> {
        self.over.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

const PATIENCE: Duration = Duration::from_millis(300);

/// `GET /healthz` over TLS with somebody whom this certificate vouches for; the status line, or why there is none.
async fn get_over_tls(port: u16, ca: &Path) -> String {
    let Ok(pem) = std::fs::read_to_string(ca) else { return "no certificate yet".to_owned() };
    let connector = Connector::new(&Originate::trusting(Trust::Roots(pem))).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let asking = async {
        let tcp = tokio::net::TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let connected = connector.connect(tcp, address.ip(), None, None).await;
        let mut stream = connected.map_err(|error| format!("{:?}", std::error::Error::source(&error)))?;
        let request = b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Ok::<String, String>(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => why,
        Err(_) => "nothing".to_owned(),
    }
}

#[test]
fn faults_on_tls_bite_with_clients_that_trust_the_links_certificate() {
    let (plain, http) = (free_port(), free_port());
    let text = format!(
        r#"Experiment(
            name: "tls",
            targets: {{
                "store": Process(argv: ["{{shakedown}}", "demo", "--role", "store", "--port", "{{port}}"]),
                "shop": Process(
                    argv: ["{{shakedown}}", "demo", "--port", "{{port}}", "--db", "{{target:store}}"],
                    env: {{ "AUTHORITY": "{{link-ca:bytes}}" }},
                    ready: Http("/healthz"),
                ),
            }},
            links: {{
                "bytes": Tls(to: "shop", listen: {plain}, terminate: (names: ["shop.test", "127.0.0.1"])),
                "requests": Http(to: "shop", listen: {http}, tls: (terminate: ())),
            }},
            phases: (warmup: "0s", baseline: "2s", chaos: "9s", recovery: "2s"),
            faults: [
                (name: "expired", at: "0s", hold: "1s", do: TlsFault(link: "bytes", act: ExpiredCertificate)),
                (name: "wrong host", at: "2s", hold: "1s", do: TlsFault(link: "requests", act: WrongHost)),
                (name: "stalled", at: "4s", hold: "1s", do: TlsFault(link: "bytes", act: HandshakeStall)),
                (name: "alert", at: "6s", hold: "1s", do: TlsFault(link: "bytes", act: Alert(description: InternalError))),
                (name: "no answer", at: "6s", hold: "1s", do: HttpFault(
                    link: "requests", matches: (path: "/healthz"), act: Answer(status: 503),
                )),
            ],
            hypothesis: [Http(target: "shop", path: "/healthz")],
        )"#
    );
    let voyage = Voyage::new(&text);
    let run = voyage.start(&[]);
    let ca = |link: &str| voyage.folder().join(format!("link-{link}-ca.pem"));
    let (bytes_ca, requests_ca) = (ca("bytes"), ca("requests"));
    let bytes = Asking::start(move |runtime| runtime.block_on(get_over_tls(plain, &bytes_ca)));
    let requests = Asking::start(move |runtime| runtime.block_on(get_over_tls(http, &requests_ca)));
    let (code, text) = run.end();
    let (bytes, requests) = (bytes.end(), requests.end());
    assert_eq!(code, Some(0), "{text}{}", voyage.stderr());
    all_proven(&voyage, 5);
    let saw = |answers: &[String], what: &str| answers.iter().any(|answer| answer.contains(what));
    for what in ["200 OK", "Expired", "nothing", "InternalError"] {
        assert!(saw(&bytes, what), "{what}: {bytes:?}");
    }
    for what in ["200 OK", "NotValidForName", "503"] {
        assert!(saw(&requests, what), "{what}: {requests:?}");
    }
}

/// Sends a datagram and waits a moment for an answer; what came.
fn tell(socket: &UdpSocket, to: u16, bytes: &[u8]) -> String {
    let _ = socket.send_to(bytes, ("127.0.0.1", to));
    let mut answer = [0; 512];
    match socket.recv(&mut answer) {
        Ok(length) => format!("{:02x?}", &answer[..length]),
        Err(_) => "nothing".to_owned(),
    }
}

#[test]
fn faults_on_datagrams_and_names_bite_and_heal() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (stats, names) = (free_port(), free_port());
    let text = format!(
        r#"Experiment(
            name: "datagrams",
            targets: {{
                "store": Process(argv: ["{{shakedown}}", "demo", "--role", "store", "--port", "{{port}}"]),
                "stats": Address("{}"),
            }},
            links: {{
                "app-stats": Udp(to: "stats", listen: {stats}, from: "app"),
                "names": Dns(listen: {names}, names: {{"db.test": ["127.0.0.1"]}}, ttl: "5s"),
            }},
            phases: (warmup: "0s", baseline: "2s", chaos: "9s", recovery: "2s"),
            faults: [
                (name: "lost", at: "0s", hold: "1s", do: UdpFault(link: "app-stats", act: Loss(probability: "50%"))),
                (name: "late", at: "2s", hold: "1s", do: UdpFault(link: "app-stats", act: Delay(delay: "50ms", direction: Upstream))),
                (name: "cut off", at: "4s", hold: "1s", do: Partition(between: (["app"], ["stats"]), way: SecondToFirst)),
                (name: "unknown", at: "0s", hold: "1s", do: DnsFault(link: "names", act: Nxdomain, name: "*.test", qtype: A)),
                (name: "slow", at: "2s", hold: "1s", do: DnsFault(link: "names", act: Slow(delay: "50ms"))),
                (name: "elsewhere", at: "4s", hold: "1s", do: DnsFault(link: "names", act: WrongAddress(addresses: ["192.0.2.7"]))),
                (name: "silent", at: "6s", hold: "1s", do: DnsFault(link: "names", act: Timeout, every: 2)),
            ],
            hypothesis: [Tcp(target: "store")],
        )"#,
        server.local_addr().unwrap()
    );
    let voyage = Voyage::new(&text);
    let run = voyage.start(&[]);
    std::thread::spawn(move || {
        let mut bytes = [0; 512];
        // It ends with the test's process.
        while let Ok((length, from)) = server.recv_from(&mut bytes) {
            let _ = server.send_to(&bytes[..length], from);
        }
    });
    let socket = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let (app, resolver) = (socket(), socket());
    let told = Asking::start(move |_| tell(&app, stats, b"count:1|c"));
    let query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x04test\x00\x00\x01\x00\x01";
    let asked = Asking::start(move |_| tell(&resolver, names, query));
    let (code, text) = run.end();
    let (told, asked) = (told.end(), asked.end());
    assert_eq!(code, Some(0), "{text}{}", voyage.stderr());
    all_proven(&voyage, 7);
    let ends = |end: &str| asked.iter().any(|answer| answer.ends_with(end));
    assert!(ends("7f, 00, 00, 01]") && ends("c0, 00, 02, 07]") && ends("nothing"), "{asked:?}");
    assert!(told.iter().any(|answer| answer != "nothing"), "{told:?}");
}

#[test]
fn a_partition_between_groups_cuts_what_leads_from_one_to_the_other_and_nothing_else() {
    let text = r#"Experiment(
        name: "groups",
        targets: {
            "store": Process(argv: ["{shakedown}", "demo", "--role", "store", "--port", "{port}"]),
            "shop": Process(
                argv: ["{shakedown}", "demo", "--port", "{port}", "--db", "{link:shop-store}"],
                ready: Http("/healthz"),
            ),
            "other": Process(
                argv: ["{shakedown}", "demo", "--port", "{port}", "--db", "{link:other-store}"],
                ready: Http("/healthz"),
            ),
        },
        links: {
            "shop-store": Tcp(to: "store", from: "shop"),
            "other-store": Tcp(to: "store", from: "other"),
            "clients-shop": Http(to: "shop", from: "clients"),
        },
        workloads: {
            "browse": Http(to: Link("clients-shop"), arrivals: Poisson("50/s"), timeout: "1s",
                           requests: [(get: "/items/{n}", keys: 5000, expect: (status: 200))]),
            "elsewhere": Http(to: Target("other"), arrivals: Poisson("50/s"), timeout: "1s",
                              requests: [(get: "/items/{n}", keys: 5000, expect: (status: 200))]),
        },
        phases: (warmup: "1s", baseline: "2s", chaos: "9s", recovery: "3s"),
        faults: [
            (name: "both ways", at: "0s", hold: "2s", do: Partition(between: (["shop", "clients"], ["store"]))),
            (name: "one way", at: "5s", hold: "2s", do: Partition(between: (["store"], ["shop"]), way: FirstToSecond)),
        ],
        gates: [
            ErrorRatio(of: "elsewhere", below: "1%", over: Chaos),
            ErrorRatio(of: "browse", below: "5%", over: Recovery),
        ],
    )"#;
    let voyage = Voyage::new(text);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    all_proven(&voyage, 2);
    let summary = voyage.summary();
    let bit = summary["faults"][0]["bit"]["evidence"].as_str().unwrap();
    assert!(bit.starts_with("shop-store: ") && !bit.contains("other") && !bit.contains("clients"), "{bit}");
    let plan = all(&voyage.shakedown(&["plan", "experiment.ron"]).output().unwrap());
    assert!(plan.contains("partition between shop, clients and store, both ways"), "{plan}");
    assert!(plan.contains("partition between store and shop, first to second"), "{plan}");
}
