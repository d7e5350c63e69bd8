//! The primary: speaks as much of Redis's protocol as a register needs, and keeps its values on a replica.
//!
//! | asked | answered |
//! |---|---|
//! | `SET key value` | `OK`, once the value is copied to the replica, or earlier (see [`Acknowledge`]) |
//! | `GET key` | what the replica has, asked for on a connection of its own |
//! | `PING` | `PONG` |
//!
//! Copies go over one connection in the order of the writes, and are numbered: one that is sent again after a lost connection,
//! or comes late, changes nothing. Reads do not wait for them. So a read finds what was acknowledged only if writes are
//! acknowledged late; acknowledged early they are lost from sight for as long as the replica cannot be reached. That is what
//! semi-synchronous replication does which falls back to asynchronous. The numbers begin anew with the primary: a replica serves one.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::store::{LINE_MAX, Line, read_line};

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Acknowledge {
    /// After 100 ms even if the replica does not have it yet
    Early,
    /// Only once the replica has it
    Late,
}

/// Where the replica is, and how it is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Replica {
    /// Where copies go.
    pub copies: SocketAddr,
    /// Where reads go.
    pub reads: SocketAddr,
    /// When a write is acknowledged.
    pub acknowledge: Acknowledge,
}

/// How long an early acknowledgement waits for the replica.
const EARLY_AFTER: Duration = Duration::from_millis(100);
/// A connection to the replica that is silent for so long is given up.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long to wait before the next try where the replica cannot be reached.
const PAUSE: Duration = Duration::from_millis(50);
/// How many writes may wait to be copied.
const COPIES_WAITING: usize = 1_024;
/// How many clients it serves at once; more wait in the kernel's queue.
const CLIENTS_MAX: usize = 4_096;
/// The most words of a command, and the longest of them.
const WORDS_MAX: usize = 8;
const WORD_MAX: usize = 256;

/// A write on its way to the replica.
#[derive(Debug)]
struct Write {
    key: String,
    value: String,
    /// Told whether the replica took it.
    copied: oneshot::Sender<bool>,
}

/// A connection to the replica, opened when it is needed.
#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    open: Option<(BufReader<OwnedReadHalf>, OwnedWriteHalf)>,
    line: Vec<u8>,
}

/// Serves until `stop` is done; clients that are connected then are cut off.
pub async fn serve(listener: TcpListener, replica: Replica, stop: impl Future<Output = ()>) {
    let (writes, waiting) = mpsc::channel(COPIES_WAITING);
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    let mut tasks = JoinSet::new();
    tasks.spawn(copy(replica.copies, waiting));
    let mut stop = pin!(stop);
    loop {
        let (place, stream) = tokio::select! {
            next = super::next_client(&listener, &places) => next,
            Some(_) = tasks.join_next() => continue,
            () = &mut stop => break,
        };
        let writes = writes.clone();
        tasks.spawn(async move {
            // A client that goes away in the middle of a command is its own business.
            let _ = converse(stream, replica, &writes).await;
            drop(place);
        });
    }
    tasks.shutdown().await;
}

/// Copies writes in their order, each until the replica has answered it.
async fn copy(address: SocketAddr, mut waiting: mpsc::Receiver<Write>) {
    let mut peer = Peer::new(address);
    let mut number = 0_u64;
    while let Some(Write { key, value, copied }) = waiting.recv().await {
        number += 1;
        let line = format!("PUT {number} {key} {value}\n");
        let answer = loop {
            match peer.ask(&line).await {
                Ok(answer) => break answer,
                Err(_) => sleep_until(Instant::now() + PAUSE).await,
            }
        };
        // A client that is gone need not know.
        let _ = copied.send(answer == "OK");
    }
}

