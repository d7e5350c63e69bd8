//! The store: keys and values in memory, asked for by lines over TCP.
//!
//! | asked | answered |
//! |---|---|
//! | `GET key` | `VALUE value`, or `NONE` |
//! | `SET key value` | `OK` |
//! | `PUT number key value` | `OK`; without effect unless the number is above that of the last `PUT` |
//! | `PING` | `PONG` |
//! | anything else | `ERROR ` and what was expected |
//!
//! Lines end with `\n` (a `\r` before it is dropped), answers with `\r\n`. It starts with a catalogue of
//! [`CATALOGUE`] items under the keys `item:0`, `item:1`…, takes as many keys again, and refuses more: its memory is
//! bounded whatever clients send.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many items the store knows from the start.
pub const CATALOGUE: u64 = 10_000;

/// How many keys it holds at the most.
const KEYS_MAX: usize = 2 * CATALOGUE as usize;

/// The longest line it reads, in bytes, the line's end included.
pub const LINE_MAX: usize = 1_024;

/// How many clients it serves at once; more wait in the kernel's queue.
const CLIENTS_MAX: usize = 4_096;

const FORMS: &str = "ERROR expected `GET key`, `SET key value`, `PUT number key value` or `PING`";

/// The pairs. Purely a value: sockets are the business of [`serve`].
#[derive(Debug)]
pub struct Store {
    pairs: BTreeMap<String, String>,
    /// The number of the last `PUT`.
    last_put: u64,
}

impl Store {
    /// A store that knows the catalogue.
    #[must_use]
    pub fn with_catalogue() -> Self {
        let pairs = (0..CATALOGUE).map(|number| (format!("item:{number}"), item(number))).collect();
        Self { pairs, last_put: 0 }
    }

    /// Answers one line, given without its end.
    pub fn answer(&mut self, line: &str) -> String {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("PING"), None, None) => "PONG".to_owned(),
            (Some("GET"), Some(key), None) if !key.is_empty() => match self.pairs.get(key) {
                Some(value) => format!("VALUE {value}"),
                None => "NONE".to_owned(),
            },
            (Some("SET"), Some(key), Some(value)) if !key.is_empty() => self.set(key, value),
            (Some("PUT"), Some(number), Some(pair)) => self.put(number, pair),
            _ => FORMS.to_owned(),
        }
    }

    /// A write that was numbered elsewhere: what comes twice, or late, changes nothing.
    fn put(&mut self, number: &str, pair: &str) -> String {
        match (number.parse::<u64>(), pair.split_once(' ')) {
            (Ok(number), Some((key, value))) if !key.is_empty() => {
                if number <= self.last_put {
                    return "OK".to_owned();
                }
                let answer = self.set(key, value);
                self.last_put = number;
                answer
            }
            _ => FORMS.to_owned(),
        }
    }

    fn set(&mut self, key: &str, value: &str) -> String {
        if self.pairs.len() >= KEYS_MAX && !self.pairs.contains_key(key) {
            return format!(
                "ERROR expected one of the {KEYS_MAX} keys it holds: there is no room for a new one"
            );
        }
        self.pairs.insert(key.to_owned(), value.to_owned());
        "OK".to_owned()
    }
}

/// What is sold under a number: `NAME;CENTS`, the same on every machine.
fn item(number: u64) -> String {
    const WARES: [&str; 7] = ["anchor", "barometer", "compass", "lantern", "oilskin", "rope", "sextant"];
    let ware = WARES[usize::try_from(number % 7).unwrap_or(0)];
    format!("{ware} {number};{cents}", cents = 100 + number.wrapping_mul(7_919) % 9_900)
}

/// Serves until `stop` is done; clients that are connected then are cut off (no answer is longer than a line).
pub async fn serve(listener: TcpListener, stop: impl Future<Output = ()>) {
    let store = Arc::new(Mutex::new(Store::with_catalogue()));
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    let mut clients = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (place, stream) = tokio::select! {
            next = super::next_client(&listener, &places) => next,
            Some(_) = clients.join_next() => continue,
            () = &mut stop => break,
        };
        let store = Arc::clone(&store);
        clients.spawn(async move {
            // A client that goes away in the middle of a line is its own business.
            let _ = converse(stream, &store).await;
            drop(place);
        });
    }
    clients.shutdown().await;
}

