//! A register whose written values are all different, decided without a search (Gibbons and Korach, "Testing shared
//! memories", SIAM J. Comput. 26, 1997).
//!
//! A write and its reads stand together in every order. Their zone is from the first end among them to the last begin; if
//! the last begin comes first, it is the other way round, and they may all be at one moment in it. An order exists exactly if
//! no two zones of the first kind overlap, and none of the second kind lies within one of the first.

use crate::answer::Failure;
use crate::history::{Action, Fate, History, NEVER, NULL};
use crate::table::Table;

/// What came out.
#[derive(Debug)]
pub enum Judged {
    Fine,
    Wrong(Failure),
    /// It takes a search.
    Open,
}

/// A write and its reads. Moments are lines; the first value was written before all.
#[derive(Clone, Copy, Debug)]
struct Zone {
    /// When the write began, and whether there is one.
    written: Option<i64>,
    first_end: (i64, u32),
    last_begin: (i64, u32),
    is_read: bool,
    /// Its write is open: it need not have happened if nobody read it.
    is_open: bool,
}

const LATE: i64 = i64::MAX;

/// Judges the operations of one key.
pub fn check(history: &History, ops: &[u32]) -> Judged {
    let mut table = Table::new();
    let mut zones: Vec<Zone> = Vec::new();
    let first = match history.init {
        Some(Action::Read(Some(value))) => value,
        _ => NULL,
    };
    let mut zone_of = |value: u32, zones: &mut Vec<Zone>| {
        let (at, is_new) = table.number([value.into(), 0]);
        if is_new {
            zones.push(Zone {
                written: None,
                first_end: (LATE, NEVER),
                last_begin: (-1, NEVER),
                is_read: false,
                is_open: false,
            });
        }
        at as usize
    };
    let at = zone_of(first, &mut zones);
    (zones[at].written, zones[at].first_end) = (Some(-1), (-1, NEVER));
    for number in ops {
        let op = &history.ops[*number as usize];
        let (value, writes) = match (op.action, op.fate) {
            (Action::Write(value), Fate::Done | Fate::Open) => (value, true),
            (Action::Read(Some(value)), Fate::Done) => (value, false),
            (Action::Read(_) | Action::Write(_), _) => continue,
            _ => return Judged::Open,
        };
        let at = zone_of(value, &mut zones);
        let zone = &mut zones[at];
        if writes && zone.written.replace(op.call.into()).is_some() {
            return Judged::Open;
        }
        zone.is_read |= !writes;
        zone.is_open |= op.fate == Fate::Open;
        zone.last_begin = zone.last_begin.max((op.call.into(), *number));
        if op.back != NEVER {
            zone.first_end = zone.first_end.min((op.back.into(), *number));
        }
    }
    zones.retain(|zone| zone.is_read || !zone.is_open);
    match early(&zones).or_else(|| crossing(&mut zones)) {
        Some((shown, what)) => Judged::Wrong(failure(history, shown, what)),
        None => Judged::Fine,
    }
}

fn failure(history: &History, shown: Vec<u32>, what: &str) -> Failure {
    let mut shown_by: Vec<u32> = shown.into_iter().filter(|it| *it != NEVER).collect();
    shown_by.sort_unstable();
    shown_by.dedup();
    let back = |op: &&u32| history.ops[**op as usize].back;
    let stuck = shown_by.iter().filter(|op| back(op) != NEVER).max_by_key(back).or(shown_by.first());
    let stuck = stuck.copied().unwrap_or(0);
    Failure { key: history.ops[stuck as usize].key, stuck, shown_by, what: what.to_owned() }
}

/// Found before anybody began to write it.
fn early(zones: &[Zone]) -> Option<(Vec<u32>, &'static str)> {
    let zone = zones.iter().find(|zone| zone.written.is_none_or(|begin| zone.first_end.0 < begin))?;
    Some((vec![zone.first_end.1], "a value was found before anybody began to write it"))
}

/// Two zones that cannot be one after the other.
fn crossing(zones: &mut [Zone]) -> Option<(Vec<u32>, &'static str)> {
    let is_forward = |zone: &Zone| zone.first_end.0 < zone.last_begin.0;
    zones.sort_unstable_by_key(|zone| zone.first_end.0.min(zone.last_begin.0));
    let shown = |one: &Zone, other: &Zone| {
        vec![one.first_end.1, one.last_begin.1, other.first_end.1, other.last_begin.1]
    };
    let mut open: Option<Zone> = None;
    for zone in zones.iter() {
        let end = zone.first_end.0.max(zone.last_begin.0);
        if let Some(before) = open {
            let overlaps = is_forward(zone) && zone.first_end.0 < before.last_begin.0;
            if overlaps {
                return Some((shown(&before, zone), "two values were each found before and after the other"));
            }
            if !is_forward(zone) && end < before.last_begin.0 {
                return Some((shown(&before, zone), "an old value was found after a newer one"));
            }
        }
        if is_forward(zone) {
            open = Some(*zone);
        }
    }
    None
}
