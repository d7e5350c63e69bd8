//! The four ways to be down, and what a client sees of each: nobody listens, nobody answers the connect, the connection is
//! closed at once, or it is accepted and never served.

use std::io::ErrorKind;
use std::time::Duration;

use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::{Injection, Toxic};
use shakedown_scenarios::target::Way;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

const ID: u32 = 3;

/// Longer than a connect or an echo takes here, and short enough for a test.
const A_WHILE: Duration = Duration::from_millis(200);

async fn down(toxic: Toxic) -> Proxy {
    let proxy = Proxy::start(any(), echo().await, SEED).unwrap();
    proxy.inject(ID, Injection::new(toxic, Way::Both)).unwrap();
    proxy
}

/// The fault did what it says, and once it is healed clients are served.
async fn up_again(proxy: &Proxy) {
    let evidence = proxy.evidence(ID).unwrap();
    assert!(evidence.bit(), "{evidence}");
    let healed = proxy.heal(ID);
    assert!(healed.proven, "{healed}");
    let mut client = connect(proxy).await;
    client.write_all(b"back").await.unwrap();
    soon("the echo", client.read_exact(&mut [0; 4])).await.unwrap();
}

#[tokio::test]
async fn nobody_listens() {
    let proxy = down(Toxic::Refuse {}).await;
    let refused = soon("connecting", TcpStream::connect(proxy.address())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    up_again(&proxy).await;
}

#[tokio::test]
async fn nobody_answers_the_connect() {
    let proxy = down(Toxic::DropSyn {}).await;
    let connecting = tokio::time::timeout(A_WHILE, TcpStream::connect(proxy.address())).await;
    assert!(connecting.is_err(), "{connecting:?}");
    up_again(&proxy).await;
}

#[tokio::test]
async fn connections_are_closed_at_once_and_in_order_whatever_was_sent() {
    let proxy = down(Toxic::CloseOnAccept {}).await;
    for sends in [false, true] {
        for _ in 0..50 {
            let mut client = connect(&proxy).await;
            if sends {
                // What nobody reads would turn an end in order into a reset.
                client.write_all(&[7; 4_096]).await.unwrap();
            }
            let mut got = Vec::new();
            assert_eq!(soon("the end", client.read_to_end(&mut got)).await.unwrap(), 0);
        }
    }
    until("all being closed", || proxy.counters().open == 0).await;
    up_again(&proxy).await;
}

#[tokio::test]
async fn connections_are_accepted_and_never_served() {
    let proxy = down(Toxic::HangOnAccept {}).await;
    let mut client = connect(&proxy).await;
    client.write_all(b"kept").await.unwrap();
    assert!(is_silent(&mut client, A_WHILE).await);
    assert_eq!(proxy.counters().up, 0);
    up_again(&proxy).await;
    let mut got = [0; 4];
    soon("the echo of what was kept", client.read_exact(&mut got)).await.unwrap();
    assert_eq!(&got, b"kept");
}