async fn converse(stream: TcpStream, store: &Mutex<Store>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        let mut answer = match read_line(&mut reader, &mut line).await? {
            Line::End => return Ok(()),
            Line::TooLong => {
                let refusal = format!("ERROR expected a line of at most {LINE_MAX} bytes\r\n");
                return writer.write_all(refusal.as_bytes()).await;
            }
            Line::Whole => match std::str::from_utf8(&line) {
                Ok(text) => store.lock().unwrap_or_else(PoisonError::into_inner).answer(text),
                Err(_) => FORMS.to_owned(),
            },
        };
        answer.push_str("\r\n");
        writer.write_all(answer.as_bytes()).await?;
    }
}

/// What a read for a line came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line; it stands in the buffer, without its end.
    Whole,
    /// The other side closed before a whole line came.
    End,
    /// More than [`LINE_MAX`] bytes came without a line's end.
    TooLong,
}

/// Reads one line into `line`, never keeping more than [`LINE_MAX`] bytes.
pub(super) async fn read_line(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> std::io::Result<Line> {
    line.clear();
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(Line::End);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(buffer.len(), |at| at + 1);
        if line.len() + taken > LINE_MAX {
            return Ok(Line::TooLong);
        }
        line.extend_from_slice(&buffer[..taken]);
        reader.consume(taken);
        if end.is_some() {
            line.pop();
            line.pop_if(|last| *last == b'\r');
            return Ok(Line::Whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, answered: &str) {
        assert_eq!(Store::with_catalogue().answer(asked), answered, "{asked:?}");
    }

    #[test]
    fn every_line_has_an_answer() {
        check("PING", "PONG");
        check("GET item:0", "VALUE anchor 0;100");
        check("GET item:9999", "VALUE lantern 9999;1981");
        check("GET item:10000", "NONE");
        check("SET a b c", "OK");
        for wrong in ["", "GET", "GET ", "GET a b", "SET a", "SET  b", "get a", "PING x", "DEL a"] {
            check(wrong, FORMS);
        }
    }

    #[test]
    fn what_was_set_is_got_with_its_spaces() {
        let mut store = Store::with_catalogue();
        store.answer("SET key  two  words ");
        assert_eq!(store.answer("GET key"), "VALUE  two  words ");
    }

    #[test]
    fn a_put_that_comes_twice_or_late_changes_nothing() {
        let mut store = Store::with_catalogue();
        for (asked, answered) in
            [("PUT 2 a two", "OK"), ("PUT 1 a one", "OK"), ("PUT 2 a again", "OK"), ("PUT 3 a", FORMS)]
        {
            assert_eq!(store.answer(asked), answered, "{asked}");
            assert_eq!(store.answer("GET a"), "VALUE two");
        }
        store.answer("PUT 3 a three words here");
        assert_eq!(store.answer("GET a"), "VALUE three words here");
    }

    #[test]
    fn a_full_store_refuses_new_keys_and_takes_known_ones() {
        let mut store = Store::with_catalogue();
        for number in 0..CATALOGUE {
            assert_eq!(store.answer(&format!("SET new:{number} x")), "OK");
        }
        assert!(store.answer("SET one-more x").starts_with("ERROR"));
        assert_eq!(store.answer("SET new:0 y"), "OK");
        assert_eq!(store.pairs.len(), KEYS_MAX);
    }

    #[tokio::test]
    async fn lines_are_cut_at_their_ends_and_at_their_longest() {
        let mut bytes = b"one\r\ntwo\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', LINE_MAX));
        let mut reader = BufReader::with_capacity(7, bytes.as_slice());
        let mut line = Vec::new();
        assert_eq!(read_line(&mut reader, &mut line).await.unwrap(), Line::Whole);
        assert_eq!(line, b"one");
        assert_eq!(read_line(&mut reader, &mut line).await.unwrap(), Line::Whole);
        assert_eq!(line, b"two");
        assert_eq!(read_line(&mut reader, &mut line).await.unwrap(), Line::End);
        bytes.push(b'x');
        let mut reader = BufReader::new(&bytes[9..]);
        assert_eq!(read_line(&mut reader, &mut line).await.unwrap(), Line::TooLong);
    }
}
