//! Queries that come as datagrams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::{SockAddr, SockRef};
use tokio::task::JoinSet;

use super::asked::carry_out;
use super::shared::{RELIEF, Shared, count};
use crate::dns::answer::{Answer, What};
use crate::dns::evidence::DnsTally;
use crate::dns::fault::DnsFault;
use crate::dns::respond::Transport;
use crate::injections::Eye;

/// So many queries are taken before others get their turn.
const BATCH: usize = 64;

/// More than this no query takes; what is beyond is cut and met as malformed.
const LONGEST: usize = 4_096;

/// Takes queries until there is nobody to obey any more.
pub(super) async fn run(shared: Arc<Shared>, mut eye: Eye<DnsFault, DnsTally>) {
    let mut pending = JoinSet::new();
    let mut bytes = vec![0; LONGEST];
    loop {
        tokio::select! {
            biased;
            changed = eye.changed() => if !changed { break },
            ready = shared.socket.readable() => {
                if ready.and_then(|()| take_some(&shared, &eye, &mut bytes, &mut pending)).is_err() {
                    shared.alarm.until(shared.clock.now().plus(RELIEF)).await;
                }
            }
        }
        // Those that are done leave their result behind.
        while pending.try_join_next().is_some() {}
        tokio::task::yield_now().await;
    }
    pending.shutdown().await;
}

fn take_some(
    shared: &Arc<Shared>,
    eye: &Eye<DnsFault, DnsTally>,
    bytes: &mut [u8],
    pending: &mut JoinSet<()>,
) -> io::Result<()> {
    for _ in 0..BATCH {
        let (len, client) = match shared.socket.try_recv_from(bytes) {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        };
        count(&shared.counts.datagrams);
        let query = &bytes[..len];
        let answer = shared.judge(query, Transport::Udp);
        match answer {
            Answer { what: What::Silence, .. } => count(&shared.counts.silent),
            Answer { what: What::Reply(reply), after } if after.is_empty() => send(shared, &reply, client),
            later => put_off(shared, eye, query, later, client, pending),
        }
    }
    Ok(())
}

/// Answers later, from a task of its own, if there is room for one.
fn put_off(
    shared: &Arc<Shared>,
    eye: &Eye<DnsFault, DnsTally>,
    query: &[u8],
    answer: Answer,
    client: SocketAddr,
    pending: &mut JoinSet<()>,
) {
    let Ok(permit) = Arc::clone(&shared.pending).try_acquire_owned() else {
        count(&shared.counts.overflowed);
        return;
    };
    let (shared, mut eye, query) = (Arc::clone(shared), eye.clone(), query.to_vec());
    pending.spawn(async move {
        if let Some(reply) = carry_out(&shared, &mut eye, &query, answer, Transport::Udp).await {
            send(&shared, &reply, client);
        }
        drop(permit);
    });
}

fn send(shared: &Shared, reply: &[u8], client: SocketAddr) {
    // Past the runtime, which would first want to see that the socket can be written to: a datagram goes now or never.
    match SockRef::from(&shared.socket).send_to(reply, &SockAddr::from(client)) {
        Ok(_) => count(&shared.counts.answered),
        Err(_) => count(&shared.counts.unsendable),
    }
}
