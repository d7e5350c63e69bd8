//! Transactions that append to lists and read them, decided without a search (Kingsbury and Alvaro, "Elle", VLDB 2020).
//!
//! A list that was read tells the order of all appends to it. From that follow edges: who appended next to whom (ww), who
//! read whose append (wr), who read what was there before whose append (rw), and who came back before who began (real time).
//! What was never read stands behind all that was. Without a cycle there is an order of all transactions that is strictly
//! serializable, and with one there is none.

mod cycles;

use std::collections::{BTreeMap, BTreeSet};

use crate::answer::Failure;
use crate::budget::Budget;
use crate::decode::short;
use crate::history::{Action, Fate, History, Micro, NEVER};
use cycles::{Edge, Graph};

/// Who appended what.
#[derive(Clone, Copy, Debug)]
struct Writer {
    op: u32,
    /// It appended more to the same list after this.
    is_more: bool,
}

/// A read that says something: the list without what the reader itself had appended before.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    op: u32,
    key: u32,
    list: &'a [u32],
}

struct Lists<'a> {
    history: &'a History,
    budget: &'a Budget<'a>,
    writers: BTreeMap<(u32, u32), Writer>,
    seen: Vec<Seen<'a>>,
    /// The longest of each list.
    longest: BTreeMap<u32, Seen<'a>>,
    /// Every element of the longest, by its list.
    read: BTreeSet<(u32, u32)>,
}

/// What an operation takes in bytes beside its elements: a node for each end of it, and some edges.
const OF_OPERATION: u64 = 160;
/// And an element: who appended it, and that it was read.
const OF_ELEMENT: u64 = 64;
/// So many operations are looked at before time is asked for.
const BETWEEN_LOOKS: u32 = 1 << 12;

/// The first failure that is found, or none.
///
/// # Errors
/// One element is appended twice to a list: then a list does not tell who appended it. Or time or memory did not suffice.
pub fn check(history: &History, budget: &Budget<'_>) -> Result<Option<Failure>, String> {
    let mut lists = Lists {
        history,
        budget,
        writers: BTreeMap::new(),
        seen: Vec::new(),
        longest: BTreeMap::new(),
        read: BTreeSet::new(),
    };
    lists.write()?;
    let mut failure = lists.read()?;
    if failure.is_none() {
        failure = lists.agree()?;
    }
    if failure.is_none() {
        failure = lists.known();
    }
    if failure.is_none() {
        failure = lists.cycle()?;
    }
    Ok(failure)
}

// === impl Lists ===

