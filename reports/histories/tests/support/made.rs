//! Histories that are consistent by construction: a real object, operations that take effect at one moment between their
//! begin and their end, and clients that are not always told how they ended.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::chance::Chance;
use super::real::{ACCOUNTS, Real};

/// What kind of history.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The model's name.
    pub model: &'static str,
    /// How many operations.
    pub ops: usize,
    pub processes: usize,
    pub keys: usize,
    /// Values are below this; 0 is for values that all differ.
    pub values: usize,
    /// So many in a hundred end unknown.
    pub open: usize,
    /// So many in a hundred fail though they could be done.
    pub failed: usize,
}

/// One operation that was made.
#[derive(Clone, Debug)]
pub struct Made {
    pub process: usize,
    pub key: usize,
    pub f: &'static str,
    pub argument: Value,
    /// What it found, if it came back.
    pub result: Value,
    pub end: End,
    /// Places in the order of lines.
    pub call: usize,
    pub back: usize,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Ok,
    Fail,
    Info,
}

/// What a client is at: an operation, and whether its effect is still to come.
type Busy = Option<(usize, bool)>;

/// Makes a history, operations in the order in which they began.
pub fn made(wish: &Wish, chance: &mut Chance) -> Vec<Made> {
    let mut real: Vec<Real> = (0..wish.keys).map(|_| Real::of(wish.model)).collect();
    let mut ops: Vec<Made> = Vec::with_capacity(wish.ops);
    let mut clients: Vec<Busy> = vec![None; wish.processes];
    let mut names: Vec<usize> = (0..wish.processes).collect();
    let mut line = 0;
    while ops.len() < wish.ops || clients.iter().any(Option::is_some) {
        let who = chance.below(wish.processes);
        let Some((op, waits)) = clients[who] else {
            if ops.len() < wish.ops {
                let (f, argument) = ask(wish, chance, ops.len());
                clients[who] = Some((ops.len(), true));
                let (key, end) = (chance.below(wish.keys), End::Info);
                let made = Made {
                    process: names[who],
                    key,
                    f,
                    argument,
                    result: Value::Null,
                    end,
                    call: line,
                    back: usize::MAX,
                };
                ops.push(made);
                line += 1;
            }
            continue;
        };
        let made = &mut ops[op];
        if !waits {
            (made.back, clients[who]) = (line, None);
            line += 1;
        } else if chance.percent(wish.open) {
            // Lost before its effect, or after it.
            if chance.percent(50) {
                real[made.key].act(made.f, &made.argument);
            }
            (clients[who], names[who]) = (None, names[who] + wish.processes);
            line += 1;
        } else {
            let fails = chance.percent(wish.failed);
            let told = if fails { None } else { real[made.key].act(made.f, &made.argument) };
            (made.end, clients[who]) = match told {
                Some(told) => {
                    made.result = told;
                    (End::Ok, Some((op, false)))
                }
                None => {
                    made.back = line;
                    line += 1;
                    (End::Fail, None)
                }
            };
        }
    }
    ops
}

fn ask(wish: &Wish, chance: &mut Chance, unique: usize) -> (&'static str, Value) {
    let all_differ = wish.values == 0;
    let value = if all_differ { unique + 1 } else { chance.below(wish.values) };
    let looks = chance.percent(40);
    match wish.model {
        "register" | "cas-register" | "set" | "counter" | "bank" if looks => ("read", Value::Null),
        "kv" | "kv-append" if looks => ("get", Value::Null),
        "cas-register" if chance.percent(50) => {
            let old =
                if all_differ { unique.saturating_sub(chance.below(6)) } else { chance.below(wish.values) };
            ("cas", json!([old, value]))
        }
        "register" | "cas-register" => ("write", json!(value)),
        "kv" => ("put", json!(value)),
        "kv-append" if all_differ => ("append", json!(format!("x {value} y"))),
        "kv-append" => {
            let f = if chance.percent(15) { "put" } else { "append" };
            (f, json!(["a", "b", "ab", "c", "aa"][value % 5]))
        }
        "counter" => ("add", json!(chance.below(5) as i64 - if all_differ { 0 } else { 2 })),
        "set" => ("add", json!(value)),
        "queue" if chance.percent(50) => ("dequeue", Value::Null),
        "queue" => ("enqueue", json!(value)),
        "lock" if chance.percent(50) => ("release", Value::Null),
        "lock" => ("acquire", Value::Null),
        "bank" => {
            let (from, to) = (chance.below(ACCOUNTS), chance.below(ACCOUNTS));
            ("transfer", json!({"from": from, "to": to, "amount": chance.below(5)}))
        }
        "txn-registers" => ("txn", registers_txn(chance, value)),
        _ => ("txn", txn(chance, unique)),
    }
}

fn registers_txn(chance: &mut Chance, value: usize) -> Value {
    let mut part = |at: usize| {
        let key = chance.below(3);
        if chance.percent(50) { json!(["r", key, null]) } else { json!(["w", key, value * 4 + at]) }
    };
    let parts = [part(0), part(1), part(2)];
    Value::Array(parts[..1 + chance.below(3)].to_vec())
}

fn txn(chance: &mut Chance, unique: usize) -> Value {
    let mut part = |at: usize| {
        let key = chance.below(3);
        if chance.percent(50) { json!(["r", key, null]) } else { json!(["append", key, unique * 4 + at]) }
    };
    let parts = [part(0), part(1), part(2)];
    Value::Array(parts[..1 + chance.below(3)].to_vec())
}

/// The history as lines of JSON.
pub fn lines(ops: &[Made], keys: usize) -> String {
    let mut events: Vec<(usize, &Made, bool)> = Vec::with_capacity(ops.len() * 2);
    for made in ops {
        events.push((made.call, made, true));
        if made.back != usize::MAX {
            events.push((made.back, made, false));
        }
    }
    events.sort_by_key(|it| it.0);
    let mut text = String::new();
    for (at, (line, made, begins)) in events.into_iter().enumerate() {
        let (kind, value) = match (begins, made.end) {
            (true, _) => ("invoke", &made.argument),
            (false, End::Ok) => ("ok", &made.result),
            (false, _) => ("fail", &made.argument),
        };
        let key = if keys > 1 { format!("\"key\":\"{}\",", made.key) } else { String::new() };
        let (process, f) = (made.process, made.f);
        let _ = writeln!(
            text,
            "{{\"index\":{at},\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",{key}\"value\":{value},\"time\":{}}}",
            line * 1_000
        );
    }
    text
}
