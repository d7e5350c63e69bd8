//! A set that only grows: every look finds all that was added before it. Decided without a search.
//!
//! Looks are ordered by what they found: each has to hold all of the one before it. Between two looks stand the adds of what
//! is new in the second. That gives every operation a rank (a look the number of elements it found, an add the least it can
//! have), and an order exists exactly if nothing that began after another one came back has a lower rank than that.

use std::collections::BTreeMap;

use crate::answer::Failure;
use crate::history::{Action, Fate, History, NEVER};

/// Twice the number of the look that first found an element, less one; looks have the even numbers.
type Rank = u32;

/// What was never found is added behind all looks.
const BEHIND: Rank = u32::MAX - 1;

struct Sets<'a> {
    history: &'a History,
    ops: &'a [u32],
    /// Ranks of elements that looks found.
    ranks: BTreeMap<u32, Rank>,
    /// Ranks of looks, by operation.
    looks: BTreeMap<u32, Rank>,
}

/// The first failure that is found, or none.
pub fn check(history: &History, ops: &[u32]) -> Option<Failure> {
    let mut sets = Sets { history, ops, ranks: BTreeMap::new(), looks: BTreeMap::new() };
    sets.strangers().or_else(|| sets.rank()).or_else(|| sets.sweep())
}

// === impl Sets ===

impl Sets<'_> {
    fn failure(&self, stuck: u32, with: &[u32], what: String) -> Option<Failure> {
        let mut shown_by = vec![stuck];
        shown_by.extend(with);
        shown_by.sort_unstable();
        shown_by.dedup();
        Some(Failure { key: self.history.ops[stuck as usize].key, stuck, shown_by, what })
    }

    fn name(&self, element: u32) -> String {
        String::from_utf8_lossy(self.history.values.text(element)).into_owned()
    }

    /// Looks that came back, with what they found in order.
    fn found(&self) -> impl Iterator<Item = (u32, Vec<u32>)> {
        self.ops.iter().filter_map(|number| match self.history.ops[*number as usize].action {
            Action::Members(Some(list)) => {
                let mut found = self.history.list(list).to_vec();
                found.sort_unstable();
                Some((*number, found))
            }
            _ => None,
        })
    }

    /// Elements that are twice in one look, or that nobody had begun to add.
    fn strangers(&self) -> Option<Failure> {
        let mut added: BTreeMap<u32, (u32, u32)> =
            self.history.first_list().iter().map(|it| (*it, (0, NEVER))).collect();
        for number in self.ops {
            let op = &self.history.ops[*number as usize];
            if let Action::Insert(element) = op.action
                && op.fate != Fate::Failed
            {
                added.entry(element).or_insert((op.call, *number));
            }
        }
        for (look, found) in self.found() {
            if let Some(twice) = found.windows(2).find(|pair| pair[0] == pair[1]) {
                let what = format!("{} is in the set twice", self.name(twice[0]));
                return self.failure(look, &[], what);
            }
            let back = self.history.ops[look as usize].back;
            for element in found {
                match added.get(&element) {
                    None => {
                        let what = format!("{} is in the set, and was never added", self.name(element));
                        return self.failure(look, &[], what);
                    }
                    Some((call, add)) if *call > back => {
                        let what = format!("{} is in the set before it was added", self.name(element));
                        return self.failure(look, &[*add], what);
                    }
                    Some(_) => {}
                }
            }
        }
        None
    }

    /// Gives ranks to looks and to what they found; two looks of which none holds the other cannot be.
    fn rank(&mut self) -> Option<Failure> {
        let mut looks: Vec<(usize, u32)> = self.found().map(|(look, found)| (found.len(), look)).collect();
        looks.sort_unstable();
        let mut before: Vec<u32> = self.history.first_list().to_vec();
        before.sort_unstable();
        before.dedup();
        self.ranks.extend(before.iter().map(|it| (*it, 0)));
        let (mut rank, mut last) = (0, None);
        for (size, look) in looks {
            let Action::Members(Some(list)) = self.history.ops[look as usize].action else { continue };
            let mut found = self.history.list(list).to_vec();
            found.sort_unstable();
            if let Some(lost) = before.iter().find(|it| found.binary_search(it).is_err()) {
                let more = found.iter().find(|it| before.binary_search(it).is_err());
                let what = match more {
                    Some(more) => format!(
                        "one look found {} without {}, another {} without {}",
                        self.name(*more),
                        self.name(*lost),
                        self.name(*lost),
                        self.name(*more)
                    ),
                    None => format!("{} was in the set, and is lost", self.name(*lost)),
                };
                return self.failure(look, &last.into_iter().collect::<Vec<_>>(), what);
            }
            if size > before.len() {
                rank += 2;
                for element in found.iter().filter(|it| before.binary_search(it).is_err()) {
                    self.ranks.insert(*element, rank - 1);
                }
                before = found;
            }
            self.looks.insert(look, rank);
            last = Some(look);
        }
        None
    }

    /// Goes through all begins and ends: what begins must not have a lower rank than what came back.
    fn sweep(&self) -> Option<Failure> {
        let mut events: Vec<(u32, u32)> = Vec::with_capacity(self.ops.len() * 2);
        for number in self.ops {
            let op = &self.history.ops[*number as usize];
            let says = !matches!((op.action, op.fate), (_, Fate::Failed) | (Action::Members(None), _));
            if says {
                events.push((op.call, *number));
                events.extend((op.back != NEVER).then_some((op.back, *number)));
            }
        }
        events.sort_unstable();
        let mut ranks: BTreeMap<u32, Rank> = BTreeMap::new();
        let mut most: (Rank, Option<u32>) = (0, None);
        // The lowest rank that an add of each element reached, and which one.
        let mut reached: BTreeMap<u32, (Rank, u32)> = BTreeMap::new();
        for (line, number) in events {
            let op = &self.history.ops[number as usize];
            if line == op.back {
                let rank = ranks.get(&number).copied().unwrap_or(0);
                if rank > most.0 {
                    most = (rank, Some(number));
                }
                continue;
            }
            let own = match op.action {
                Action::Insert(element) => {
                    let rank = self.ranks.get(&element).copied().unwrap_or(BEHIND).max(most.0);
                    let first = reached.entry(element).or_insert((rank, number));
                    *first = (*first).min((rank, number));
                    rank
                }
                _ => {
                    let rank = self.looks.get(&number).copied().unwrap_or(0);
                    if let (true, Some(before)) = (rank < most.0, most.1) {
                        return self.stale(number, before);
                    }
                    rank
                }
            };
            ranks.insert(number, own);
        }
        let late = |(element, rank): (&u32, &Rank)| {
            let (reached, add) = reached.get(element)?;
            (*rank > 0 && reached > rank).then_some((*element, *add, *rank))
        };
        let (element, add, rank) = self.ranks.iter().find_map(late)?;
        let look = self.looks.iter().find(|(_, it)| **it > rank).map_or(add, |(look, _)| *look);
        let what = format!(
            "{} is in the set, and its add began only after a look that came later",
            self.name(element)
        );
        self.failure(look, &[add], what)
    }

    fn stale(&self, look: u32, before: u32) -> Option<Failure> {
        let what = match self.history.ops[before as usize].action {
            Action::Insert(element) => {
                format!("{} was added before, and is not in the set", self.name(element))
            }
            _ => "an earlier look found more".to_owned(),
        };
        self.failure(look, &[before], what)
    }
}
