//! How answers are told: a line of JSON each, or text.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use shakedown_histories::{Fate, NEVER, Op, Window};
use shakedown_reports::Bar;
use shakedown_scenarios::units::Span;

use super::{Judged, Outcome};
use crate::console::printable;

/// An answer as JSON.
pub(super) fn json(path: &Path, outcome: &Outcome) -> Value {
    let file = path.display().to_string();
    match outcome {
        Outcome::Bad(why) => json!({ "file": file, "verdict": null, "error": why }),
        Outcome::TooLarge(why) => {
            json!({ "file": file, "verdict": "unknown", "ops": null, "check_ms": 0.0, "window": [], "why": why })
        }
        Outcome::Judged(judged) => of_judged(&file, judged),
    }
}

fn of_judged(file: &str, judged: &Judged) -> Value {
    let Judged { history, answer, window, .. } = judged;
    let (failure, window) = (answer.failure.as_ref(), window.as_ref());
    let count = |fate: Fate| history.ops.iter().filter(|op| op.fate == fate).count();
    let shown = window.map_or(&[][..], |window| &window.ops);
    json!({
        "file": file,
        "verdict": answer.verdict.word(),
        "ops": history.ops.len(),
        "open": count(Fate::Open),
        "failed": count(Fate::Failed),
        "keys": history.keys.count(),
        "parse_ms": millis(judged.parse),
        "check_ms": millis(judged.check),
        "window_ms": millis(judged.explain),
        "key": failure.map(|failure| raw(history.keys.text(failure.key))),
        "what": failure.map(|failure| failure.what.as_str()),
        "window": shown.iter().map(|number| of_op(judged, *number)).collect::<Vec<_>>(),
        "from_any_state": window.map(|window| window.from_any_state),
        "open_before": window.map(|window| window.open_before),
        "why": answer.why,
        "notes": history.notes,
    })
}

fn of_op(judged: &Judged, number: u32) -> Value {
    let op = &judged.history.ops[number as usize];
    let (f, value) = judged.history.words(op);
    let is_back = op.back != NEVER;
    json!({
        "process": raw(judged.history.processes.text(op.process)),
        "f": f,
        "value": value,
        "type": kind(op),
        "line": op.call,
        "end_line": is_back.then_some(op.back),
        "time": judged.history.has_times.then(|| json!([op.times[0], is_back.then_some(op.times[1])])),
        "stuck": is_stuck(judged, number),
    })
}

/// An answer for people.
pub(super) fn text(path: &Path, outcome: &Outcome) -> String {
    let file = printable(&path.display().to_string());
    match outcome {
        Outcome::Bad(_) => format!("{file}: no history\n"),
        Outcome::TooLarge(why) => format!("{file}: unknown: {why}\n"),
        Outcome::Judged(judged) => {
            let answer = &judged.answer;
            let mut text = format!(
                "{file}: {} ({} operations, read in {} ms, checked in {} ms)\n",
                answer.verdict.word(),
                judged.history.ops.len(),
                millis(judged.parse),
                millis(judged.check)
            );
            for note in judged.history.notes.iter().chain(&answer.why) {
                let _ = writeln!(text, "  {}", printable(note));
            }
            if let Some(window) = &judged.window {
                tell_window(judged, window, &mut text);
            }
            text
        }
    }
}

fn tell_window(judged: &Judged, window: &Window, text: &mut String) {
    let Some(failure) = &judged.answer.failure else { return };
    let key = raw(judged.history.keys.text(failure.key));
    let of_key = if key.is_null() { String::new() } else { format!(", key {}", printable(&key.to_string())) };
    let _ = writeln!(text, "  {}{of_key}", printable(&failure.what));
    let from = if window.from_any_state { "whatever was before" } else { "from the first state on" };
    let _ = writeln!(text, "  the shortest window that fails, {from}:");
    for number in &window.ops {
        let op = &judged.history.ops[*number as usize];
        let (f, value) = judged.history.words(op);
        let process = String::from_utf8_lossy(judged.history.processes.text(op.process));
        let end = if op.back == NEVER { "?".to_owned() } else { op.back.to_string() };
        let mark = if is_stuck(judged, *number) { ">" } else { " " };
        let line = format!("process {process}: {f} {value} ({})", kind(op));
        let _ = writeln!(text, "  {mark} lines {:>6} to {end:>6}  {}", op.call, printable(&line));
    }
    if window.open_before > 0 {
        let _ =
            writeln!(text, "    and {} before it of which nobody knows how they ended", window.open_before);
    }
}

/// The window as bars, and what its ends are called; `None` where there is none.
pub(super) fn bars(judged: &Judged) -> Option<(Vec<Bar>, [String; 2])> {
    let window = judged.window.as_ref()?;
    let history = &judged.history;
    let bar = |number: &u32| {
        let op = &history.ops[*number as usize];
        let (f, value) = history.words(op);
        Bar {
            row: format!("process {}", String::from_utf8_lossy(history.processes.text(op.process))),
            words: format!("{f} {value}"),
            from: op.times[0] as f64,
            to: (op.back != NEVER).then_some(op.times[1] as f64),
            is_stuck: is_stuck(judged, *number),
        }
    };
    let bars: Vec<Bar> = window.ops.iter().map(bar).collect();
    let ops = || window.ops.iter().map(|number| &history.ops[*number as usize]);
    let first = ops().min_by_key(|op| op.call)?;
    let last = ops().max_by_key(|op| if op.back == NEVER { op.call } else { op.back })?;
    let name = |line: u32, time: i64| {
        if history.has_times {
            format!("line {line}, {:.6} s", time as f64 / 1e9)
        } else {
            format!("line {line}")
        }
    };
    let at = usize::from(last.back != NEVER);
    Some((bars, [name(first.call, first.times[0]), name([last.call, last.back][at], last.times[at])]))
}

fn is_stuck(judged: &Judged, number: u32) -> bool {
    judged.answer.failure.as_ref().is_some_and(|failure| failure.stuck == number)
}

const fn kind(op: &Op) -> &'static str {
    match op.fate {
        Fate::Done => "ok",
        Fate::Failed => "fail",
        Fate::Open => "info",
    }
}

/// As it stood in the file.
fn raw(text: &[u8]) -> Value {
    let text = String::from_utf8_lossy(text);
    serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_ref()))
}

/// Milliseconds with three digits behind the point.
fn millis(span: Span) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}
