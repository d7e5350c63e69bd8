//! Is a history consistent? Key by key, on several threads where it pays.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::answer::{Answer, Failure, Verdict, Window};
use crate::budget::Budget;
use crate::history::{History, Micro, NEVER};
use crate::model::{Model, Rules};
use crate::object::Object;
use crate::objects::cells::Cells;
use crate::objects::{bank, counter, lock, queue, register, text};
use crate::search::layout::Layout;
use crate::search::{Outcome, search};
use crate::subject::{self, Subject};
use crate::window;
use crate::{bounds, cells, lists, queues, sets, zones};

/// Fewer operations than this are checked before a thread has begun.
const WORTH_A_THREAD: usize = 4_000;

/// What is said of one key.
enum OfKey {
    Fine,
    Wrong(Failure),
    GaveUp,
}

/// Judges a history, on up to so many threads.
#[must_use]
pub fn check(history: &History, rules: &Rules, budget: &Budget<'_>, threads: usize) -> Answer {
    if rules.model == Model::ListAppend && cells::are_meant(history) {
        return registers(history, rules, budget);
    }
    if rules.model == Model::ListAppend {
        return match lists::check(history, budget) {
            Ok(Some(failure)) => wrong(failure),
            Ok(None) => Answer { verdict: Verdict::True, failure: None, why: None },
            Err(why) => Answer { verdict: Verdict::Unknown, failure: None, why: Some(why) },
        };
    }
    let by_number = history.by_key();
    let mut order: Vec<usize> = (0..by_number.len()).filter(|key| !by_number[*key].is_empty()).collect();
    order.sort_by_key(|key| std::cmp::Reverse(by_number[*key].len()));
    let threads = if history.ops.len() < WORTH_A_THREAD { 1 } else { threads.clamp(1, order.len().max(1)) };
    budget.shared_by(threads as u64);
    // The first key that is wrong is told, whichever thread is done first: keys behind it need not be looked at.
    let first_wrong = AtomicU32::new(NEVER);
    let (next, gave_up) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(key) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if *key as u32 > first_wrong.load(Ordering::Relaxed) {
                continue;
            }
            let stop = || first_wrong.load(Ordering::Relaxed) < *key as u32;
            match of_key(history, rules, &by_number[*key], &budget.also(&stop)) {
                OfKey::Fine => {}
                OfKey::GaveUp => {
                    gave_up.fetch_add(1, Ordering::Relaxed);
                }
                OfKey::Wrong(failure) => {
                    first_wrong.fetch_min(failure.key, Ordering::Relaxed);
                    if let Ok(mut failures) = failures.lock() {
                        failures.push(failure);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| {
            scope.spawn(work);
        });
        work();
    });
    let failures = failures.into_inner().unwrap_or_default();
    if let Some(failure) = failures.into_iter().min_by_key(|failure| failure.key) {
        return wrong(failure);
    }
    match gave_up.into_inner() {
        0 => Answer { verdict: Verdict::True, failure: None, why: None },
        keys => {
            let why = format!("time or memory did not suffice for {keys} of {} keys", order.len());
            Answer { verdict: Verdict::Unknown, failure: None, why: Some(why) }
        }
    }
}

/// Transactions of registers, all of which are one object.
fn registers(history: &History, rules: &Rules, budget: &Budget<'_>) -> Answer {
    if history
        .txns
        .iter()
        .flat_map(|parts| parts.iter())
        .any(|part| matches!(part, Micro::Append(..) | Micro::Read(_, Some(_))))
    {
        let why = "some transactions are of lists and others of registers: check them apart".to_owned();
        return Answer { verdict: Verdict::Unknown, failure: None, why: Some(why) };
    }
    let found = match cells::acts(history, rules) {
        Ok(acts) => searched(history, cells::subject(history, &acts), budget),
        Err(failure) => OfKey::Wrong(failure),
    };
    match found {
        OfKey::Fine => Answer { verdict: Verdict::True, failure: None, why: None },
        OfKey::Wrong(failure) => wrong(failure),
        OfKey::GaveUp => {
            let why = "time or memory did not suffice for the registers".to_owned();
            Answer { verdict: Verdict::Unknown, failure: None, why: Some(why) }
        }
    }
}

