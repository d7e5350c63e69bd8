//! Faults that come and go while clients do: nobody hangs, nothing is left over, and after the last heal all is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::{Ratio, Size, Span};
use shakedown_tls_faults::{Alert, Moment, TlsFault, TlsProxy};

use crate::support::{connect, echoes, soon, terminating, until};

fn fault(kind: u64) -> TlsFault {
    let probability = Ratio::new(0.5).unwrap();
    match kind {
        0 => TlsFault::ExpiredCertificate { probability },
        1 => TlsFault::WrongHost { probability },
        2 => TlsFault::HandshakeStall { length: None, probability },
        3 => TlsFault::HandshakeStall { length: Some(Span::millis(3)), probability },
        4 => TlsFault::Alert { description: Alert::InternalError, probability },
        5 => TlsFault::VersionCap { probability },
        6 => TlsFault::Reset { at: Moment::ServerHello, probability },
        _ => TlsFault::Truncate { after: Some(Size::bytes(10)), probability },
    }
}

/// Connects over and over, and does not care how it goes as long as it goes on.
async fn visit(proxy: Arc<TlsProxy>, over: Arc<AtomicBool>) -> u64 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut visits = 0;
    while !over.load(Relaxed) {
        if let Ok(mut client) = connect(&proxy).await {
            let _ = client.write_all(b"some bytes that come back").await;
            let _ = client.shutdown().await;
            let _ = soon("the end", client.read_to_end(&mut Vec::new())).await;
        }
        visits += 1;
    }
    visits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_come_and_go_under_traffic_and_nothing_is_left_over() {
    let (proxy, over) = (Arc::new(terminating().await), Arc::new(AtomicBool::new(false)));
    let visitors: Vec<_> =
        (0..8).map(|_| tokio::spawn(visit(Arc::clone(&proxy), Arc::clone(&over)))).collect();
    let mut chance = Streams::new(1).stream("stress");
    for step in 0..1_000 {
        let id = u32::try_from(chance.below(12)).unwrap();
        if chance.chance(0.5) {
            let _ = proxy.inject(id, fault(chance.below(8)));
        } else {
            let _ = proxy.heal(id);
        }
        let accepted = proxy.counters().accepted;
        // Every now and then traffic gets its turn; a stall may keep all of it, and then control goes on alone.
        if step % 20 == 0 {
            let turn = tokio::time::Duration::from_millis(20);
            let _ =
                tokio::time::timeout(turn, until("traffic", || proxy.counters().accepted > accepted)).await;
        }
    }
    for id in 0..12 {
        let _ = proxy.heal(id);
    }
    over.store(true, Relaxed);
    for visitor in visitors {
        assert!(soon("a visitor", visitor).await.unwrap() > 0);
    }
    until("all connections' end", || proxy.counters().open == 0).await;
    for _ in 0..10 {
        echoes(&mut connect(&proxy).await.unwrap(), b"all is well").await;
    }
}
