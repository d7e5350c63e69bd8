//! From the operations of one key to what the search takes: an object, and deeds with signs.

use crate::history::{Action, Fate, History, NULL};
use crate::model::Rules;
use crate::object::{Object, Sign};
use crate::objects::{bank, counter, lock, queue, register, text};
use crate::search::layout::Deed;
use crate::table::Table;
use crate::texts::Place;

/// An object in its first state, and all that is done to it.
#[derive(Debug)]
pub struct Subject<O> {
    pub object: O,
    pub deeds: Vec<Deed>,
}

/// Signs for acts, in the order in which they come.
struct Signs<A> {
    table: Table,
    acts: Vec<A>,
    deeds: Vec<Deed>,
}

// === impl Signs ===

impl<A> Signs<A> {
    fn new(room: usize) -> Self {
        Self { table: Table::new(), acts: Vec::new(), deeds: Vec::with_capacity(room) }
    }

    fn add(&mut self, history: &History, number: u32, key: [u64; 2], act: A) {
        let op = &history.ops[number as usize];
        let (sign, is_new) = self.table.number(key);
        if is_new {
            self.acts.push(act);
        }
        self.deeds.push(Deed { call: op.call, back: op.back, sign, op: number });
    }
}

/// Of a register.
pub fn register(history: &History, rules: &Rules, ops: &[u32]) -> Subject<register::Register> {
    use register::Act;
    let op = |number: &u32| history.ops[*number as usize];
    // What nobody could have found is one value, the first.
    let mut found = Table::new();
    found.number([u64::MAX, 0]);
    let mut differ = false;
    for op in ops.iter().map(op) {
        let value = match (op.action, op.fate) {
            (Action::Read(Some(value)), Fate::Done) | (Action::Cas(value, _), Fate::Done | Fate::Open) => {
                value
            }
            (Action::Cas(value, _), Fate::Failed) if rules.fail_is_mismatch => {
                differ = true;
                value
            }
            _ => continue,
        };
        found.number([value.into(), 0]);
    }
    let value = |it: u32| found.find([it.into(), 0]).unwrap_or(0);
    let mut signs = Signs::new(ops.len());
    for number in ops {
        let act = match (op(number).action, op(number).fate) {
            (Action::Read(Some(it)), Fate::Done) => Act::Read(value(it)),
            (Action::Cas(it, _), Fate::Failed) if rules.fail_is_mismatch => Act::Differs(value(it)),
            (Action::Write(it), Fate::Done) => Act::Write(value(it)),
            (Action::Cas(from, to), Fate::Done) => Act::Cas(value(from), value(to)),
            // An open operation that makes what nobody finds need not have happened.
            (Action::Write(it), Fate::Open) if differ || value(it) != 0 => Act::Write(value(it)),
            (Action::Cas(from, to), Fate::Open) if differ || value(to) != 0 => {
                Act::Cas(value(from), value(to))
            }
            _ => continue,
        };
        let key = match act {
            Act::Read(it) => [1, it.into()],
            Act::Differs(it) => [2, it.into()],
            Act::Write(it) => [3, it.into()],
            Act::Cas(from, to) => [4 | u64::from(from) << 32, to.into()],
        };
        signs.add(history, *number, key, act);
    }
    let first = match history.init {
        Some(Action::Read(Some(it))) => value(it),
        _ => value(NULL),
    };
    Subject { object: register::Register::new(first, signs.acts, found.count()), deeds: signs.deeds }
}

/// Of a string that grows.
pub fn text<'a>(history: &'a History, ops: &[u32]) -> Subject<text::Text<'a>> {
    use text::Act;
    let mut signs = Signs::new(ops.len());
    for number in ops {
        let op = &history.ops[*number as usize];
        let (act, key) = match (op.action, op.fate) {
            (Action::Get(Some(place)), Fate::Done) => (Act::Get(place), [1, place.0]),
            (Action::Put(it), Fate::Done | Fate::Open) => (Act::Put(it), [2, it.into()]),
            (Action::Append(it), Fate::Done | Fate::Open) => (Act::Append(it), [3, it.into()]),
            _ => continue,
        };
        signs.add(history, *number, key, act);
    }
    let texts = &history.texts[ops.first().map_or(0, |it| history.ops[*it as usize].key) as usize];
    let first = match history.init {
        Some(Action::Put(it)) => texts.grow(Place::EMPTY, history.values.text(it)),
        _ => Place::EMPTY,
    };
    Subject { object: text::Text::new(first, signs.acts, texts, &history.values), deeds: signs.deeds }
}

