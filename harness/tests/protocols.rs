//! Whole runs with links that speak a protocol, and faults on what is spoken there.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/voyage.rs"]
mod voyage;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

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
            (name: "short", at: "6s", hold: "1s", do: HttpFault(link: "clients-shop", act: TruncateBody(keep: "1B"))),
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
    all_proven(&voyage, 6);
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
