//! Asking another resolver, in the client's words.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::connection::within;
use super::shared::{Shared, count};
use crate::dns::query::{HEADER, Query};
use crate::dns::reply::{self, Code};
use crate::dns::respond::Transport;
use crate::dns::walk;

const OPT: u16 = 41;

/// The other's answer, or SERVFAIL if there is none in time.
pub(super) async fn ask(shared: &Shared, query: &[u8], transport: Transport, ttl_zero: bool) -> Vec<u8> {
    count(&shared.counts.forwarded);
    let asked = async {
        let other = shared.zone.forwards_to().ok_or(io::ErrorKind::NotFound)?;
        match transport {
            Transport::Udp => ask_by_datagram(other, query).await,
            Transport::Tcp => ask_by_stream(other, query).await,
        }
    };
    match within(shared, shared.limits.patience, asked).await {
        Some(Ok(mut answer)) => {
            if ttl_zero {
                forbid_keeping(&mut answer);
            }
            answer
        }
        Some(Err(_)) | None => {
            count(&shared.counts.forward_failures);
            failed(query)
        }
    }
}

async fn ask_by_datagram(other: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any = match other {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(other).await?;
    socket.send(query).await?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    loop {
        let len = socket.recv(&mut answer).await?;
        // What answers something else is somebody's guess; the answer may still come.
        if answers(&answer[..len], query) {
            answer.truncate(len);
            return Ok(answer);
        }
    }
}

async fn ask_by_stream(other: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(other).await?;
    let len = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&len.to_be_bytes(), query].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    if answers(&answer, query) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whether these bytes answer this query: the same number, an answer, and the same question if there is one.
fn answers(answer: &[u8], query: &[u8]) -> bool {
    let Ok(asked) = Query::read(query) else { return false };
    let is_answer = answer.len() >= HEADER && answer[..2] == query[..2] && answer[2] & 0x80 != 0;
    let question = || answer.get(HEADER..HEADER + asked.question.len());
    let has_question = || walk::number(answer, 4) != Some(0);
    is_answer && (!has_question() || question().is_some_and(|told| told.eq_ignore_ascii_case(asked.question)))
}

/// Sets the TTL of all records to zero. OPT has other things in its place.
fn forbid_keeping(answer: &mut [u8]) {
    let counts = [6, 8, 10].map(|place| u32::from(walk::number(answer, place).unwrap_or(0)));
    let questions = walk::number(answer, 4).unwrap_or(0);
    let name_end =
        if questions == 0 { Some(HEADER) } else { walk::skip_name(answer, HEADER).map(|end| end + 4) };
    let mut at = name_end.unwrap_or(answer.len());
    for _ in 0..counts.iter().sum() {
        // A malformed rest is left as it is.
        let Some(record) = walk::record(answer, at) else { return };
        if record.kind != OPT {
            answer[record.ttl..record.ttl + 4].fill(0);
        }
        at = record.end;
    }
}

fn failed(query: &[u8]) -> Vec<u8> {
    match Query::read(query) {
        Ok(query) => reply::to_query(&query, Code::ServFail, &[], usize::MAX),
        // What is forwarded was read before.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUERY: &[u8] =
        b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x04test\x00\x00\x01\x00\x01";

    #[test]
    fn an_answer_is_one_to_this_question() {
        let mut answer = QUERY.to_vec();
        answer[2] |= 0x80;
        assert!(answers(&answer, QUERY));
        assert!(!answers(QUERY, QUERY));
        for at in [1, 14] {
            let mut other = answer.clone();
            other[at] = b'x';
            assert!(!answers(&other, QUERY));
        }
        // A server that could not read it says so without the question.
        let mut bare = answer[..HEADER].to_vec();
        bare[5] = 0;
        assert!(answers(&bare, QUERY));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = answers(&bytes, QUERY);
            let before = bytes.len();
            forbid_keeping(&mut bytes);
            prop_assert_eq!(bytes.len(), before);
        }
    }
}
