//! Messages and heartbeats on WebSockets (RFC 6455) that are held open.
//!
//! A server may send to everybody what one has said, so messages that nobody waits for are the rule: they are read, checked
//! and passed over, also while nothing is asked. Its pings are answered whenever they come.

pub(super) mod frame;
pub(super) mod upgrade;

use std::cell::Cell;

use shakedown_scenarios::workload::WebSocketWorkload;
use shakedown_scenarios::workload::websocket::{Sending, WebSocketMessage};

use self::frame::{CLOSE, Event, FrameReader, PING, PONG, TEXT, write};
use self::upgrade::Upgrade;
use crate::client::search::Search;
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::mix::Ask;
use crate::template::Template;

/// The messages of a workload, ready to send.
#[derive(Debug)]
pub(crate) struct WebSocketClient {
    /// The upgrade but for its key.
    request: String,
    messages: Vec<Prepared>,
    /// Where keys and masks come from: they keep what stands between from misreading a frame, and need not be secret.
    numbers: Cell<u64>,
}

#[derive(Debug)]
struct Prepared {
    opcode: u8,
    send: Template,
    /// What the answer holds; a ping's is its own content.
    expect: Option<Template>,
}

/// The state of one socket.
#[derive(Debug, Default)]
pub(crate) struct WebSocketAnswer {
    /// The upgrade, while it goes on.
    upgrade: Option<Upgrade>,
    /// Whether a frame closed the socket.
    is_closed: bool,
    frames: FrameReader,
    awaited: Awaited,
    /// What the answer holds, or is.
    expected: Vec<u8>,
    search: Search,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaited {
    #[default]
    Nothing,
    Message,
    Pong,
}

/// What reading came to.
enum Read {
    /// Everything was read, and nothing of it was awaited.
    All,
    /// What was awaited came; there may be more behind it.
    Awaited,
    /// The target ended the socket.
    Closed,
    /// What came is no WebSocket.
    Malformed,
}

// === impl WebSocketClient ===

impl WebSocketClient {
    /// Prepares the messages of a workload.
    pub(crate) fn new(host: &str, websocket: &WebSocketWorkload, seed: u64) -> Result<Self, ClientError> {
        let request = upgrade::request(host, websocket)?;
        let messages = websocket.messages.iter().map(Prepared::new).collect();
        Ok(Self { request, messages, numbers: Cell::new(seed) })
    }

    /// The next number of SplitMix64.
    fn number(&self) -> u64 {
        let state = self.numbers.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.numbers.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn mask(&self) -> [u8; 4] {
        (self.number() as u32).to_be_bytes()
    }

    /// Reads frames up to what is awaited, and answers pings.
    fn listen(&self, answer: &mut WebSocketAnswer, bytes: &mut &[u8], reply: &mut Vec<u8>) -> Read {
        loop {
            let event = match answer.frames.read(bytes) {
                Ok(Some(event)) => event,
                Ok(None) => return Read::All,
                Err(_) => return Read::Malformed,
            };
            let is_awaited = match event {
                Event::Piece(piece) if answer.awaited == Awaited::Message => {
                    answer.search.look(&answer.expected, piece);
                    false
                }
                Event::End if answer.awaited == Awaited::Message => {
                    let found = answer.search.found();
                    answer.search.begin();
                    found
                }
                Event::Piece(_) | Event::End => false,
                Event::Control(PING) => {
                    let content = answer.frames.control();
                    write(PONG, self.mask(), reply, |out| out.extend_from_slice(content));
                    false
                }
                Event::Control(CLOSE) => return Read::Closed,
                Event::Control(_) => {
                    answer.awaited == Awaited::Pong && answer.frames.control() == answer.expected
                }
            };
            if is_awaited {
                answer.awaited = Awaited::Nothing;
                return Read::Awaited;
            }
        }
    }
}

impl Client for WebSocketClient {
    type Answer = WebSocketAnswer;

