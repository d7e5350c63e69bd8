//! How loads end, and that nothing is left of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shakedown_load::{Ending, start};
use shakedown_scenarios::trace::{Trace, TraceFormat};
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, Workload};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::support::{OK, PATIENCE, asked, begin, finish, http, serve, starting};

/// A server, and how many of its connections are open.
async fn counted(answers: bool) -> (std::net::SocketAddr, Arc<AtomicU64>) {
    let open = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&open);
    let address = serve(move |mut stream| {
        let open = Arc::clone(&counter);
        open.fetch_add(1, Ordering::SeqCst);
        async move {
            while asked(&mut stream).await.is_some() {
                if answers && stream.write_all(OK.as_bytes()).await.is_err() {
                    break;
                }
            }
            open.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    (address, open)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let waited = async {
        while !holds() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

/// Whether a thread of this name runs in this process.
fn runs(name: &str) -> bool {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let mut names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.any(|comm| comm.trim() == name)
}

#[tokio::test]
async fn a_stopped_load_answers_what_was_due_and_leaves_nothing() {
    let (address, open) = counted(true).await;
    let mut plan = starting(Workload::Http(http(200.0, 4)), address, Span::secs(3_600));
    plan.name = "stopped".into();
    let (load, mut windows) = begin(plan);
    let first = windows.recv().await.unwrap();
    assert!(runs("load/stopped"));
    load.stop();
    load.stop();
    let (totals, end) = finish(load, windows).await;
    assert_eq!(end.ending, Ending::Stopped);
    let last = totals.windows.last().unwrap();
    assert_eq!((last.backlog, totals.dropped), (0, 0));
    assert_eq!(first.ok + totals.ok, first.due + totals.due);
    assert!(!runs("load/stopped"));
    until("closed connections", || open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn an_aborted_load_ends_at_once_and_tells_what_was_in_flight() {
    let (address, open) = counted(false).await;
    let mut plan = starting(Workload::Http(http(100.0, 3)), address, Span::secs(3_600));
    plan.name = "aborted".into();
    let (load, mut windows) = begin(plan);
    let first = windows.recv().await.unwrap();
    load.abort();
    // An abort cannot be taken back.
    load.stop();
    let (totals, end) = finish(load, windows).await;
    assert_eq!((end.ending, totals.ok), (Ending::Aborted, 0));
    assert_eq!(totals.windows.last().unwrap().backlog, first.due + totals.due);
    assert!(!runs("load/aborted"));
    until("closed connections", || open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_dropped_handle_aborts_its_load() {
    let (address, open) = counted(false).await;
    let mut plan = starting(Workload::Http(http(100.0, 3)), address, Span::secs(3_600));
    plan.name = "dropped".into();
    let (load, mut windows) = begin(plan);
    let _ = windows.recv().await.unwrap();
    drop(load);
    until("an ended thread", || !runs("load/dropped")).await;
    until("closed connections", || open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_reader_that_sleeps_does_not_hold_the_load_up_and_gets_everything_later() {
    let answered = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&answered);
    let address = serve(move |mut stream| {
        let answered = Arc::clone(&counter);
        async move {
            while asked(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
                answered.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let (sender, mut windows) = mpsc::channel(1);
    let load = start(starting(Workload::Http(http(100.0, 2)), address, Span::millis(3_500)), sender).unwrap();
    until("the last request", || answered.load(Ordering::SeqCst) == 350).await;
    let reading = async {
        let mut seconds = Vec::new();
        let mut due = 0;
        while let Some(window) = windows.recv().await {
            seconds.push(window.second);
            due += window.due;
        }
        (seconds, due)
    };
    let ((seconds, due), end) = tokio::join!(reading, load.join());
    assert_eq!((seconds, due, end.windows_lost), (vec![0, 1, 2, 3], 350, 0));
}

#[tokio::test]
async fn a_workload_that_cannot_be_sent_is_refused_before_it_starts() {
    let refused = |workload| {
        let (sender, _windows) = mpsc::channel(1);
        let plan = starting(Workload::Http(workload), "127.0.0.1:9".parse().unwrap(), Span::secs(1));
        let error = start(plan, sender).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        error.to_string()
    };
    let mut wrong = http(1.0, 1);
    wrong.requests[0].path = "items".into();
    assert_eq!(
        refused(wrong),
        "expected a path that starts with `/` and has only visible ASCII characters, found `items`"
    );
    let mut empty = http(1.0, 1);
    empty.requests.clear();
    assert_eq!(refused(empty), "expected at least one request in the mix, found none");
    assert!(refused(http(1.0, u32::MAX)).contains("ulimit -n"));
    let mut unread = http(1.0, 1);
    unread.arrivals = Arrivals::Replay {
        file: "a.csv".into(),
        format: TraceFormat::Csv,
        speed: 1.0,
        trace: Trace::default(),
    };
    assert_eq!(refused(unread), "expected the trace `a.csv` to have been read, found no arrival");
}
