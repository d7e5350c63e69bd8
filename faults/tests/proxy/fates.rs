//! Same seed, same order of connections: same fates, on every machine and for ever.

use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::{Aim, Injection, Toxic};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::Ratio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

const PINNED: u64 = 0xd833_ed01_9aa2_ad31;

/// Which of 64 connections one after the other are hit by a toxic on half of them, as bits.
async fn hit(seed: u64) -> u64 {
    let proxy = Proxy::start(any(), echo().await, seed).unwrap();
    let aim = Aim { toxicity: Ratio::new(0.5).unwrap(), ..Aim::at(Way::Upstream) };
    proxy.inject(1, Injection { name: "some".to_owned(), toxic: Toxic::reset(), aim }).unwrap();
    let mut bits = 0;
    for number in 0..64 {
        // Whether it is reset may show at once, or when it is used.
        let mut client = match soon("connecting", tokio::net::TcpStream::connect(proxy.address())).await {
            Ok(client) => client,
            Err(_) => {
                bits |= 1 << number;
                continue;
            }
        };
        let _ = client.write_all(b"x").await;
        let echoed = soon("the echo", client.read(&mut [0])).await;
        bits |= u64::from(!matches!(echoed, Ok(1))) << number;
    }
    bits
}

#[tokio::test]
async fn safety_13_the_same_seed_and_order_of_connections_give_the_same_fates_for_ever() {
    let fates = hit(SEED).await;
    assert_eq!(fates, PINNED, "{fates:#018x}");
    assert_ne!(hit(SEED + 1).await, PINNED);
}
