//! Transactions that read and write registers: what no order could mend, and all registers as one object for the search.

use std::collections::{BTreeMap, BTreeSet};

use crate::answer::Failure;
use crate::decode::short;
use crate::history::{Action, Fate, History, Micro, NULL};
use crate::model::Rules;
use crate::objects::cells::{Act, Cells};
use crate::search::layout::Deed;
use crate::subject::Subject;

/// Whether the transactions of a history are of registers: one of them writes one, or found what is no list.
pub fn are_meant(history: &History) -> bool {
    let parts = history.txns.iter().flat_map(|parts| parts.iter());
    parts.into_iter().any(|part| matches!(part, Micro::Write(..) | Micro::Found(..)))
}

/// The first that fits into no order: what it says of itself does not fit together, or nobody left what it found.
pub fn check(history: &History, rules: &Rules) -> Option<Failure> {
    let mut left: BTreeSet<(u32, u32)> = BTreeSet::new();
    for op in 0..history.ops.len() as u32 {
        if history.ops[op as usize].fate == Fate::Failed {
            continue;
        }
        match act(history, rules, op) {
            Ok(act) => left.extend(act.left),
            Err(key) => {
                let what = format!(
                    "a read of register {} does not fit to what the same transaction found or wrote before",
                    name(history, key)
                );
                return Some(failure(history, op, what));
            }
        }
    }
    for op in (0..history.ops.len() as u32).filter(|op| history.ops[*op as usize].fate == Fate::Done) {
        let found = act(history, rules, op).unwrap_or_default().found;
        let stray = found.iter().find(|(key, value)| *value != NULL && !left.contains(&(*key, *value)));
        if let Some((key, value)) = stray {
            let (key, value) = (name(history, *key), name(history, *value));
            let what = format!("{value} was found in register {key}, and no transaction left it there (G1)");
            return Some(failure(history, op, what));
        }
    }
    None
}

/// All registers, nothing in them first, and the transactions.
pub fn subject(history: &History, rules: &Rules) -> Subject<Cells> {
    let all: Vec<Act> =
        (0..history.ops.len() as u32).map(|op| act(history, rules, op).unwrap_or_default()).collect();
    let found: BTreeSet<(u32, u32)> = all.iter().flat_map(|act| act.found.iter().copied()).collect();
    let mut cells: BTreeMap<u32, u32> = BTreeMap::new();
    let (mut acts, mut deeds) = (Vec::new(), Vec::new());
    for (op, act, number) in
        history.ops.iter().zip(&all).zip(0..).map(|((op, act), number)| (op, act, number))
    {
        let says = match op.fate {
            Fate::Done => !act.left.is_empty() || !act.found.is_empty(),
            // An open one of which nobody found anything need not have happened.
            Fate::Open => act.left.iter().any(|it| found.contains(it)),
            Fate::Failed => false,
        };
        if !says {
            continue;
        }
        let mut placed = |all: &[(u32, u32)]| {
            let place = |(key, value): &(u32, u32)| {
                let next = cells.len() as u32;
                (*cells.entry(*key).or_insert(next), *value)
            };
            all.iter().map(place).collect()
        };
        let act = Act { found: placed(&act.found), left: placed(&act.left) };
        deeds.push(Deed { call: op.call, back: op.back, sign: acts.len() as u32, op: number });
        acts.push(act);
    }
    Subject { object: Cells::new(vec![NULL; cells.len()], acts), deeds }
}

/// What a transaction found that it had not written itself, and what it left at its end, by registers as the history numbers
/// them; the register of a read that does not fit. What an open one would have found nobody knows.
fn act(history: &History, rules: &Rules, op: u32) -> Result<Act, u32> {
    let op = &history.ops[op as usize];
    let Action::Txn(txn) = op.action else { return Ok(Act::default()) };
    let mut found: BTreeMap<u32, u32> = BTreeMap::new();
    let mut left: BTreeMap<u32, u32> = BTreeMap::new();
    for part in &history.txns[txn as usize] {
        let (key, value) = match *part {
            Micro::Write(key, value) => {
                left.insert(key, value);
                continue;
            }
            Micro::Found(key, value) => (key, value),
            Micro::Read(key, None) if !rules.nil_is_any => (key, NULL),
            Micro::Read(..) | Micro::Append(..) => continue,
        };
        if op.fate != Fate::Done {
            continue;
        }
        let known = left.get(&key).or_else(|| found.get(&key)).copied();
        if known.is_some_and(|known| known != value) {
            return Err(key);
        }
        if known.is_none() {
            found.insert(key, value);
        }
    }
    Ok(Act { found: found.into_iter().collect(), left: left.into_iter().collect() })
}

fn name(history: &History, value: u32) -> String {
    short(&String::from_utf8_lossy(history.values.text(value)))
}

fn failure(history: &History, op: u32, what: String) -> Failure {
    Failure { key: history.ops[op as usize].key, stuck: op, shown_by: vec![op], what }
}
