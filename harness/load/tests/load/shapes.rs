//! Arrivals that are no plain rate, against a real server.

use shakedown_scenarios::trace::{Trace, TraceFormat};
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, HttpWorkload, Workload};

use crate::support::{OK, answering, http, run};

/// How many requests of these arrivals were due in each second; all of them were answered.
async fn due(arrivals: Arrivals, duration: Span) -> Vec<u64> {
    let workload = HttpWorkload { arrivals, ..http(0.0, 4) };
    let (totals, _) = run(Workload::Http(workload), answering(OK).await, duration).await;
    totals.assert_complete();
    assert_eq!(totals.ok, totals.due, "{:?}", totals.errors);
    totals.windows.iter().map(|window| window.due).collect()
}

#[tokio::test]
async fn bursts_come_all_at_once_and_wait_for_connections() {
    let bursts = Arrivals::Bursts { size: 60, every: Span::millis(700), over: Span::ZERO };
    let seconds = due(bursts, Span::millis(1_500)).await;
    assert_eq!(seconds[..2], [120, 60], "at 0, 0.7 and 1.4 s");
}

#[tokio::test]
async fn a_replay_comes_when_its_trace_says_and_then_nothing_does() {
    let micros = [0, 100_000, 100_000, 1_200_000, 2_900_000].map(|at| at + 77);
    let trace = Trace::of(micros.to_vec()).unwrap();
    let replay = |speed| Arrivals::Replay {
        file: "trace.csv".into(),
        format: TraceFormat::Csv,
        speed,
        trace: trace.clone(),
    };
    assert_eq!(due(replay(1.0), Span::millis(1_500)).await[..2], [3, 1]);
    assert_eq!(due(replay(2.0), Span::secs(2)).await[..2], [4, 1]);
}
