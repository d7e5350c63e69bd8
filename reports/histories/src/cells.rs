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

/// What each operation found and left, and the first that fits into no order: what it says of itself does not fit together,
/// or nobody left what it found.
///
/// # Errors
/// That one.
pub fn acts(history: &History, rules: &Rules) -> Result<Vec<Act>, Failure> {
    let mut acts = Vec::with_capacity(history.ops.len());
    for op in 0..history.ops.len() as u32 {
        acts.push(act(history, rules, op).map_err(|key| {
            let what = format!(
                "a read of register {} does not fit to what the same transaction found or wrote before",
                name(history, key)
            );
            failure(history, op, what)
        })?);
    }
    let left: BTreeSet<(u32, u32)> = acts.iter().flat_map(|act| act.left.iter().copied()).collect();
    for (op, act) in (0..).zip(&acts) {
        let stray = act.found.iter().find(|(key, value)| *value != NULL && !left.contains(&(*key, *value)));
        if let Some((key, value)) = stray {
            let (key, value) = (name(history, *key), name(history, *value));
            let what = format!("{value} was found in register {key}, and no transaction left it there (G1)");
            return Err(failure(history, op, what));
        }
    }
    Ok(acts)
}

/// All registers, nothing in them first, and what is done to them.
pub fn subject(history: &History, all: &[Act]) -> Subject<Cells> {
    let found: BTreeSet<(u32, u32)> = all.iter().flat_map(|act| act.found.iter().copied()).collect();
    let mut cells: BTreeMap<u32, u32> = BTreeMap::new();
    let (mut acts, mut deeds) = (Vec::new(), Vec::new());
    for (number, act) in (0..).zip(all) {
        let op = &history.ops[number as usize];
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
/// them; the register of a read that does not fit. One that failed did neither, and what an open one found nobody knows.
fn act(history: &History, rules: &Rules, op: u32) -> Result<Act, u32> {
    let op = &history.ops[op as usize];
    let (Action::Txn(txn), Fate::Done | Fate::Open) = (op.action, op.fate) else { return Ok(Act::default()) };
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
