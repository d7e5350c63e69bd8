//! The demonstration system on real sockets.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

/// Long enough for anything here, on a busy machine too.
const BOUND: Duration = Duration::from_secs(20);

/// A server in this process; it ends when it is dropped or asked to.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<Result<(), DemoError>>,
}

impl Running {
    async fn start(options: Options) -> Self {
        let listener = listen(options.port).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            serve_on(listener, &options, stopped).await
        });
        Self { address, stop: Some(stop), done }
    }

    async fn end(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(BOUND, &mut self.done).await.expect("it ends when asked").unwrap().unwrap();
    }
}

fn store(port: u16) -> Options {
    let (db, db_name, resolver) = (None, None, None);
    let (reads, acknowledge) = (None, primary::Acknowledge::Late);
    Options {
        role: Role::Store,
        port,
        db,
        reads,
        acknowledge,
        db_name,
        resolver,
        connections: 1,
        timeout: Span::ZERO,
    }
}

fn shop(db: SocketAddr) -> Options {
    let (db, db_name, resolver) = (Some(db), None, None);
    Options {
        role: Role::Shop,
        db,
        db_name,
        resolver,
        connections: 4,
        timeout: Span::millis(300),
        ..store(0)
    }
}

/// One kept connection to the shop.
struct Client(TcpStream);

impl Client {
    async fn to(shop: &Running) -> Self {
        Self(TcpStream::connect(shop.address).await.unwrap())
    }

    /// The status and the JSON of an answer.
    async fn get(&mut self, path: &str) -> (u16, Value) {
        self.get_with(path, "").await
    }

