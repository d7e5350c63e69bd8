//! Coordinated omission: who was due during a stall has waited, whether or not a connection was free to ask.

use std::time::Duration;

use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{Arrivals, HttpWorkload, Workload};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::support::{OK, answering, asked, begin, finish, http, run, serve, starting};

/// A server that answers nothing before this long after its start.
async fn stalled(hold: Duration) -> std::net::SocketAddr {
    let until = Instant::now() + hold;
    serve(move |mut stream| async move {
        while asked(&mut stream).await.is_some() {
            tokio::time::sleep_until(until).await;
            if stream.write_all(OK.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_stall_is_felt_by_everyone_who_was_due_in_it() {
    for connections in [1, 8] {
        let address = stalled(Duration::from_millis(1_050)).await;
        let (totals, _) = run(Workload::Http(http(400.0, connections)), address, Span::millis(1_500)).await;
        totals.assert_complete();
        assert_eq!(totals.ok, 600);
        // Due in the first half second: at least half a second until the stall's end. (Lower bounds hold on any machine.)
        let waited = totals.latency.count_between(500_000, u64::MAX);
        assert!(waited >= 200, "{waited} of 200 tell of the stall, with {connections} connections");
        // The same from when they were sent: only those that a connection had taken up.
        let served = totals.service.count_between(500_000, u64::MAX);
        assert!(served <= u64::from(connections) + 8, "{served}");
    }
}

#[tokio::test]
async fn a_backlog_shows_while_the_target_stands_still() {
    let address = stalled(Duration::from_millis(2_500)).await;
    let (totals, _) = run(Workload::Http(http(100.0, 2)), address, Span::secs(3)).await;
    totals.assert_complete();
    assert!(totals.windows[0].backlog >= 95 && totals.windows[1].backlog >= 195, "{:?}", totals.windows[1]);
    assert_eq!(totals.windows.last().unwrap().backlog, 0);
}

#[tokio::test]
async fn what_finds_no_room_to_wait_is_dropped_and_counted() {
    // The load's zero lies 150 s back: all that was due since comes at once, and there is room for 60 s of it.
    let address = answering(OK).await;
    let mut start = starting(Workload::Http(http(20.0, 1)), address, Span::secs(150));
    start.start =
        start.start.checked_sub(Duration::from_secs(150)).expect("the machine runs for longer than that");
    let (load, windows) = begin(start);
    let (totals, _) = finish(load, windows).await;
    totals.assert_complete();
    assert_eq!(totals.due, 3_000);
    // One is in flight, 1,200 wait.
    assert_eq!((totals.ok, totals.dropped), (1_201, 1_799));
    assert!(totals.windows.iter().take(100).all(|window| window.due == 20));
}

#[tokio::test]
async fn a_hanging_target_ends_the_load_after_two_timeouts_with_everything_accounted_for() {
    let address = serve(|mut stream| async move { while asked(&mut stream).await.is_some() {} }).await;
    let workload = HttpWorkload {
        timeout: Span::millis(300),
        arrivals: Arrivals::Poisson(Rate::per_second(200.0).unwrap()),
        ..http(0.0, 2)
    };
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, 0);
    assert!(totals.failed("timeout") > 0 && totals.dropped > 0, "{totals:?}");
    assert_eq!(totals.windows.last().unwrap().backlog, 0);
}
