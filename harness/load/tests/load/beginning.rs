//! A load can be started before it begins: nothing is asked until then.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shakedown_load::Ending;
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, HttpWorkload, Think, Workload};
use tokio::io::AsyncWriteExt;

use crate::support::{OK, asked, begin, finish, http, serve, starting};

/// How long before its beginning a load is started.
const AHEAD: Duration = Duration::from_millis(200);

/// Asserts that the first request does not come before the load begins.
#[expect(clippy::disallowed_methods, reason = "a load on real sockets begins at a real moment")]
async fn nothing_comes_early(workload: HttpWorkload) {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&arrived);
    let address = serve(move |mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            while asked(&mut stream).await.is_some() {
                seen.lock().unwrap().push(Instant::now());
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let mut start = starting(Workload::Http(workload), address, Span::millis(200));
    start.start += AHEAD;
    let beginning = start.start;
    let (load, windows) = begin(start);
    let (totals, end) = finish(load, windows).await;
    totals.assert_complete();
    assert_eq!(end.ending, Ending::Completed);
    let first = *arrived.lock().unwrap().iter().min().unwrap();
    assert!(first >= beginning, "{:?} early", beginning.duration_since(first));
}

#[tokio::test]
async fn nothing_is_due_before_the_beginning() {
    nothing_comes_early(http(100.0, 4)).await;
}

#[tokio::test]
async fn no_user_comes_before_the_beginning() {
    let arrivals = Arrivals::Closed { users: 4, think: Think::Constant(Span::millis(5)) };
    nothing_comes_early(HttpWorkload { arrivals, ..http(0.0, 4) }).await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a load on real sockets begins at a real moment")]
async fn a_load_that_has_not_begun_can_be_stopped() {
    let address = serve(|_| async {}).await;
    let mut start = starting(Workload::Http(http(100.0, 4)), address, Span::secs(1));
    start.start += Duration::from_secs(600);
    let asked = Instant::now();
    let (load, windows) = begin(start);
    load.stop();
    let (totals, end) = finish(load, windows).await;
    assert_eq!((end.ending, totals.due), (Ending::Stopped, 0));
    assert!(asked.elapsed() < Duration::from_secs(60));
}