    fn answer(&self) -> WebSocketAnswer {
        WebSocketAnswer::default()
    }

    fn greet(&self, answer: &mut WebSocketAnswer, out: &mut Vec<u8>) -> bool {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.number().to_be_bytes());
        bytes[8..].copy_from_slice(&self.number().to_be_bytes());
        let key = upgrade::key(bytes);
        *answer = WebSocketAnswer { upgrade: Some(Upgrade::of(&key)), ..WebSocketAnswer::default() };
        out.extend_from_slice(self.request.as_bytes());
        out.extend_from_slice(format!("Sec-WebSocket-Key: {key}\r\n\r\n").as_bytes());
        true
    }

    fn holds(&self) -> bool {
        true
    }

    fn has_key(&self, kind: usize) -> bool {
        self.messages.get(kind).is_some_and(|message| {
            message.send.has_place() || message.expect.as_ref().is_some_and(Template::has_place)
        })
    }

    fn ask(&self, ask: &Ask, answer: &mut WebSocketAnswer, out: &mut Vec<u8>) {
        let Prepared { opcode, send, expect } = &self.messages[ask.kind as usize];
        write(*opcode, self.mask(), out, |out| send.render(ask.key, out));
        answer.expected.clear();
        answer.search.begin();
        answer.awaited = match expect {
            None => Awaited::Nothing,
            Some(expect) => {
                expect.render(ask.key, &mut answer.expected);
                if *opcode == PING { Awaited::Pong } else { Awaited::Message }
            }
        };
    }

    fn whole_at_once(&self, answer: &WebSocketAnswer) -> bool {
        answer.upgrade.is_none() && answer.awaited == Awaited::Nothing
    }

    fn read(&self, answer: &mut WebSocketAnswer, bytes: &[u8], reply: &mut Vec<u8>) -> Reading {
        let mut rest = bytes;
        let verdict = match &mut answer.upgrade {
            Some(upgrade) => match upgrade.read(&mut rest) {
                Ok(false) => return Reading::More,
                Ok(true) => {
                    answer.upgrade = None;
                    Ok(())
                }
                Err(class) => Err(class),
            },
            None => match self.listen(answer, &mut rest, reply) {
                Read::All => return Reading::More,
                Read::Awaited => Ok(()),
                Read::Closed => {
                    answer.is_closed = true;
                    Err(ErrorClass::Closed)
                }
                Read::Malformed => Err(ErrorClass::Protocol),
            },
        };
        let keep = verdict.is_ok() && self.unasked(answer, rest, 0, reply);
        Reading::Whole { verdict, keep }
    }

    fn why(&self, answer: &WebSocketAnswer, class: ErrorClass) -> Option<String> {
        match (&answer.upgrade, class) {
            (Some(upgrade), _) => upgrade.why(class),
            (None, ErrorClass::Protocol) => {
                Some("expected frames of a WebSocket (RFC 6455), found something else".to_owned())
            }
            (None, ErrorClass::Closed) if answer.is_closed => answer.frames.closing(),
            _ => None,
        }
    }

    fn closed(&self, _: &mut WebSocketAnswer) -> Result<(), ErrorClass> {
        Err(ErrorClass::Closed)
    }

    fn unasked(&self, answer: &mut WebSocketAnswer, bytes: &[u8], _: u64, reply: &mut Vec<u8>) -> bool {
        let mut rest = bytes;
        matches!(self.listen(answer, &mut rest, reply), Read::All)
    }
}

// === impl Prepared ===

impl Prepared {
    fn new(message: &WebSocketMessage) -> Self {
        match &message.send {
            Sending::Text(text) => Self {
                opcode: TEXT,
                send: Template::new(text),
                expect: message.expect.as_deref().map(Template::new),
            },
            Sending::Ping(content) => {
                let content = Template::new(content);
                Self { opcode: PING, send: content.clone(), expect: Some(content) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