const fn wrong(failure: Failure) -> Answer {
    Answer { verdict: Verdict::False, failure: Some(failure), why: None }
}

/// Finds the shortest window that shows a failure.
#[must_use]
pub fn explain(history: &History, rules: &Rules, failure: &Failure, budget: &Budget<'_>) -> Window {
    if !failure.shown_by.is_empty() {
        return Window { ops: failure.shown_by.clone(), from_any_state: true, open_before: 0 };
    }
    let mut ops = history.by_key().swap_remove(failure.key as usize);
    let end = history.ops[failure.stuck as usize].back;
    ops.retain(|op| history.ops[*op as usize].call < end);
    match rules.model {
        Model::Register | Model::CasRegister | Model::Kv => {
            let subject = subject::register(history, rules, &ops);
            window::find(&subject, failure.stuck, Some(register::Register::unknown), budget)
        }
        Model::KvAppend => {
            window::find(&subject::text(history, &ops), failure.stuck, Some(text::Text::unknown), budget)
        }
        Model::Counter => {
            let subject = subject::counter(history, &ops);
            window::find(&subject, failure.stuck, Some(counter::Counter::unknown), budget)
        }
        Model::Bank => {
            window::find(&subject::bank(history, &ops), failure.stuck, Some(bank::Bank::unknown), budget)
        }
        Model::Lock => {
            let unknown = |_| lock::Lock { held: None };
            window::find(&subject::lock(history, &ops), failure.stuck, Some(unknown), budget)
        }
        Model::ListAppend => {
            // What is wrong in itself is its own window: here all that was found fits together.
            let acts = cells::acts(history, rules).unwrap_or_default();
            window::find(&cells::subject(history, &acts), failure.stuck, Some(Cells::unknown), budget)
        }
        Model::Queue | Model::Set => window::find(
            &subject::queue(history, &ops),
            failure.stuck,
            None::<fn(queue::Queue) -> queue::Queue>,
            budget,
        ),
    }
}

fn of_key(history: &History, rules: &Rules, ops: &[u32], budget: &Budget<'_>) -> OfKey {
    if let Some(failure) = bounds::check(history, rules, ops) {
        return OfKey::Wrong(failure);
    }
    match rules.model {
        Model::Register | Model::CasRegister | Model::Kv => match zones::check(history, ops) {
            zones::Judged::Fine => OfKey::Fine,
            zones::Judged::Wrong(failure) => OfKey::Wrong(failure),
            zones::Judged::Open => searched(history, subject::register(history, rules, ops), budget),
        },
        Model::KvAppend => searched(history, subject::text(history, ops), budget),
        Model::Counter => searched(history, subject::counter(history, ops), budget),
        Model::Bank => searched(history, subject::bank(history, ops), budget),
        Model::Lock => searched(history, subject::lock(history, ops), budget),
        Model::Queue => match queues::check(history, ops) {
            queues::Judged::Fine => OfKey::Fine,
            queues::Judged::Wrong(failure) => OfKey::Wrong(failure),
            queues::Judged::Open => searched(history, subject::queue(history, ops), budget),
        },
        Model::Set => sets::check(history, ops).map_or(OfKey::Fine, OfKey::Wrong),
        Model::ListAppend => OfKey::Fine,
    }
}

fn searched<O: Object + Clone>(history: &History, subject: Subject<O>, budget: &Budget<'_>) -> OfKey {
    let layout = Layout::of(&subject.deeds);
    match search(&subject.object, &layout, budget) {
        Outcome::Ordered => OfKey::Fine,
        Outcome::GaveUp => OfKey::GaveUp,
        Outcome::Stuck(place) => {
            let stuck = layout.done[place as usize].op;
            let op = &history.ops[stuck as usize];
            let (f, value) = history.words(op);
            let what = format!(
                "no order of the operations up to line {} allows this {f} {value} of process {}",
                op.back,
                String::from_utf8_lossy(history.processes.text(op.process))
            );
            OfKey::Wrong(Failure { key: op.key, stuck, shown_by: Vec::new(), what })
        }
    }
}
