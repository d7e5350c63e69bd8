//! What can be told of one key without a search, and is told always: values that nobody wrote, sums that cannot be, totals
//! that changed.

use std::collections::BTreeSet;

use crate::answer::Failure;
use crate::history::{Action, Fate, History, NULL, Op};
use crate::model::{Model, Rules};
use crate::table::Table;

/// The first failure that is found, or none. A failure is certain; none says little.
pub fn check(history: &History, rules: &Rules, ops: &[u32]) -> Option<Failure> {
    match rules.model {
        Model::Register | Model::CasRegister | Model::Kv => never_written(history, ops),
        Model::Counter => sums(history, ops),
        Model::Bank => totals(history, ops),
        _ => None,
    }
}

fn failure(history: &History, stuck: u32, with: Option<u32>, what: String) -> Failure {
    let mut shown_by: Vec<u32> = with.into_iter().chain([stuck]).collect();
    shown_by.sort_unstable();
    Failure { key: history.ops[stuck as usize].key, stuck, shown_by, what }
}

fn each<'a>(history: &'a History, ops: &'a [u32]) -> impl Iterator<Item = (u32, &'a Op)> {
    ops.iter().map(|number| (*number, &history.ops[*number as usize]))
}

/// A register's value that nobody had begun to write.
fn never_written(history: &History, ops: &[u32]) -> Option<Failure> {
    let (mut table, mut since) = (Table::new(), vec![0]);
    let first = match history.init {
        Some(Action::Read(Some(value))) => value,
        _ => NULL,
    };
    table.number([first.into(), 0]);
    for (_, op) in each(history, ops).filter(|(_, op)| op.fate != Fate::Failed) {
        if let Action::Write(value) | Action::Cas(_, value) = op.action {
            let (_, is_new) = table.number([value.into(), 0]);
            since.extend(is_new.then_some(op.call));
        }
    }
    for (number, op) in each(history, ops).filter(|(_, op)| op.fate == Fate::Done) {
        let (Action::Read(Some(value)) | Action::Cas(value, _)) = op.action else { continue };
        let begun = table.find([value.into(), 0]).map(|at| since[at as usize]);
        if begun.is_none_or(|begun| begun > op.back) {
            let text = String::from_utf8_lossy(history.values.text(value));
            let what = format!("{text} was found, and nobody had begun to write it");
            return Some(failure(history, number, None, what));
        }
    }
    None
}

/// A counter's sum outside of what all adds together allow.
fn sums(history: &History, ops: &[u32]) -> Option<Failure> {
    let mut begun: Vec<(u32, [i128; 2])> = Vec::new();
    let mut done: Vec<(u32, i128, [i128; 2])> = Vec::new();
    for (_, op) in each(history, ops).filter(|(_, op)| op.fate != Fate::Failed) {
        let Action::Add(more) = op.action else { continue };
        let parts = [i128::from(more.min(0)), i128::from(more.max(0))];
        begun.push((op.call, parts));
        if op.fate == Fate::Done {
            done.push((op.back, more.into(), parts));
        }
    }
    begun.sort_unstable();
    done.sort_unstable();
    let mut sum = [0; 2];
    for (_, parts) in &mut begun {
        sum = [sum[0] + parts[0], sum[1] + parts[1]];
        *parts = sum;
    }
    let (mut total, mut sum) = (0, [0; 2]);
    for (_, more, parts) in &mut done {
        total += *more;
        sum = [sum[0] + parts[0], sum[1] + parts[1]];
        (*more, *parts) = (total, sum);
    }
    let first = match history.init {
        Some(Action::Sum(Some(first))) => i128::from(first),
        _ => 0,
    };
    for (number, op) in each(history, ops) {
        let Action::Sum(Some(found)) = op.action else { continue };
        let before = done.partition_point(|it| it.0 < op.call).checked_sub(1).map(|at| done[at]);
        let (_, surely, apart) = before.unwrap_or((0, 0, [0; 2]));
        let maybe =
            begun.partition_point(|it| it.0 < op.back).checked_sub(1).map_or([0; 2], |at| begun[at].1);
        let least = first + surely + maybe[0] - apart[0];
        let most = first + surely + maybe[1] - apart[1];
        if !(least..=most).contains(&i128::from(found)) {
            let what = format!("the sum is {found}, and can only be from {least} to {most}");
            return Some(failure(history, number, None, what));
        }
    }
    None
}

/// A bank's total that is not always the same.
fn totals(history: &History, ops: &[u32]) -> Option<Failure> {
    let mut accounts: BTreeSet<u32> = BTreeSet::new();
    let first = match history.init {
        Some(Action::Balances(Some(sheet))) => Some(&history.sheets[sheet as usize]),
        _ => None,
    };
    accounts.extend(first.into_iter().flat_map(|sheet| sheet.iter().map(|it| it.0)));
    for (_, op) in each(history, ops) {
        match op.action {
            Action::Transfer(it) => {
                let transfer = history.transfers[it as usize];
                accounts.extend([transfer.from, transfer.to]);
            }
            Action::Balances(Some(sheet)) => {
                accounts.extend(history.sheets[sheet as usize].iter().map(|it| it.0));
            }
            _ => {}
        }
    }
    let total = |sheet: &[(u32, i64)]| sheet.iter().map(|it| i128::from(it.1)).sum::<i128>();
    let mut known = first.map(|sheet| (total(sheet), None));
    for (number, op) in each(history, ops) {
        let Action::Balances(Some(sheet)) = op.action else { continue };
        let sheet = &history.sheets[sheet as usize];
        let is_whole = sheet.iter().map(|it| it.0).collect::<BTreeSet<_>>() == accounts;
        let here = total(sheet);
        match known {
            _ if !is_whole => {}
            Some((before, with)) if before != here => {
                let what = format!("all balances together are {here}, and were {before}");
                return Some(failure(history, number, with, what));
            }
            _ => known = Some((here, Some(number))),
        }
    }
    None
}
