//! Queries that come over one connection, each behind its length (RFC 7766), answered one after the other.

use std::future::Future;
use std::io;
use std::sync::Arc;

use shakedown_scenarios::units::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::asked::carry_out;
use super::shared::{Shared, count};
use crate::dns::evidence::DnsTally;
use crate::dns::fault::DnsFault;
use crate::dns::respond::Transport;
use crate::injections::Eye;

/// No query takes more; whoever says so wants something else.
const LONGEST: usize = 4_096;

/// Answers until the client ends, or something is wrong with it.
pub(super) async fn run(shared: Arc<Shared>, mut stream: TcpStream, mut eye: Eye<DnsFault, DnsTally>) {
    // Answers are small and somebody waits for each.
    let _ = stream.set_nodelay(true);
    while let Some(query) = next(&shared, &mut stream).await {
        count(&shared.counts.streamed);
        let answer = shared.judge(&query, Transport::Tcp);
        let reply = tokio::select! {
            reply = carry_out(&shared, &mut eye, &query, answer, Transport::Tcp) => reply,
            // Whoever hangs up does not have to be waited for.
            () = is_gone(&stream) => return,
        };
        let Some(reply) = reply else { continue };
        if !send(&shared, &mut stream, &reply).await {
            return;
        }
    }
}

/// The next query; `None` at the end, or where there will be none.
async fn next(shared: &Shared, stream: &mut TcpStream) -> Option<Vec<u8>> {
    match within(shared, shared.limits.idle, read(stream)).await {
        Some(Ok(query)) => Some(query),
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            count(&shared.counts.given_up);
            None
        }
        // An end or a reset is nothing to count.
        Some(Err(_)) => None,
        None => {
            count(&shared.counts.given_up);
            None
        }
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let len = usize::from(stream.read_u16().await?);
    if len > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut query = vec![0; len];
    stream.read_exact(&mut query).await?;
    Ok(query)
}

async fn send(shared: &Shared, stream: &mut TcpStream, reply: &[u8]) -> bool {
    // Everything that is written here or taken from another resolver is that short.
    let Ok(len) = u16::try_from(reply.len()) else { return false };
    let framed = [&len.to_be_bytes(), reply].concat();
    let sent = within(shared, shared.limits.idle, stream.write_all(&framed)).await;
    let is_sent = matches!(sent, Some(Ok(())));
    count(if is_sent { &shared.counts.answered } else { &shared.counts.unsendable });
    is_sent
}

async fn is_gone(stream: &TcpStream) {
    if matches!(stream.peek(&mut [0]).await, Ok(1..)) {
        // Another query is there already: as long as that is not read, an end behind it cannot be seen.
        std::future::pending::<()>().await;
    }
}

/// `None` if it takes too long.
pub(super) async fn within<T>(shared: &Shared, time: Span, work: impl Future<Output = T>) -> Option<T> {
    let end = shared.clock.now().plus(time);
    tokio::select! {
        biased;
        done = work => Some(done),
        () = shared.alarm.until(end) => None,
    }
}
