//! Hostile openings, one a connection, and a well-formed one behind each: is it refused, and is the target still there?
//!
//! The client asks twice over two connections, and both are one request: what the first comes to is judged here, an end
//! of the connection included, and only after a refusal is the second one asked.

mod openings;
mod verdict;

use shakedown_scenarios::workload::malformed::{MalformedWorkload, Spoken};

use self::openings::Opening;
use self::verdict::{HEAD_BYTES_MAX, Verdict};
use crate::client::http::{USER_AGENT, checked_host, checked_path};
use crate::client::telling::quoted;
use crate::client::websocket::frame::{CLOSE, Event, FrameReader};
use crate::client::websocket::upgrade::{self, Upgrade};
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::mix::Ask;

/// The openings of a workload.
#[derive(Debug)]
pub(crate) struct MalformedClient {
    spoken: Spoken,
    host: String,
    path: String,
    openings: Vec<&'static Opening>,
}

/// The state of one request.
#[derive(Debug, Default)]
pub(crate) struct MalformedAnswer {
    stage: Stage,
    kind: u32,
    key: u64,
    /// The upgrade that is waited for, before frames or as the well-formed opening.
    upgrade: Upgrade,
    frames: FrameReader,
    /// The beginning of an answer.
    head: Vec<u8>,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing was said.
    #[default]
    Before,
    /// A right upgrade was asked for, to be followed by a hostile frame.
    Upgrade,
    /// The opening was said.
    Hostile,
    /// The well-formed one was said.
    WellFormed,
}

// === impl MalformedClient ===

impl MalformedClient {
    /// Prepares the openings of a workload.
    pub(crate) fn new(host: &str, malformed: &MalformedWorkload) -> Result<Self, ClientError> {
        let path = malformed.path.clone().unwrap_or_else(|| "/".to_owned());
        checked_host(host)?;
        checked_path(&path)?;
        let spoken = malformed.protocol;
        let openings = malformed.openings().filter_map(|name| openings::find(spoken, name)).collect();
        Ok(Self { spoken, host: host.to_owned(), path, openings })
    }

    fn opening(&self, kind: u32) -> &'static Opening {
        self.openings[kind as usize]
    }

    fn write_opening(&self, answer: &mut MalformedAnswer, out: &mut Vec<u8>) {
        answer.stage = Stage::Hostile;
        self.opening(answer.kind).write((&self.host, &self.path), answer.key, out);
    }

    fn write_upgrade(&self, answer: &mut MalformedAnswer, out: &mut Vec<u8>) {
        // Keys are there to keep caches out, and need neither be secret nor differ.
        let key = upgrade::key(answer.key.to_be_bytes().repeat(2).try_into().unwrap_or_default());
        answer.upgrade = Upgrade::of(&key);
        let Self { host, path, .. } = self;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        out.extend_from_slice(request.as_bytes());
    }

    /// Reads on; what is to be said next goes to `reply`.
    fn judge(&self, answer: &mut MalformedAnswer, bytes: &[u8], reply: &mut Vec<u8>) -> Verdict {
        let is_framed = self.opening(answer.kind).is_framed;
        let mut rest = bytes;
        if answer.stage == Stage::Upgrade {
            match answer.upgrade.read(&mut rest) {
                Ok(false) => return None,
                Ok(true) => self.write_opening(answer, reply),
                Err(class) => return Some(Err(class)),
            }
        }
        match (answer.stage, self.spoken) {
            (Stage::WellFormed, Spoken::WebSocket) => match answer.upgrade.read(&mut rest) {
                Ok(false) => None,
                Ok(true) => Some(Ok(())),
                Err(class) => Some(Err(class)),
            },
            (Stage::Hostile, Spoken::WebSocket) if is_framed => answer.closes(rest),
            (stage, spoken) => answer.begins(rest, judge_of(stage, spoken)),
        }
    }
}

/// How the beginning of an answer is judged.
fn judge_of(stage: Stage, spoken: Spoken) -> fn(&[u8]) -> Verdict {
    match (stage == Stage::WellFormed, spoken) {
        (false, Spoken::Http | Spoken::WebSocket) => verdict::http_refuses,
        (false, Spoken::Redis) => verdict::redis_refuses,
        (false, Spoken::Postgres) => verdict::postgres_refuses,
        (true, Spoken::Http | Spoken::WebSocket) => verdict::http_is_well,
        (true, Spoken::Redis) => verdict::redis_is_well,
        (true, Spoken::Postgres) => verdict::postgres_is_well,
    }
}

