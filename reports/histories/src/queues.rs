//! A queue whose elements are all different, decided without a search (Henzinger, Sezgin and Vafeiadis, "Aspect-oriented
//! linearizability proofs", CONCUR 2013): an order exists exactly if nothing came out that was not put in, or twice, or
//! before another one that was put in before it, and nothing was found empty while something was surely in it.

use std::collections::BTreeMap;

use crate::answer::Failure;
use crate::history::{Action, Fate, History, NEVER, NULL};

/// What came out.
#[derive(Debug)]
pub enum Judged {
    Fine,
    Wrong(Failure),
    /// It takes a search.
    Open,
}

/// One element's way, in lines; what was in the queue first was put in before line 0.
#[derive(Clone, Copy, Debug)]
struct Way {
    put: [i64; 2],
    put_by: u32,
    /// The lines of its dequeue; never for what stays in.
    taken: [i64; 2],
    taken_by: u32,
}

const LATE: i64 = i64::MAX;

struct Queues<'a> {
    history: &'a History,
    key: u32,
    ways: BTreeMap<u32, Way>,
    empties: Vec<u32>,
    /// Lines on which dequeues began of which nobody knows what they took.
    unknown: Vec<i64>,
}

/// Judges the operations of one key.
pub fn check(history: &History, ops: &[u32]) -> Judged {
    let key = ops.first().map_or(0, |it| history.ops[*it as usize].key);
    let mut queues = Queues { history, key, ways: BTreeMap::new(), empties: Vec::new(), unknown: Vec::new() };
    if !queues.put(ops) {
        return Judged::Open;
    }
    let failure = queues.take(ops).or_else(|| queues.early()).or_else(|| queues.overtaken());
    if let Some(failure) = failure {
        return Judged::Wrong(failure);
    }
    match queues.left_behind().map(|staying| queues.not_empty(&staying)) {
        Ok(None) => Judged::Fine,
        Ok(Some(failure)) | Err(failure) => Judged::Wrong(failure),
    }
}

// === impl Queues ===

