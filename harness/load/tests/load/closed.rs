//! The closed model: users wait for their answers, think, and ask again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shakedown_load::Ending;
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, HttpWorkload, Think, Workload};
use tokio::io::AsyncWriteExt;

use crate::support::{OK, answering, asked, begin, finish, http, nobody, run, serve, starting, tcp};

fn users(users: u32, think: Think) -> HttpWorkload {
    HttpWorkload { arrivals: Arrivals::Closed { users, think }, ..http(0.0, users) }
}

const AT_ONCE: Think = Think::Constant(Span::ZERO);

/// A server that takes `hold` for each answer; with the most requests that it ever had at once.
async fn slow(hold: Duration) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let address = serve(move |mut stream| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            while asked(&mut stream).await.is_some() {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep_until(tokio::time::Instant::now() + hold).await;
                now.fetch_sub(1, Ordering::SeqCst);
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (address, seen)
}

#[tokio::test]
async fn each_user_waits_for_its_answer_and_asks_at_once_again() {
    let (address, most) = slow(Duration::from_millis(20)).await;
    let (totals, end) = run(Workload::Http(users(8, AT_ONCE)), address, Span::millis(1_500)).await;
    totals.assert_complete();
    assert_eq!((end.ending, most.load(Ordering::SeqCst)), (Ending::Completed, 8));
    // At 20 ms an answer nobody can ask more often than this; on a busy machine it is less, but each asked again.
    assert!((16..=8 * 76).contains(&totals.ok), "{}", totals.ok);
    assert_eq!(totals.ok, totals.due, "{:?}", totals.errors);
}

#[tokio::test]
async fn latency_is_service_time() {
    let (address, _) = slow(Duration::from_millis(5)).await;
    let (totals, _) =
        run(Workload::Http(users(4, Think::Constant(Span::millis(3)))), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.latency, totals.service);
    assert!(totals.latency.min() >= 4_900, "{} µs", totals.latency.min());
}

#[tokio::test]
async fn users_think_between_an_answer_and_the_next_request() {
    let address = answering(OK).await;
    for think in [Think::Constant(Span::millis(50)), Think::Exponential(Span::millis(50))] {
        let (totals, _) = run(Workload::Http(users(10, think)), address, Span::secs(2)).await;
        totals.assert_complete();
        // Ten users, each at most once in 50 ms on average. A drawn sum of 400 deviates by 20; six times that is room.
        assert!((10..=520).contains(&totals.due), "{think:?}: {}", totals.due);
        assert_eq!(totals.ok, totals.due, "{:?}", totals.errors);
    }
}

#[tokio::test]
async fn a_stall_keeps_users_from_asking_and_is_felt_by_those_who_did() {
    let (address, _) = slow(Duration::from_millis(600)).await;
    let (totals, _) = run(Workload::Http(users(3, AT_ONCE)), address, Span::secs(1)).await;
    totals.assert_complete();
    // Two rounds of 600 ms begin within the second: this is what the closed model leaves out.
    assert!((3..=6).contains(&totals.ok), "{}", totals.ok);
    assert!(totals.latency.min() >= 590_000);
}

#[tokio::test]
async fn users_of_a_target_that_is_not_there_do_not_spin() {
    let (totals, _) = run(Workload::Http(users(4, AT_ONCE)), nobody().await, Span::secs(1)).await;
    totals.assert_complete();
    // Each rests for 50 ms after a failure.
    assert!((4..=4 * 21).contains(&totals.failed("refused")), "{:?}", totals.errors);
}

#[tokio::test]
async fn users_of_an_exchange_without_an_answer_let_the_load_end() {
    let address = serve(|mut stream| async move {
        let mut bytes = [0; 65_536];
        while tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await.is_ok_and(|count| count > 0) {}
    })
    .await;
    let mut workload = tcp(0.0, 2, "x", "", None);
    workload.arrivals = Arrivals::Closed { users: 2, think: AT_ONCE };
    let (totals, end) = run(Workload::Tcp(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(end.ending, Ending::Completed);
    assert!(totals.windows.len() <= 3 && totals.ok > 0, "{} windows", totals.windows.len());
}

#[tokio::test]
async fn a_stopped_closed_load_ends_with_every_answer() {
    let address = answering(OK).await;
    for think in [AT_ONCE, Think::Constant(Span::secs(3_600))] {
        let plan = starting(Workload::Http(users(3, think)), address, Span::secs(3_600));
        let (load, mut windows) = begin(plan);
        let first = windows.recv().await.unwrap();
        load.stop();
        let (totals, end) = finish(load, windows).await;
        assert_eq!(end.ending, Ending::Stopped);
        assert_eq!(first.ok + totals.ok, first.due + totals.due, "{:?}", totals.errors);
    }
}
