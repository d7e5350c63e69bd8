//! The proxy when it is hurt: control calls while every sink is dead, descriptors that run out, readers that stop.

use std::sync::Arc;
use std::time::Duration;

use shakedown_faults::proxy::{Proxy, TRANSIT};
use shakedown_faults::toxic::{BUFFER, DELAY_BUFFER, Injection, Toxic};
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::live::change;
use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn safety_08_control_never_waits_for_a_hundred_dead_sinks_and_no_byte_is_lost() {
    dead_sinks(100, 4_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a thousand connections with full buffers take gigabytes of the kernel's memory, and minutes"]
async fn safety_08_control_never_waits_for_a_thousand_dead_sinks_and_no_byte_is_lost() {
    dead_sinks(1_000, 10_000).await;
}

/// Changes toxics so often while nobody reads, and half as often again while everybody does.
async fn dead_sinks(connections: usize, changes: u32) {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = Arc::new(Proxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap());
    let mut servers = Vec::new();
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let (client, server) = join(&proxy, &listener).await;
        servers.push(server);
        senders.spawn(send_a_lot(client));
    }
    // Nobody reads: every buffer on the way is full or filling.
    let dead = churn(&proxy, changes).await;
    // Now everybody reads, and the toxics go on changing.
    let mut readers = JoinSet::new();
    for server in servers {
        readers.spawn(check_all(server));
    }
    let live = churn(&proxy, changes / 2).await;
    println!("{connections} connections: the slowest call took {dead:?}, and {live:?} once sinks lived");
    for id in 0..8 {
        assert!(proxy.heal(id).proven);
    }
    long("all senders", senders.join_all()).await;
    long("all readers", readers.join_all()).await;
    until("all connections' ends", || proxy.counters().open == 0).await;
}

const EACH: u64 = 3 << 20;

async fn send_a_lot(mut client: TcpStream) {
    let mut place = 0;
    while place < EACH {
        let count = 50_001.min(EACH - place);
        client.write_all(bytes_from(place, count as usize)).await.unwrap();
        place += count;
    }
    client.shutdown().await.unwrap();
    // The server's end comes when it has read all.
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

async fn check_all(mut server: TcpStream) {
    let mut place = 0;
    let mut buffer = vec![0; 40_000];
    loop {
        let count = server.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        assert!(buffer[..count] == *bytes_from(place, count), "bytes from {place} on differ");
        place += count as u64;
    }
    assert_eq!(place, EACH);
}

/// Adds, changes and removes lossless toxics at random; how long the slowest call took.
async fn churn(proxy: &Arc<Proxy>, calls: u32) -> Duration {
    let control = Arc::clone(proxy);
    let calls = tokio::task::spawn_blocking(move || {
        let mut chance = Streams::new(SEED).stream("churn");
        let calls = (0..calls).map(|_| {
            let took = change(&control, &mut chance);
            let _ = (control.evidence(chance.below(8) as u32), control.counters());
            took
        });
        calls.max().unwrap_or_default()
    });
    long("all calls", calls).await.unwrap()
}

#[tokio::test]
async fn safety_09_a_stopped_reader_fills_the_kernel_and_our_buffer_and_no_more() {
    let (proxy, client, _server) = joined().await;
    assert_most_kept(&proxy, &client, BUFFER + TRANSIT).await;
}

/// Fails if the proxy holds more than `most` bytes of a client whose server reads nothing.
async fn assert_most_kept(proxy: &Proxy, client: &TcpStream, most: usize) {
    let kept = fill(client).await - proxy.counters().up;
    // What the client sent and we did not hand on lies in its send buffer, in our receive buffer and in ours; the
    // first two are asked of the kernel, which counts what arrived and is not acknowledged yet in both.
    let in_kernel = unread(client, proxy.address()).await;
    assert!(kept <= in_kernel + most as u64, "{kept} kept, {in_kernel} of it in the kernel");
}

/// Bytes in the kernel's queues of the connection between a client and the proxy, as `/proc/net/tcp` tells them.
async fn unread(client: &TcpStream, proxy: std::net::SocketAddr) -> u64 {
    let ports = [client.local_addr().unwrap().port(), proxy.port()];
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |address: &str| u16::from_str_radix(address.split(':').nth(1).unwrap_or("0"), 16).unwrap_or(0);
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = rows.filter(|row| ports.contains(&port(row[1])) && ports.contains(&port(row[2])));
    let queues = ours.flat_map(|row| row[4].split(':').map(str::to_owned).collect::<Vec<_>>());
    queues.map(|queue| u64::from_str_radix(&queue, 16).unwrap_or(0)).sum()
}

#[tokio::test]
async fn safety_09_a_stopped_reader_behind_latency_stops_its_sender_too() {
    let (proxy, client, _server) = joined().await;
    proxy.inject(1, Injection::new(Toxic::latency(Span::millis(5)), Way::Both)).unwrap();
    assert_most_kept(&proxy, &client, DELAY_BUFFER).await;
}

#[tokio::test]
async fn safety_05_a_target_that_never_accepts_holds_up_nobody_else() {
    // A listener with a full queue: connects neither succeed nor fail.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&any().into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let _fillers: Vec<_> = (0..4).map(|_| start_connect(address)).collect();
    let proxy = Arc::new(Proxy::start(any(), address, SEED).unwrap());
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(connect(&proxy).await);
    }
    until("all being taken in", || proxy.counters().open == 10).await;
    churn(&proxy, 50).await;
    (0..8).for_each(|id| assert!(proxy.heal(id).proven));
    // A reset takes those that are still dialling as well.
    proxy.inject(9, Injection::new(Toxic::reset(), Way::Both)).unwrap();
    for client in &mut clients {
        assert!(is_reset(client).await);
    }
}

fn start_connect(address: std::net::SocketAddr) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    let _ = socket.connect(&address.into());
    socket
}
