//! The chat: what one says on a WebSocket, all hear.
//!
//! Each socket is pinged while nothing else shows that it lives, and closed when it stays silent. A socket that does not take
//! what is said to it is closed as well: its memory is bounded whatever clients do.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// How many sockets it serves at once; more wait in the kernel's queue.
const SOCKETS_MAX: usize = 16_384;

/// How long an upgrade may take, and how long a socket may take over what is said to it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a socket is pinged.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// After so many pings without any sign of life a socket is closed.
const SILENT_MAX: u32 = 3;

/// How many messages a socket may lag behind.
const BEHIND_MAX: usize = 1_024;

/// The longest message, in bytes.
const MESSAGE_MAX: usize = 16 * 1024;

/// Serves until `stop` is done; then all sockets are closed.
pub async fn serve(listener: TcpListener, stop: impl Future<Output = ()>) {
    let (said, _) = broadcast::channel(BEHIND_MAX);
    let places = Arc::new(Semaphore::new(SOCKETS_MAX));
    let mut sockets = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            (place, stream) = super::next_client(&listener, &places) => {
                let said = said.clone();
                sockets.spawn(async move {
                    open(stream, said).await;
                    drop(place);
                });
            }
            Some(_) = sockets.join_next() => {}
        }
    }
}

async fn open(stream: TcpStream, said: broadcast::Sender<Utf8Bytes>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
        .max_write_buffer_size(4 * MESSAGE_MAX)
        .write_buffer_size(0);
    let upgrade = tokio_tungstenite::accept_async_with_config(stream, Some(config));
    if let Ok(Ok(mut socket)) = timeout(PATIENCE, upgrade).await {
        talk(&mut socket, &said).await;
        // Whoever is gone cannot be told good-bye.
        let _ = timeout(PATIENCE, socket.close(None)).await;
    }
}

/// Serves one socket to its end.
async fn talk(socket: &mut WebSocketStream<TcpStream>, said: &broadcast::Sender<Utf8Bytes>) {
    let mut heard = said.subscribe();
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let mut silent = 0;
    loop {
        let message = tokio::select! {
            came = socket.next() => {
                silent = 0;
                match came {
                    // Somebody hears it: at least this socket.
                    Some(Ok(Message::Text(text))) => drop(said.send(text)),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                }
                continue;
            }
            text = heard.recv() => match text {
                Ok(text) => Message::Text(text),
                Err(_) => return,
            },
            _ = beat.tick() => {
                silent += 1;
                Message::Ping("".into())
            }
        };
        let is_sent = matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(())));
        if !is_sent || silent > SILENT_MAX {
            return;
        }
    }
}
