//! What can be broken about WebSocket, and the relay that breaks it.
//!
//! Read in this order: [`Splitter`] (where frames begin and end, in bytes that come in whatever pieces they come),
//! [`WebSocketFault`] and [`Selection`] (what can be broken, and of which frames), [`Faults`] and [`Control`] (what holds,
//! and what it did), [`Pipe`] (one way of a connection under faults: decided purely, from a seed, the connection's place
//! and the moments it is told), [`relay()`] (two of them between two streams).
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use shakedown_scenarios::seed::Streams;
//! use shakedown_websocket_faults::{Connection, Control, WebSocketFault, relay};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! // Every second text of the server's is lost.
//! let control = Control::new();
//! let fault = r#"{"drop": {"which": {"opcodes": ["text"], "every": 2, "direction": "downstream"}}}"#;
//! control.inject(1, serde_json::from_str::<WebSocketFault>(fault)?)?;
//!
//! // The relay stands between two streams that have been upgraded already.
//! let (client, to_client) = tokio::io::duplex(1_024);
//! let (mut server, to_server) = tokio::io::duplex(1_024);
//! let connection = Connection { streams: Streams::new(42), ordinal: 0, lenient: true };
//! let relaying = tokio::spawn(relay(to_client, to_server, control.watch(), connection));
//!
//! server.write_all(b"\x81\x03one\x81\x03two\x81\x05three").await?;
//! drop(server);
//! let (mut read, write) = tokio::io::split(client);
//! let mut got = Vec::new();
//! read.read_to_end(&mut got).await?;
//! assert_eq!(got, b"\x81\x03one\x81\x05three");
//!
//! drop((read, write));
//! assert_eq!(relaying.await??.down.frames, 3);
//! assert_eq!(control.heal(1).map(|evidence| evidence.hits), Some(1));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! A fault looks at frames one by one and keeps none, but for those of at most 16 KiB that it sends twice. Frames of any
//! length pass in the pieces they come in.
//!
//! What it does not do: the upgrade, which is HTTP; what extensions do to messages (a compressed one is broken like any
//! other, and cannot be looked into); messages as a whole, where they come in several frames.

mod clock;
mod control;
mod fault;
mod faults;
mod flaw;
mod frame;
mod outbox;
mod pipe;
mod relay;
mod selection;
mod splitter;
mod stage;

pub use control::{Control, InjectError, KEPT};
pub use fault::{DUPLICATE_MOST, Ends, Fate, Problem, REASON_MOST, WebSocketFault, is_code};
pub use faults::{DUPLICATES_MOST, Evidence, Faults, FaultsError, Injection, MOST};
pub use flaw::{Flaw, Malformed, Sender};
pub use frame::{CONTROL_MOST, HEADER_MOST, Head, Header, Opcode, mask, turned};
pub use pipe::{Connection, Passed, Pipe};
pub use relay::{Counters, relay};
pub use selection::Selection;
pub use splitter::{Piece, Splitter};
