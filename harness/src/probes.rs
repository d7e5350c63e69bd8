//! Probes: one task each asks its question at intervals and tells the answer.

use std::net::SocketAddr;

use shakedown_scenarios::probe::{Ask, Probe};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::asking::{self, AskError};
use crate::clock::Clock;
use crate::console::printable;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The probe's name.
    pub probe: String,
    /// Whether it is in tolerance.
    pub ok: bool,
    /// What came, for people.
    pub found: String,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// A probe with everything resolved.
#[derive(Clone, Debug)]
pub struct Question {
    /// The probe; argv already expanded.
    pub probe: Probe,
    /// Where it asks; `None` for `Exec`.
    pub address: Option<SocketAddr>,
    /// Variables for an `Exec` probe.
    pub envs: Vec<(String, String)>,
}

/// Asks at intervals until nobody listens any more. A question that takes longer than its interval delays the next.
pub async fn ask_on(question: Question, clock: Clock, answers: mpsc::Sender<Answer>) {
    let mut ticks = tokio::time::interval(question.probe.every.duration());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let from = clock.now();
        let (ok, found) = ask(&question).await;
        let took_us = clock.now().minus(from).as_micros();
        let answer = Answer { probe: question.probe.name.clone(), ok, found, took_us };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

/// Asks once: whether the answer is in tolerance, and what it was.
async fn ask(question: &Question) -> (bool, String) {
    let within = question.probe.timeout.duration();
    let answer = match (&question.probe.ask, question.address) {
        (Ask::Http { path, status, body, .. }, Some(address)) => {
            asking::get(address, path, within).await.map(|page| {
                let found = format!("status {}", page.status);
                judge(page.status == *status, found, "the body", body.as_deref(), &page.body)
            })
        }
        (Ask::Tcp { .. }, Some(address)) => {
            asking::connect(address, within).await.map(|()| (true, "accepted".to_owned()))
        }
        (Ask::Exec { argv, exit, stdout }, _) => {
            asking::execute(argv, &question.envs, within).await.map(|ended| {
                let found = ended.code.map_or("a signal".to_owned(), |code| format!("exit {code}"));
                judge(ended.code == Some(*exit), found, "the output", stdout.as_deref(), &ended.stdout)
            })
        }
        (Ask::Http { .. } | Ask::Tcp { .. }, None) => Err(AskError::Io(std::io::ErrorKind::NotFound.into())),
    };
    answer.unwrap_or_else(|error| (false, printable(&error.to_string())))
}

/// A first tolerance that holds or not, and a text that must be in some bytes.
fn judge(first: bool, found: String, of: &str, wanted: Option<&str>, bytes: &[u8]) -> (bool, String) {
    let holds = |text: &str| bytes.windows(text.len().max(1)).any(|part| part == text.as_bytes());
    match wanted {
        Some(text) if first && !text.is_empty() && !holds(text) => {
            (false, format!("{found}, but {of} does not hold `{}`", printable(text)))
        }
        _ => (first, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tolerances_must_hold() {
        let check = |first, wanted, expected: (bool, &str)| {
            let (ok, found) = judge(first, "status 200".into(), "the body", wanted, b"all fine");
            assert_eq!((ok, found.as_str()), expected);
        };
        check(true, None, (true, "status 200"));
        check(false, None, (false, "status 200"));
        check(true, Some("fine"), (true, "status 200"));
        check(true, Some("good"), (false, "status 200, but the body does not hold `good`"));
        check(false, Some("good"), (false, "status 200"));
    }
}