impl Queues<'_> {
    fn failure(&self, stuck: u32, with: &[u32], what: String) -> Failure {
        let mut shown_by: Vec<u32> = with.iter().copied().filter(|it| *it != NEVER).chain([stuck]).collect();
        shown_by.sort_unstable();
        shown_by.dedup();
        Failure { key: self.key, stuck, shown_by, what }
    }

    fn name(&self, element: u32) -> String {
        String::from_utf8_lossy(self.history.values.text(element)).into_owned()
    }

    /// What is put in; false if not all differ.
    fn put(&mut self, ops: &[u32]) -> bool {
        let first = self.history.first_list();
        for (at, element) in first.iter().enumerate() {
            let moment = 2 * (at as i64 - first.len() as i64);
            let way = Way { put: [moment, moment + 1], put_by: NEVER, taken: [LATE, LATE], taken_by: NEVER };
            if self.ways.insert(*element, way).is_some() {
                return false;
            }
        }
        for number in ops {
            let op = &self.history.ops[*number as usize];
            let (Action::Enqueue(element), true) = (op.action, op.fate != Fate::Failed) else { continue };
            let put = [op.call.into(), if op.back == NEVER { LATE } else { op.back.into() }];
            let way = Way { put, put_by: *number, taken: [LATE, LATE], taken_by: NEVER };
            if self.ways.insert(element, way).is_some() {
                return false;
            }
        }
        true
    }

    /// What is taken out: only what was put in, and once.
    fn take(&mut self, ops: &[u32]) -> Option<Failure> {
        for number in ops {
            let op = &self.history.ops[*number as usize];
            match (op.action, op.fate) {
                (Action::Dequeue(Some(NULL)), _) => self.empties.push(*number),
                (Action::Dequeue(Some(element)), _) => {
                    let Some(way) = self.ways.get_mut(&element) else {
                        let what = format!("{} was taken out, and never put in", self.name(element));
                        return Some(self.failure(*number, &[], what));
                    };
                    if way.taken_by != NEVER {
                        let other = way.taken_by;
                        let what = format!("{} was taken out twice", self.name(element));
                        return Some(self.failure(*number, &[other], what));
                    }
                    (way.taken, way.taken_by) = ([op.call.into(), op.back.into()], *number);
                }
                (Action::Dequeue(None), Fate::Done | Fate::Open) => self.unknown.push(op.call.into()),
                _ => {}
            }
        }
        // What may never have been put in, and never came out, was not.
        self.ways.retain(|_, way| way.put[1] != LATE || way.taken_by != NEVER);
        self.unknown.sort_unstable();
        None
    }

    /// Taken out before it was put in.
    fn early(&self) -> Option<Failure> {
        let (element, way) = self.ways.iter().find(|(_, way)| way.taken[1] < way.put[0])?;
        let what = format!("{} was taken out before it was put in", self.name(*element));
        Some(self.failure(way.taken_by, &[way.put_by], what))
    }

    /// Put in earlier, and taken out later, than another one.
    fn overtaken(&self) -> Option<Failure> {
        let mut by_begin: Vec<(&u32, &Way)> =
            self.ways.iter().filter(|(_, way)| way.taken_by != NEVER).collect();
        let mut by_end = by_begin.clone();
        by_begin.sort_by_key(|(_, way)| way.put[0]);
        by_end.sort_by_key(|(_, way)| way.put[1]);
        let mut earlier = by_end.into_iter().peekable();
        let mut latest: Option<(&u32, &Way)> = None;
        for (element, way) in by_begin {
            while let Some(other) = earlier.next_if(|(_, other)| other.put[1] < way.put[0]) {
                if latest.is_none_or(|(_, latest)| latest.taken[0] < other.1.taken[0]) {
                    latest = Some(other);
                }
            }
            if let Some((first, it)) = latest.filter(|(_, it)| way.taken[1] < it.taken[0]) {
                let what = format!(
                    "{} was put in before {}, and taken out after it",
                    self.name(*first),
                    self.name(*element)
                );
                return Some(self.failure(it.taken_by, &[it.put_by, way.put_by, way.taken_by], what));
            }
        }
        None
    }

    /// Put in before another one that was taken out, and never taken out, not even by a dequeue of unknown outcome: those
    /// that are needed first get those that began first. What stays in else: from when on, and until when it has to be
    /// taken, by that.
    fn left_behind(&self) -> Result<Vec<(i64, i64)>, Failure> {
        let mut taken: Vec<&Way> = self.ways.values().filter(|way| way.taken_by != NEVER).collect();
        taken.sort_by_key(|way| way.put[0]);
        // The first to come out of all that were put in from here on.
        let mut first: Vec<&Way> = taken.clone();
        for at in (1..first.len()).rev() {
            if first[at].taken[1] < first[at - 1].taken[1] {
                first[at - 1] = first[at];
            }
        }
        let mut needed: Vec<(i64, u32, &Way, Option<&Way>)> = Vec::new();
        for (element, way) in self.ways.iter().filter(|(_, way)| way.taken_by == NEVER) {
            let behind = taken.partition_point(|other| other.put[0] <= way.put[1]);
            let other = first.get(behind).copied();
            needed.push((other.map_or(LATE, |other| other.taken[1]), *element, way, other));
        }
        needed.sort_by_key(|it| it.0);
        for (at, (until, element, way, other)) in needed.iter().enumerate() {
            if let Some(other) = other
                && self.unknown.get(at).is_none_or(|since| since >= until)
            {
                let what = format!(
                    "{} was put in before what was taken out, and never taken out",
                    self.name(*element)
                );
                return Err(self.failure(other.taken_by, &[way.put_by, other.put_by], what));
            }
        }
        Ok(needed.iter().map(|it| (it.2.put[1], it.0)).collect())
    }

    /// Found empty, and at no moment of that look can it have been.
    ///
    /// It can be empty at a moment at which no element is surely in it that came out later, and at which all others that
    /// are surely in it can have been taken by dequeues of unknown outcome that had begun, with enough of these left for
    /// what has to be taken later.
    fn not_empty(&self, staying: &[(i64, i64)]) -> Option<Failure> {
        let mut full: Vec<(i64, i64, u32)> = Vec::new();
        for way in self.ways.values().filter(|way| way.taken_by != NEVER) {
            if way.put[1] < way.taken[0] {
                full.push((way.put[1], way.taken[0], way.put_by));
            }
        }
        full.sort_unstable();
        let mut joined: Vec<(i64, i64, u32)> = Vec::new();
        for (from, to, by) in full {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to, by)),
            }
        }
        for empty in &self.empties {
            let op = &self.history.ops[*empty as usize];
            let (mut moment, mut by) = (i64::from(op.call), NEVER);
            while moment < op.back.into() {
                let at = joined.partition_point(|it| it.0 <= moment);
                if let Some(full) = at.checked_sub(1).map(|at| joined[at]).filter(|full| full.1 > moment) {
                    (moment, by) = (full.1, full.2);
                } else if self.all_taken(moment, staying) {
                    break;
                } else {
                    moment += 1;
                }
            }
            if moment >= op.back.into() {
                return Some(self.failure(*empty, &[by], "it was found empty, and was not".to_owned()));
            }
        }
        None
    }

    /// Whether all that stays in, and was in right after a line, can have been taken by then, and what has to be taken
    /// later still can be (Hall's condition for deadlines).
    fn all_taken(&self, line: i64, staying: &[(i64, i64)]) -> bool {
        let begun = |before: i64| self.unknown.partition_point(|it| *it < before);
        let mut taken = staying.iter().filter(|it| it.0 <= line).count();
        taken <= begun(line + 1)
            && staying.iter().filter(|it| it.0 > line && it.1 != LATE).all(|it| {
                taken += 1;
                taken <= begun(it.1)
            })
    }
}