impl Client for MalformedClient {
    type Answer = MalformedAnswer;

    fn answer(&self) -> MalformedAnswer {
        MalformedAnswer::default()
    }

    fn has_key(&self, _: usize) -> bool {
        true
    }

    fn ask(&self, ask: &Ask, answer: &mut MalformedAnswer, out: &mut Vec<u8>) {
        *answer = MalformedAnswer { kind: ask.kind, key: ask.key, ..MalformedAnswer::default() };
        if self.opening(ask.kind).is_framed {
            answer.stage = Stage::Upgrade;
            self.write_upgrade(answer, out);
        } else {
            self.write_opening(answer, out);
        }
    }

    fn sends_no_more(&self, answer: &MalformedAnswer) -> bool {
        answer.stage == Stage::Hostile && self.opening(answer.kind).ends
    }

    fn whole_at_once(&self, _: &MalformedAnswer) -> bool {
        false
    }

    fn read(&self, answer: &mut MalformedAnswer, bytes: &[u8], reply: &mut Vec<u8>) -> Reading {
        match self.judge(answer, bytes, reply) {
            None => Reading::More,
            Some(verdict) => Reading::Whole { verdict, keep: false },
        }
    }

    fn why(&self, answer: &MalformedAnswer, class: ErrorClass) -> Option<String> {
        let wanted = match answer.stage {
            Stage::Before | Stage::Upgrade => "an upgrade to WebSocket before the hostile frame",
            Stage::Hostile => "a refusal",
            Stage::WellFormed => "an answer to the well-formed request behind the refused one",
        };
        match class {
            ErrorClass::Timeout => Some(format!("expected {wanted}, found nothing in time")),
            ErrorClass::Closed => Some(format!("expected {wanted}, found the connection closed")),
            ErrorClass::Status if !answer.head.is_empty() => {
                Some(format!("expected {wanted}, found {}", quoted(&answer.head)))
            }
            _ => Some(format!("expected {wanted}, found something else")),
        }
    }

    fn closed(&self, answer: &mut MalformedAnswer) -> Result<(), ErrorClass> {
        // Whoever closes on a hostile opening has refused it.
        if answer.stage == Stage::Hostile { Ok(()) } else { Err(ErrorClass::Closed) }
    }

    fn goes_on(&self, answer: &mut MalformedAnswer, verdict: &mut Result<(), ErrorClass>) -> bool {
        if answer.stage != Stage::Hostile {
            return false;
        }
        if *verdict == Err(ErrorClass::Reset) {
            *verdict = Ok(());
        }
        if verdict.is_ok() {
            answer.stage = Stage::WellFormed;
        }
        verdict.is_ok()
    }

    fn goes_on_with(&self, answer: &mut MalformedAnswer, out: &mut Vec<u8>) {
        answer.stage = Stage::WellFormed;
        answer.head.clear();
        match self.spoken {
            Spoken::Http => {
                let Self { host, path, .. } = self;
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n"
                );
                out.extend_from_slice(request.as_bytes());
            }
            Spoken::Redis => out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n"),
            Spoken::Postgres => {
                let parameters = b"\0\x03\0\0user\0shakedown\0database\0postgres\0\0";
                out.extend_from_slice(&(parameters.len() as u32 + 4).to_be_bytes());
                out.extend_from_slice(parameters);
            }
            Spoken::WebSocket => self.write_upgrade(answer, out),
        }
    }

    fn unasked(&self, _: &mut MalformedAnswer, _: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
        false
    }
}

// === impl MalformedAnswer ===

impl MalformedAnswer {
    /// Judges by the beginning of an answer, of which no more is kept than is needed.
    fn begins(&mut self, bytes: &[u8], judge: fn(&[u8]) -> Verdict) -> Verdict {
        let room = HEAD_BYTES_MAX.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        let is_full = self.head.len() >= HEAD_BYTES_MAX;
        judge(&self.head).or(is_full.then_some(Err(ErrorClass::Protocol)))
    }

    /// A socket is refused by a frame that closes it. What a server sends to everybody may come before that.
    fn closes(&mut self, mut bytes: &[u8]) -> Verdict {
        loop {
            match self.frames.read(&mut bytes) {
                Ok(Some(Event::Control(CLOSE))) => return Some(Ok(())),
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(_) => return Some(Err(ErrorClass::Protocol)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