async fn converse(stream: TcpStream, replica: Replica, writes: &mpsc::Sender<Write>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut peer = Peer::new(replica.reads);
    while let Some(words) = command(&mut reader).await? {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = match words[..] {
            ["PING"] => "+PONG\r\n".to_owned(),
            ["GET", key] if is_word(key) => get(&mut peer, key).await,
            ["SET", key, value] if is_word(key) && is_word(value) => {
                set(writes, replica.acknowledge, key, value).await
            }
            _ => "-ERR expected `GET key`, `SET key value` or `PING`, without spaces in them\r\n".to_owned(),
        };
        writer.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// What a line to the replica can carry.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|it| it.is_ascii_graphic())
}

async fn get(peer: &mut Peer, key: &str) -> String {
    match peer.ask(&format!("GET {key}\n")).await {
        Ok(answer) if answer == "NONE" => "$-1\r\n".to_owned(),
        Ok(answer) => match answer.strip_prefix("VALUE ") {
            Some(value) => format!("${}\r\n{value}\r\n", value.len()),
            None => format!("-ERR the replica said: {answer}\r\n"),
        },
        Err(error) => format!("-ERR the replica does not answer: {error}\r\n"),
    }
}

async fn set(writes: &mpsc::Sender<Write>, acknowledge: Acknowledge, key: &str, value: &str) -> String {
    let (copied, told) = oneshot::channel();
    let write = Write { key: key.to_owned(), value: value.to_owned(), copied };
    if writes.try_send(write).is_err() {
        return "-BUSY too many writes wait to be copied\r\n".to_owned();
    }
    let was_copied = match acknowledge {
        Acknowledge::Late => told.await,
        // Nobody said that it is copied, and nobody said that it is not.
        Acknowledge::Early => timeout(EARLY_AFTER, told).await.unwrap_or(Ok(true)),
    };
    match was_copied {
        Ok(true) => "+OK\r\n".to_owned(),
        Ok(false) => "-OOM the replica has no room for another key\r\n".to_owned(),
        Err(_) => "-ERR the write may be lost\r\n".to_owned(),
    }
}

/// The next command: an array of bulk strings, as clients of Redis send it. `None` at the end.
async fn command(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Vec<String>>> {
    let mut line = Vec::new();
    let Some(count) = length(reader, &mut line, b'*', WORDS_MAX).await? else { return Ok(None) };
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let length = length(reader, &mut line, b'$', WORD_MAX).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut word = vec![0; length + 2];
        reader.read_exact(&mut word).await?;
        word.truncate(length);
        words.push(String::from_utf8(word).map_err(|_| io::ErrorKind::InvalidData)?);
    }
    if let Some(name) = words.first_mut() {
        name.make_ascii_uppercase();
    }
    Ok(Some(words))
}

/// A line with a length behind this byte; `None` at the end.
async fn length(
    reader: &mut BufReader<OwnedReadHalf>,
    line: &mut Vec<u8>,
    of: u8,
    most: usize,
) -> io::Result<Option<usize>> {
    match read_line(reader, line).await? {
        Line::End => return Ok(None),
        Line::TooLong => return Err(io::ErrorKind::InvalidData.into()),
        Line::Whole => {}
    }
    let digits = line.strip_prefix(&[of]).and_then(|digits| std::str::from_utf8(digits).ok());
    let length = digits.and_then(|digits| digits.parse().ok()).filter(|length| *length <= most);
    length.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

// === impl Peer ===

impl Peer {
    const fn new(address: SocketAddr) -> Self {
        Self { address, open: None, line: Vec::new() }
    }

    /// Says a line and gives the answer; after an error the connection is opened anew.
    async fn ask(&mut self, line: &str) -> io::Result<String> {
        let answer = timeout(PATIENCE, self.try_ask(line)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if answer.is_err() {
            self.open = None;
        }
        answer
    }

    async fn try_ask(&mut self, line: &str) -> io::Result<String> {
        debug_assert!(line.len() < LINE_MAX, "words are short");
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                // A line is to leave at once; if the option fails, it leaves a little later.
                let _ = stream.set_nodelay(true);
                let (reader, writer) = stream.into_split();
                (BufReader::new(reader), writer)
            }
        };
        connection.1.write_all(line.as_bytes()).await?;
        match read_line(&mut connection.0, &mut self.line).await? {
            Line::Whole => {}
            Line::End | Line::TooLong => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        self.open = Some(connection);
        String::from_utf8(self.line.clone()).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{listen, store};
    use super::*;

    /// What a primary answers to these commands while the way of copies leads nowhere, or to the replica.
    async fn told(acknowledge: Acknowledge, copies_arrive: bool, commands: &[&str]) -> Vec<String> {
        let (replica, primary, nowhere) =
            (listen(0).await.unwrap(), listen(0).await.unwrap(), listen(0).await.unwrap());
        let reads = replica.local_addr().unwrap();
        let copies = if copies_arrive { reads } else { nowhere.local_addr().unwrap() };
        let address = primary.local_addr().unwrap();
        let mut servers = JoinSet::new();
        servers.spawn(store::serve(replica, std::future::pending()));
        servers.spawn(serve(primary, Replica { copies, reads, acknowledge }, std::future::pending()));
        let stream = TcpStream::connect(address).await.unwrap();
        let (reader, mut writer) = stream.into_split();
        let (mut reader, mut line, mut answers) = (BufReader::new(reader), Vec::new(), Vec::new());
        for command in commands {
            let words: Vec<&str> = command.split(' ').collect();
            let bulk: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
            writer.write_all(format!("*{}\r\n{bulk}", words.len()).as_bytes()).await.unwrap();
            let answer = timeout(2 * PATIENCE, read_line(&mut reader, &mut line)).await;
            answers.push(
                answer.map_or_else(|_| "silence".to_owned(), |_| String::from_utf8(line.clone()).unwrap()),
            );
        }
        servers.shutdown().await;
        answers
    }

    #[tokio::test]
    async fn what_was_set_is_got_where_copies_arrive() {
        for acknowledge in [Acknowledge::Early, Acknowledge::Late] {
            let answers =
                told(acknowledge, true, &["PING", "GET a", "set a 1", "SET a 2", "DEL a", "GET a"]).await;
            assert_eq!(answers[..4], ["+PONG", "$-1", "+OK", "+OK"]);
            assert!(answers[4].starts_with("-ERR expected") && answers[5] == "$1", "{answers:?}");
        }
    }

    #[tokio::test]
    async fn an_early_acknowledgement_is_a_lie_where_copies_do_not_arrive() {
        assert_eq!(told(Acknowledge::Early, false, &["SET a 1", "GET a"]).await, ["+OK", "$-1"]);
        assert_eq!(told(Acknowledge::Late, false, &["SET a 1"]).await, ["silence"]);
    }
}
