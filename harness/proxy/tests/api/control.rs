//! Control never waits for data: a thousand connections that are stuck hold up nobody who asks.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::peers::wait;
use crate::support::Api;

/// How many connections each of the proxies has.
const EACH: usize = 250;
const PROXIES: [&str; 4] = ["a", "b", "c", "d"];

/// Calls take milliseconds. Whoever waits for stuck connections waits for seconds, or for ever.
pub const AT_ONCE: Duration = Duration::from_secs(1);

/// A server that takes connections and reads nothing. Segments are small so that the kernel's buffers are, and full
/// soon.
fn dead_sink() -> (SocketAddr, Socket) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.set_recv_buffer_size(4_096).unwrap();
    listener.set_tcp_mss(536).unwrap();
    listener.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    // Nobody accepts: connections are complete all the same.
    listener.listen(4_096).unwrap();
    (listener.local_addr().unwrap().as_socket().unwrap(), listener)
}

fn stuck_client(proxy: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(4_096).unwrap();
    socket.connect(&SockAddr::from(proxy)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

/// Writes until nothing is taken from anybody any more, and the proxies read nothing any more.
fn fill(api: &Api, clients: &mut [TcpStream]) {
    let received = || {
        let shown = api.json("GET /v1/proxies", "");
        let counted = shown["proxies"].as_array().unwrap().iter().map(|it| &it["counters"]["up_received"]);
        counted.map(|bytes| bytes.as_u64().unwrap()).sum::<u64>()
    };
    let mut before = (0, usize::MAX);
    assert!(wait(|| {
        let written = clients.iter_mut().map(|client| client.write(&[7; 65_536]).unwrap_or(0)).sum::<usize>();
        let now = (received(), written);
        let is_full = now == (before.0, 0) && before.1 == 0;
        before = now;
        is_full
    }));
    assert!(before.0 > 0);
}

#[expect(clippy::disallowed_methods, reason = "a test measures in real time")]
pub fn timed<T>(doing: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    (doing(), begin.elapsed())
}

/// Asks, and says how long it took.
#[track_caller]
fn ask(api: &Api, what: &str, body: &str, status: u16) -> (Duration, String) {
    let (answer, took) = timed(|| api.ask(what, body));
    assert_eq!(answer.status, status, "{what} {body}: {answer:?}");
    (took, what.to_owned())
}

/// What may be asked while bytes are stuck: toxics that come, change and go, and proxies that do.
fn calls(api: &Api, upstream: SocketAddr) -> Vec<(Duration, String)> {
    let mut calls = Vec::new();
    let mut ask = |what: &str, body: &str, status| calls.push(ask(api, what, body, status));
    for toxic in [
        r#"{"name":"t","type":"latency","stream":"upstream","attributes":{"latency":100}}"#,
        r#"{"name":"t","type":"bandwidth","stream":"upstream","attributes":{"rate":1}}"#,
        r#"{"name":"t","type":"slicer","stream":"upstream","attributes":{"average_size":9}}"#,
        r#"{"name":"t","type":"limit_data","stream":"downstream","attributes":{"bytes":9}}"#,
    ] {
        ask("POST /proxies/a/toxics", toxic, 200);
        ask("PATCH /proxies/a/toxics/t", r#"{"attributes":{"latency":5,"rate":2},"toxicity":0.5}"#, 200);
        ask("GET /proxies", "", 200);
        ask("DELETE /proxies/a/toxics/t", "", 204);
    }
    for path in ["/v1/proxies", "/v1/proxies/a/connections", "/metrics"] {
        ask(&format!("GET {path}"), "", 200);
    }
    ask("POST /v1/partitions/cut", r#"{"between":["a","b"]}"#, 201);
    ask("DELETE /v1/partitions/cut", "", 204);
    ask("POST /v1/proxies/b/profile", r#"{"name":"3g"}"#, 200);
    ask("PUT /v1/proxies/a/toxics/door", r#"{"toxic":{"Refuse":{}}}"#, 201);
    ask("POST /reset", "", 204);
    // From here on connections are ended, each time with a port that is wanted again at once.
    ask("POST /proxies/a", r#"{"enabled":false}"#, 200);
    ask("POST /proxies/a", r#"{"enabled":true}"#, 200);
    let listen = api.json("GET /proxies/b", "")["listen"].clone();
    ask("POST /proxies/b", &format!(r#"{{"upstream":"localhost:{}"}}"#, upstream.port()), 200);
    ask("POST /populate", &format!(r#"[{{"name":"b","upstream":"x:1","listen":{listen}}}]"#), 201);
    ask("DELETE /proxies/c", "", 204);
    ask("PUT /v1/proxies/d", r#"{"enabled":false}"#, 200);
    ask("POST /reset", "", 204);
    calls
}

#[test]
fn a_thousand_stuck_connections_hold_up_no_call() {
    let api = Api::start();
    let (upstream, sink) = dead_sink();
    let mut clients = Vec::new();
    for name in PROXIES {
        let proxy = api.proxy(name, &upstream.to_string());
        clients.extend((0..EACH).map(|_| stuck_client(proxy)));
    }
    let is_open = |name: &&str| api.json(&format!("GET /v1/proxies/{name}"), "")["counters"]["open"] == EACH;
    assert!(wait(|| PROXIES.iter().all(is_open)));
    fill(&api, &mut clients);
    let is_over = AtomicBool::new(false);
    let mut calls = thread::scope(|scope| {
        // Somebody else asks all the time, and waits for none of these calls.
        let bystander = scope.spawn(|| {
            let mut asked = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                asked.push(ask(&api, "GET /proxies/d", "", 200));
            }
            asked
        });
        let calls = thread::Builder::new().spawn_scoped(scope, || calls(&api, upstream)).unwrap().join();
        is_over.store(true, Ordering::Relaxed);
        [calls.unwrap(), bystander.join().unwrap()].concat()
    });
    calls.sort();
    let slowest = &calls[calls.len() - 1];
    println!("{} calls, the slowest: {slowest:?}", calls.len());
    assert!(slowest.0 < AT_ONCE, "{slowest:?}");
    drop(sink);
}
