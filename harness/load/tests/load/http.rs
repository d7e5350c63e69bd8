//! What an HTTP load does while all is well, and how it keeps and closes connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shakedown_load::Ending;
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::Workload;
use tokio::io::AsyncWriteExt;

use crate::support::{OK, answering, asked, http, run, serve};

#[tokio::test]
async fn every_request_that_is_due_is_sent_and_answered() {
    let address = answering(OK).await;
    let (totals, end) = run(Workload::Http(http(500.0, 8)), address, Span::millis(2_500)).await;
    totals.assert_complete();
    assert_eq!((totals.due, totals.sent, totals.ok), (1_250, 1_250, 1_250));
    assert_eq!(totals.windows.iter().take(3).map(|window| window.due).collect::<Vec<_>>(), [500, 500, 250]);
    assert_eq!(totals.received, 1_250 * OK.len() as u64);
    assert_eq!((end.ending, end.windows_lost, end.clamped), (Ending::Completed, 0, 0));
}

#[tokio::test]
async fn connections_are_kept() {
    let accepted = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&accepted);
    let address = serve(move |mut stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            while asked(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let (totals, _) = run(Workload::Http(http(200.0, 4)), address, Span::secs(1)).await;
    assert_eq!(totals.ok, 200);
    assert!((1..=4).contains(&accepted.load(Ordering::Relaxed)));
}