impl<'a> Lists<'a> {
    fn parts(&self, op: u32) -> &'a [Micro] {
        match self.history.ops[op as usize].action {
            Action::Txn(txn) => &self.history.txns[txn as usize],
            _ => &[],
        }
    }

    fn name(&self, value: u32) -> String {
        short(&String::from_utf8_lossy(self.history.values.text(value)))
    }

    fn failure(&self, stuck: u32, with: &[u32], what: String) -> Failure {
        let mut shown_by: Vec<u32> = with.iter().copied().chain([stuck]).collect();
        shown_by.sort_unstable();
        shown_by.dedup();
        Failure { key: self.history.ops[stuck as usize].key, stuck, shown_by, what }
    }

    /// Whether there is time and memory to go on; asked now and then.
    fn goes_on(&self, step: u32) -> Result<(), String> {
        if step.is_multiple_of(BETWEEN_LOOKS) { self.look() } else { Ok(()) }
    }

    /// Asks for both.
    fn look(&self) -> Result<(), String> {
        let bytes = self.history.ops.len() as u64 * OF_OPERATION + self.writers.len() as u64 * OF_ELEMENT;
        if self.budget.is_spent(bytes) {
            return Err("time or memory did not suffice for the lists".to_owned());
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), String> {
        for op in 0..self.history.ops.len() as u32 {
            self.goes_on(op)?;
            let parts = self.parts(op);
            for (at, part) in parts.iter().enumerate() {
                let Micro::Append(key, value) = *part else { continue };
                let is_more =
                    parts[at + 1..].iter().any(|it| matches!(it, Micro::Append(it, _) if *it == key));
                if let Some(other) = self.writers.insert((key, value), Writer { op, is_more }) {
                    return Err(format!(
                        "{} is appended twice to list {} (lines {} and {}): the elements of a list have to differ",
                        self.name(value),
                        self.name(key),
                        self.history.ops[other.op as usize].call,
                        self.history.ops[op as usize].call
                    ));
                }
            }
        }
        Ok(())
    }

    /// Within a transaction each read fits to what it read and appended before.
    fn read(&mut self) -> Result<Option<Failure>, String> {
        for op in 0..self.history.ops.len() as u32 {
            self.goes_on(op)?;
            if self.history.ops[op as usize].fate != Fate::Done {
                continue;
            }
            let mut known: BTreeMap<u32, (Option<&'a [u32]>, Vec<u32>)> = BTreeMap::new();
            for part in self.parts(op) {
                match *part {
                    Micro::Append(key, value) => known.entry(key).or_default().1.push(value),
                    Micro::Read(key, Some(list)) => {
                        let list = self.history.list(list);
                        let (before, own) = known.entry(key).or_default();
                        let rest = list.strip_suffix(&own[..]);
                        let Some(rest) = rest.filter(|rest| before.is_none_or(|before| before == *rest))
                        else {
                            let what = format!(
                                "a read of list {} does not fit to what the same transaction read or appended before",
                                self.name(key)
                            );
                            return Ok(Some(self.failure(op, &[], what)));
                        };
                        if before.replace(rest).is_none() {
                            self.seen.push(Seen { op, key, list: rest });
                        }
                    }
                    Micro::Read(_, None) | Micro::Write(..) | Micro::Found(..) => {}
                }
            }
        }
        Ok(None)
    }

    /// All reads of a list are beginnings of the longest.
    fn agree(&mut self) -> Result<Option<Failure>, String> {
        for seen in &self.seen {
            let longest = self.longest.entry(seen.key).or_insert(*seen);
            if longest.list.len() < seen.list.len() {
                *longest = *seen;
            }
        }
        for (step, seen) in (0..).zip(&self.seen) {
            self.goes_on(step)?;
            let longest = self.longest[&seen.key];
            if longest.list.get(..seen.list.len()) != Some(seen.list) {
                let what = format!("two reads of list {} do not agree on its order", self.name(seen.key));
                return Ok(Some(self.failure(seen.op, &[longest.op], what)));
            }
        }
        Ok(None)
    }

    /// What was read was appended, once, by who did not fail, and is not the half of what a transaction appended.
    fn known(&self) -> Option<Failure> {
        for (key, longest) in &self.longest {
            let mut sorted = longest.list.to_vec();
            sorted.sort_unstable();
            if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                let what = format!("{} is in list {} twice", self.name(twice[0]), self.name(*key));
                return Some(self.failure(longest.op, &[], what));
            }
            for value in longest.list {
                let writer = self.writers.get(&(*key, *value));
                let failed = writer.filter(|it| self.history.ops[it.op as usize].fate == Fate::Failed);
                if writer.is_none() || failed.is_some() {
                    let (value, key) = (self.name(*value), self.name(*key));
                    let what = match failed {
                        Some(_) => format!("{value} is in list {key}, and who appended it failed (G1a)"),
                        None => format!("{value} is in list {key}, and nobody appended it"),
                    };
                    let with: Vec<u32> = failed.iter().map(|it| it.op).collect();
                    return Some(self.failure(longest.op, &with, what));
                }
            }
        }
        for seen in &self.seen {
            let writer = seen.list.last().and_then(|last| self.writers.get(&(seen.key, *last)));
            if let Some(writer) = writer.filter(|writer| writer.is_more && writer.op != seen.op) {
                let what = format!(
                    "list {} was read amid a transaction that appends to it (G1b)",
                    self.name(seen.key)
                );
                return Some(self.failure(seen.op, &[writer.op], what));
            }
        }
        None
    }

    fn cycle(&mut self) -> Result<Option<Failure>, String> {
        let mut graph = Graph::new(self.history.ops.len());
        self.real_time(&mut graph);
        let read = self.longest.iter().flat_map(|(key, longest)| longest.list.iter().map(|it| (*key, *it)));
        self.read = read.collect();
        // By list, in the order of the operations.
        let mut seen = std::mem::take(&mut self.seen);
        seen.sort_by_key(|seen| seen.key);
        for seen in seen.chunk_by(|left, right| left.key == right.key) {
            self.of_list(&self.longest[&seen[0].key], seen, &mut graph);
            self.look()?;
        }
        Ok(graph.shortest_cycle().and_then(|cycle| self.told(cycle)))
    }

    /// What is wrong with a cycle.
    fn told(&self, cycle: Vec<(u32, Edge)>) -> Option<Failure> {
        let (ops, edges): (Vec<u32>, Vec<Edge>) = cycle.into_iter().unzip();
        let back = |op: &&u32| self.history.ops[**op as usize].back;
        let stuck = ops.iter().filter(|op| back(op) != NEVER).max_by_key(back).or(ops.first()).copied()?;
        let steps = ops
            .iter()
            .zip(&edges)
            .map(|(op, edge)| format!("line {} {}", self.history.ops[*op as usize].call, edge.words()));
        let steps = steps.collect::<Vec<_>>().join(", ");
        let what = format!("a cycle ({}): {steps}, and that is the first", cycles::class(&edges));
        Some(self.failure(stuck, &ops, what))
    }

    /// Who came back before who began, by way of a node for each end.
    fn real_time(&self, graph: &mut Graph) {
        let mut events: Vec<(u32, u32)> = Vec::new();
        for (number, op) in self.history.ops.iter().enumerate() {
            let number = number as u32;
            if op.fate == Fate::Done || op.fate == Fate::Open {
                events.push((op.call, number));
            }
            if op.fate == Fate::Done {
                events.push((op.back, number));
            }
        }
        events.sort_unstable();
        let mut last = None;
        for (line, op) in events {
            if line == self.history.ops[op as usize].call {
                if let Some(last) = last {
                    graph.edge(last, op, Edge::RealTime);
                }
                continue;
            }
            let end = graph.node();
            graph.edge(op, end, Edge::RealTime);
            if let Some(last) = last {
                graph.edge(last, end, Edge::RealTime);
            }
            last = Some(end);
        }
    }

    /// The edges of one list, of which these are all reads.
    fn of_list(&self, longest: &Seen<'_>, seen: &[Seen<'_>], graph: &mut Graph) {
        let key = longest.key;
        let writers: Vec<u32> =
            longest.list.iter().filter_map(|it| self.writers.get(&(key, *it))).map(|it| it.op).collect();
        for pair in writers.windows(2) {
            graph.edge(pair[0], pair[1], Edge::Appends);
        }
        let behind = self.behind(key);
        // A node stands for "behind all that was read": without it, every reader of all had an edge to every one behind.
        let gate = graph.node();
        if let Some(last) = writers.last() {
            graph.edge(*last, gate, Edge::Appends);
        }
        behind.iter().for_each(|op| graph.edge(gate, *op, Edge::Appends));
        let mut both: Vec<u32> = Vec::new();
        for seen in seen {
            if let Some(writer) = seen.list.len().checked_sub(1).map(|at| writers[at]) {
                graph.edge(writer, seen.op, Edge::Reads);
            }
            match writers.get(seen.list.len()) {
                Some(next) => graph.edge(seen.op, *next, Edge::Overwritten),
                None if behind.binary_search(&seen.op).is_ok() => both.push(seen.op),
                None => graph.edge(seen.op, gate, Edge::Overwritten),
            }
        }
        // Who read all and appended too must not come before itself; two of them come before each other.
        for op in &both {
            let others = behind.iter().filter(|it| *it != op);
            let others: Vec<u32> = if both.len() > 1 {
                both.iter().filter(|it| *it != op).take(1).copied().collect()
            } else {
                others.copied().collect()
            };
            others.into_iter().for_each(|other| graph.edge(*op, other, Edge::Overwritten));
        }
    }

    /// Those that appended to a list what nobody read: who came back, and who is known to have happened by another append.
    fn behind(&self, key: u32) -> Vec<u32> {
        let of_key = self.writers.range((key, 0)..=(key, u32::MAX));
        let unread = of_key.filter(|(element, _)| !self.read.contains(element));
        let mut behind: Vec<u32> =
            unread.map(|(_, writer)| writer.op).filter(|op| self.happened(*op)).collect();
        behind.sort_unstable();
        behind.dedup();
        behind
    }

    fn happened(&self, op: u32) -> bool {
        let is_read = |part: &Micro| match *part {
            Micro::Append(key, value) => self.read.contains(&(key, value)),
            Micro::Read(..) | Micro::Write(..) | Micro::Found(..) => false,
        };
        match self.history.ops[op as usize].fate {
            Fate::Done => true,
            Fate::Failed => false,
            Fate::Open => self.parts(op).iter().any(is_read),
        }
    }
}