/// Of a counter.
pub fn counter(history: &History, ops: &[u32]) -> Subject<counter::Counter> {
    use counter::Act;
    let mut signs = Signs::new(ops.len());
    for number in ops {
        let op = &history.ops[*number as usize];
        let (act, key) = match (op.action, op.fate) {
            (Action::Sum(Some(it)), Fate::Done) => (Act::Sum(it), [1, it.cast_unsigned()]),
            (Action::Add(it), Fate::Done | Fate::Open) => (Act::Add(it), [2, it.cast_unsigned()]),
            _ => continue,
        };
        signs.add(history, *number, key, act);
    }
    let first = match history.init {
        Some(Action::Sum(Some(it))) => i128::from(it),
        _ => 0,
    };
    Subject { object: counter::Counter::new(Some(first), signs.acts), deeds: signs.deeds }
}

/// Of a lock.
pub fn lock(history: &History, ops: &[u32]) -> Subject<lock::Lock> {
    let mut deeds = Vec::with_capacity(ops.len());
    for number in ops {
        let op = &history.ops[*number as usize];
        let sign: Sign = match op.action {
            Action::Acquire => lock::ACQUIRE,
            _ => lock::RELEASE,
        };
        if op.fate != Fate::Failed {
            deeds.push(Deed { call: op.call, back: op.back, sign, op: *number });
        }
    }
    Subject { object: lock::Lock { held: Some(history.init == Some(Action::Acquire)) }, deeds }
}

/// Of a queue.
pub fn queue(history: &History, ops: &[u32]) -> Subject<queue::Queue> {
    use queue::Act;
    let mut signs = Signs::new(ops.len());
    for number in ops {
        let op = &history.ops[*number as usize];
        let (act, key) = match (op.action, op.fate) {
            (Action::Enqueue(it), Fate::Done | Fate::Open) => (Act::Enqueue(it), [1, it.into()]),
            (Action::Dequeue(Some(NULL)), Fate::Done) => (Act::Empty, [2, 0]),
            (Action::Dequeue(Some(it)), Fate::Done) => (Act::Dequeue(it), [3, it.into()]),
            (Action::Dequeue(None), Fate::Done | Fate::Open) => (Act::Any, [4, 0]),
            _ => continue,
        };
        signs.add(history, *number, key, act);
    }
    let first = history.first_list();
    Subject { object: queue::Queue::new(first, signs.acts), deeds: signs.deeds }
}

/// Of a bank.
pub fn bank(history: &History, ops: &[u32]) -> Subject<bank::Bank> {
    use bank::Act;
    let mut accounts = Table::new();
    let mut account = |it: u32| accounts.number([it.into(), 0]).0;
    let mut sheets: Vec<Box<[(u32, i64)]>> = Vec::new();
    let mut sheet_signs = std::collections::BTreeMap::new();
    let mut signs = Signs::new(ops.len());
    let mut first = Vec::new();
    if let Some(Action::Balances(Some(sheet))) = history.init {
        first = history.sheets[sheet as usize].iter().map(|(it, balance)| (account(*it), *balance)).collect();
    }
    for number in ops {
        let op = &history.ops[*number as usize];
        let (act, key) = match (op.action, op.fate) {
            (Action::Balances(Some(it)), Fate::Done) => {
                let sheet: Box<[(u32, i64)]> = history.sheets[it as usize]
                    .iter()
                    .map(|(it, balance)| (account(*it), *balance))
                    .collect();
                let known = *sheet_signs.entry(sheet.clone()).or_insert(sheets.len() as u64);
                sheets.push(sheet.clone());
                (Act::Balances(sheet), [u64::MAX, known])
            }
            (Action::Transfer(it), Fate::Done | Fate::Open) => {
                let transfer = history.transfers[it as usize];
                let (from, to) = (account(transfer.from), account(transfer.to));
                let key = [u64::from(from) << 32 | u64::from(to), transfer.amount.cast_unsigned()];
                (Act::Transfer { from, to, amount: transfer.amount }, key)
            }
            _ => continue,
        };
        signs.add(history, *number, key, act);
    }
    let known = history.init.is_some();
    let mut balances = vec![known.then_some(0); accounts.count()];
    for (account, balance) in first {
        balances[account as usize] = Some(balance);
    }
    Subject { object: bank::Bank::new(balances, signs.acts), deeds: signs.deeds }
}

// === impl Subject ===

impl<O: Object> Subject<O> {
    /// The deeds as those who only know them up to some moment see them: what comes back later is open, and open looks say
    /// nothing.
    pub fn until(&self, end: u32) -> Vec<Deed> {
        let known = |deed: &Deed| {
            let is_open = deed.back > end;
            let says = !is_open || self.object.force(deed.sign) != crate::object::Force::Looks;
            (deed.call < end && says)
                .then_some(Deed { back: if is_open { crate::history::NEVER } else { deed.back }, ..*deed })
        };
        self.deeds.iter().filter_map(known).collect()
    }
}
