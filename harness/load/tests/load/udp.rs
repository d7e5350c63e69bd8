//! Send and expect over UDP.

use std::net::SocketAddr;

use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{Arrivals, Destination, TcpExchange, UdpWorkload, Workload};
use tokio::net::UdpSocket;

use crate::support::run;

fn udp(per_second: f64, timeout: Span, send: &str, expect: &str) -> Workload {
    let exchange = TcpExchange {
        name: None,
        send: send.into(),
        expect: expect.into(),
        until: None,
        weight: 1,
        keys: 1_000,
    };
    Workload::Udp(UdpWorkload {
        to: Destination::Target("names".into()),
        arrivals: Arrivals::Constant(Rate::per_second(per_second).unwrap()),
        timeout,
        sockets: 8,
        exchanges: vec![exchange],
    })
}

/// Hands every datagram and who sent it to `answer`, which says what goes to whom.
async fn serve<F>(mut answer: F) -> SocketAddr
where
    F: FnMut(Vec<u8>, SocketAddr) -> Vec<(Vec<u8>, SocketAddr)> + Send + 'static,
{
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut bytes = vec![0; 65_536];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            for (said, to) in answer(bytes[..length].to_vec(), from) {
                socket.send_to(&said, to).await.unwrap();
            }
        }
    });
    address
}

#[tokio::test]
async fn each_datagram_is_answered_by_its_own() {
    let server = serve(|datagram, from| {
        let answer = match datagram.strip_prefix(b"PING ") {
            Some(rest) if rest.len() % 2 == 0 => [b"PONG ", rest].concat(),
            _ => b"what?".to_vec(),
        };
        vec![(answer, from)]
    })
    .await;
    let (totals, _) = run(udp(300.0, Span::secs(10), "PING {n}", "PONG"), server, Span::secs(1)).await;
    totals.assert_complete();
    // One digit or three are the even ones out; about a tenth of 300 keys have two.
    assert_eq!(totals.ok + totals.failed("check"), 300, "{:?}", totals.errors);
    assert!(totals.ok > 0 && totals.failed("check") > totals.ok, "{totals:?}");
    assert!(totals.received >= 300 * 5, "{totals:?}");
}

/// With one exchange at a time, each answer comes twice: once its own has been given up and the next one waits, and again
/// with the one after that.
#[tokio::test]
async fn a_late_answer_never_counts_for_a_later_exchange() {
    let mut before: Vec<SocketAddr> = Vec::new();
    let server = serve(move |_, from| {
        let late = before.iter().rev().take(2).map(|to| (b"PONG".to_vec(), *to)).collect();
        assert!(!before.contains(&from), "a port of its own for each of them");
        before.push(from);
        late
    })
    .await;
    let Workload::Udp(workload) = udp(40.0, Span::millis(20), "PING", "PONG") else { unreachable!() };
    let alone = UdpWorkload { sockets: 1, ..workload };
    let (totals, _) = run(Workload::Udp(alone), server, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, 0, "{:?}", totals.errors);
    // On a machine that is busy the last ones are not sent in time.
    assert_eq!(totals.failed("timeout") + totals.dropped, 40, "{:?}", totals.errors);
    assert!(totals.failed("timeout") > 10, "{:?}", totals.errors);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_refuses() {
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (totals, _) = run(udp(50.0, Span::secs(10), "PING", "PONG"), nobody, Span::millis(500)).await;
    totals.assert_complete();
    assert_eq!(totals.failed("refused"), 25, "{:?}", totals.errors);
}
