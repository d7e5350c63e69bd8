//! What tests of the relay share: bounded waits, and a client and a server with the relay between them.

use std::future::Future;
use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use shakedown_scenarios::seed::Streams;
use shakedown_websocket_faults::{Connection, Control, Counters, WebSocketFault, relay};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Far more than anything here takes, and far less than a stuck CI job.
pub const LONG: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<TcpStream>;

/// A client and a server of tungstenite's, after the upgrade.
pub struct Joined {
    pub client: Socket,
    pub server: Socket,
    pub relaying: JoinHandle<io::Result<Counters>>,
}

/// Fails the test if this does not come to an end.
pub async fn soon<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, doing).await.unwrap_or_else(|_| panic!("{what} took longer than {LONG:?}"))
}

/// Two ends of a TCP connection on loopback.
pub async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (one, (other, _)) = (one.unwrap(), other.unwrap());
    one.set_nodelay(true).unwrap();
    other.set_nodelay(true).unwrap();
    (one, other)
}

pub fn connection() -> Connection {
    Connection { streams: Streams::new(42), ordinal: 0, lenient: false }
}

pub async fn joined(control: &Control) -> Joined {
    let ((client, to_client), (to_server, server)) = (pair().await, pair().await);
    let relaying = tokio::spawn(relay(to_client, to_server, control.watch(), connection()));
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let server = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
    Joined { client, server, relaying }
}

/// A fault under number 1.
pub fn control(fault: &str) -> Control {
    let control = Control::new();
    control.inject(1, described(fault)).unwrap();
    control
}

pub fn described(fault: &str) -> WebSocketFault {
    serde_json::from_str(fault).unwrap()
}

pub fn text(text: &str) -> Message {
    Message::text(text)
}

pub async fn send(socket: &mut Socket, message: Message) {
    soon("sending", socket.send(message)).await.unwrap();
}

pub async fn next(socket: &mut Socket) -> Result<Message, Error> {
    soon("a message", socket.next()).await.unwrap_or(Err(Error::ConnectionClosed))
}

/// The texts that come next.
pub async fn texts<const N: usize>(socket: &mut Socket) -> [String; N] {
    let mut texts = [const { String::new() }; N];
    for text in &mut texts {
        *text = next(socket).await.unwrap().into_text().unwrap().to_string();
    }
    texts
}