    /// The same with this further header.
    async fn get_with(&mut self, path: &str, header: &str) -> (u16, Value) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\n{header}\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        timeout(BOUND, self.read()).await.expect("an answer")
    }

    async fn read(&mut self) -> (u16, Value) {
        let mut bytes = Vec::new();
        loop {
            assert_ne!(self.0.read_buf(&mut bytes).await.unwrap(), 0, "closed after {bytes:?}");
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                return (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn the_shop_answers_from_its_store_on_one_kept_connection() {
    let store = Running::start(store(0)).await;
    let shop = Running::start(shop(store.address)).await;
    let mut client = Client::to(&shop).await;
    assert_eq!(client.get("/healthz").await, (200, json!({"status": "ok"})));
    let item = |from: &str| json!({"id": 3, "name": "lantern 3", "cents": 4057, "from": from});
    assert_eq!(client.get("/items/3").await, (200, item("store")));
    assert_eq!(client.get("/items/3").await, (200, item("cache")));
    assert_eq!(client.get("/items/10000").await.0, 404);
    assert_eq!(client.get("/items/three").await.0, 404);
    assert_eq!(client.get("/").await.0, 404);
    assert_eq!(client.get("/visits/8").await, (200, json!({"visitor": 8})));
    assert_eq!(client.get("/baskets/3").await.0, 401, "a visitor without a cookie");
    let mut basket = item("cache");
    basket["visitor"] = json!(8);
    assert_eq!(client.get_with("/baskets/3", "cookie: a=b; visitor=8\r\n").await, (200, basket));
    assert_eq!(client.get_with("/baskets/10000", "cookie: visitor=8\r\n").await.0, 404);
    drop(client);
    shop.end().await;
    store.end().await;
}

#[tokio::test]
async fn the_shop_says_503_without_its_store_and_comes_back_by_itself() {
    let first = Running::start(store(0)).await;
    let shop = Running::start(shop(first.address)).await;
    let mut client = Client::to(&shop).await;
    assert_eq!(client.get("/items/1").await.0, 200);
    let address = first.address;
    first.end().await;
    // Item 1 is remembered for a second; the others are not.
    let (status, body) = client.get("/items/2").await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(client.get("/healthz").await.0, 200);
    let second = Running::start(store(address.port())).await;
    assert_eq!(client.get("/items/2").await.0, 200);
    shop.end().await;
    second.end().await;
}

/// Whether the other side has not closed yet; what it sent is thrown away.
fn is_open(stream: &std::net::TcpStream) -> bool {
    use std::io::Read as _;
    let mut reader = stream;
    loop {
        match reader.read(&mut [0; 256]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

#[tokio::test]
async fn a_silent_store_costs_its_timeout_and_never_more_connections_than_allowed() {
    let silent = listen(0).await.unwrap();
    let shop = Running::start(shop(silent.local_addr().unwrap())).await;
    let mut clients = Vec::new();
    for number in 0..12 {
        let mut client = Client::to(&shop).await;
        clients.push(tokio::spawn(async move { client.get(&format!("/items/{number}")).await }));
    }
    let (mut held, mut most) = (Vec::new(), 0);
    let mut answers = Vec::new();
    let everything = async {
        while let Some(client) = clients.last_mut() {
            tokio::select! {
                accepted = silent.accept() => {
                    held.push(accepted.unwrap().0.into_std().unwrap());
                    held.retain(is_open);
                    most = most.max(held.len());
                }
                answer = client => {
                    answers.push(answer.unwrap());
                    clients.pop();
                }
            }
        }
    };
    timeout(BOUND, everything).await.expect("all clients are answered");
    assert!(answers.iter().all(|(status, _)| *status == 503), "{answers:?}");
    let why = |why: &str| answers.iter().any(|(_, body)| body["error"].to_string().contains(why));
    assert!(why("did not answer within"), "{answers:?}");
    assert!(why("were busy"), "{answers:?}");
    assert_eq!(most, 4, "as many connections at once as the pool allows");
    shop.end().await;
}

#[tokio::test]
async fn a_store_that_talks_nonsense_is_a_bad_gateway() {
    let strange = listen(0).await.unwrap();
    let shop = Running::start(shop(strange.local_addr().unwrap())).await;
    let mut client = Client::to(&shop).await;
    let talk = async {
        for nonsense in ["HTTP/1.1 200 OK\r\n", "VALUE no price\r\n"] {
            let (mut stream, _) = strange.accept().await.unwrap();
            let mut question = [0; 64];
            assert_ne!(stream.read(&mut question).await.unwrap(), 0);
            stream.write_all(nonsense.as_bytes()).await.unwrap();
        }
    };
    let ask = async {
        let first = client.get("/items/1").await;
        (first.0, client.get("/items/2").await.0)
    };
    let ((), statuses) = timeout(BOUND, async { tokio::join!(talk, ask) }).await.unwrap();
    assert_eq!(statuses, (502, 502));
    shop.end().await;
}

#[tokio::test]
async fn the_store_answers_pipelined_lines_and_refuses_endless_ones() {
    let store = Running::start(store(0)).await;
    let mut stream = TcpStream::connect(store.address).await.unwrap();
    stream.write_all(b"PING\r\nSET a b c\nGET a\nGET \xff\n").await.unwrap();
    let endless = vec![b'x'; store::LINE_MAX + 1];
    stream.write_all(&endless).await.unwrap();
    let mut answers = String::new();
    timeout(BOUND, stream.read_to_string(&mut answers)).await.expect("it hangs up").unwrap();
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers[..3], ["PONG", "OK", "VALUE b c"]);
    assert!(answers[3].starts_with("ERROR expected `GET key`"), "{answers:?}");
    assert!(answers[4].starts_with("ERROR expected a line of at most"), "{answers:?}");
    assert_eq!(answers.len(), 5);
    store.end().await;
}

#[tokio::test]
async fn sigterm_is_a_clean_end() {
    let probe = listen(0).await.unwrap();
    let address = probe.local_addr().unwrap();
    drop(probe);
    let serving = tokio::spawn(serve(store(address.port())));
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let connected = async {
        while TcpStream::connect(address).await.is_err() {
            tick.tick().await;
        }
    };
    timeout(BOUND, connected).await.expect("it listens");
    // It listens, hence it hears signals: this process is not ended by its own.
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).unwrap();
    timeout(BOUND, serving).await.expect("it ends").unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = listen(0).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = serve(store(port)).await.unwrap_err();
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[test]
fn only_loopback_stores_are_taken() {
    assert_eq!(loopback("127.0.0.1:80"), Ok("127.0.0.1:80".parse().unwrap()));
    assert_eq!(loopback("[::1]:80"), Ok("[::1]:80".parse().unwrap()));
    for wrong in ["192.0.2.1:80", "0.0.0.0:80", "127.0.0.1", "127.0.0.1:99999", ""] {
        let error = loopback(wrong).unwrap_err();
        assert!(error.starts_with("expected a loopback address"), "{wrong}: {error}");
    }
}
