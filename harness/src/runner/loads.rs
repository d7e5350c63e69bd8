//! Follows the workloads of a run to their end.

use shakedown_load::LoadEnd;
use shakedown_reports::journal::Window;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Happening;

/// Passes every window on, and once all loads have ended and their last windows are passed on, tells so: the last one
/// counts what was due and never sent, and the run may be over as soon as its loads are.
pub(super) async fn follow(
    mut loads: JoinSet<(String, LoadEnd)>,
    mut windows: mpsc::Receiver<Window>,
    happenings: mpsc::Sender<Happening>,
) {
    let join = async {
        let mut ends = Vec::new();
        while let Some(Ok((name, end))) = loads.join_next().await {
            if let shakedown_load::Ending::Failed { why } = &end.ending {
                // The others may go on for days: this is told at once.
                let _ = happenings.send(Happening::Broken(format!("workload `{name}`: {why}"))).await;
            }
            ends.push((name, end));
        }
        ends
    };
    let pass_on = async {
        while let Some(window) = windows.recv().await {
            let _ = happenings.send(Happening::Window(Box::new(window))).await;
        }
    };
    let (ends, ()) = tokio::join!(join, pass_on);
    let _ = happenings.send(Happening::LoadEnded(ends)).await;
}

#[cfg(test)]
mod tests {
    use shakedown_load::Ending;
    use shakedown_scenarios::units::Span;

    use super::*;

    fn window(second: u32) -> Window {
        Window {
            second,
            workload: "browse".to_owned(),
            due: 0,
            sent: 0,
            ok: 0,
            errors: Default::default(),
            dropped: 7,
            backlog: 0,
            received: 0,
            latency: shakedown_load::histogram(),
            service: shakedown_load::histogram(),
            late_us_max: 0,
            late_us_p50: 0,
            endpoints: Vec::new(),
            examples: Vec::new(),
        }
    }

    async fn end(ending: Ending) -> (String, LoadEnd) {
        ("browse".to_owned(), LoadEnd { ending, windows_lost: 0, clamped: 0, cpu: Span::ZERO, history: None })
    }

    #[tokio::test]
    async fn the_last_windows_come_before_the_end_of_their_load() {
        let (windows, told) = mpsc::channel(8);
        let (happenings, mut inbox) = mpsc::channel(1);
        // The loads are over at once, while their windows still wait.
        for second in 0..5 {
            windows.send(window(second)).await.unwrap();
        }
        drop(windows);
        let loads = [end(Ending::Completed), end(Ending::Stopped)].into_iter().collect();
        let following = tokio::spawn(follow(loads, told, happenings));
        let mut seen = Vec::new();
        while let Some(happening) = inbox.recv().await {
            seen.push(match happening {
                Happening::Window(window) => window.second.to_string(),
                Happening::LoadEnded(ends) => format!("{} ended", ends.len()),
                other => format!("{other:?}"),
            });
        }
        following.await.unwrap();
        assert_eq!(seen, ["0", "1", "2", "3", "4", "2 ended"]);
    }

    #[tokio::test]
    async fn a_load_that_fails_is_told_while_the_others_go_on() {
        let (_windows, told) = mpsc::channel(1);
        let (happenings, mut inbox) = mpsc::channel(1);
        let mut loads = JoinSet::new();
        loads.spawn(end(Ending::Failed { why: "no timer".to_owned() }));
        loads.spawn(std::future::pending());
        let following = tokio::spawn(follow(loads, told, happenings));
        let told = inbox.recv().await;
        assert!(
            matches!(&told, Some(Happening::Broken(why)) if why == "workload `browse`: no timer"),
            "{told:?}"
        );
        following.abort();
    }
}
