//! A history as it is in memory: operations with what they did, and the tables that their numbers stand in.

use crate::names::Names;
use crate::texts::{Place, Texts};

/// No line of a file: an operation that did not come back.
pub const NEVER: u32 = u32::MAX;

/// The number of null among the values.
pub const NULL: u32 = 0;

/// How an operation ended, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It happened between its two lines.
    Done,
    /// It says that it did not happen.
    Failed,
    /// It may have happened at any time since it began, may yet, or may never.
    Open,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    /// Who, as a number among the processes.
    pub process: u32,
    /// Which object, as a number among the keys.
    pub key: u32,
    /// The line it began on, and with [`Fate::Done`] or [`Fate::Failed`] the one it ended on.
    pub call: u32,
    /// See `call`; [`NEVER`] for what is open.
    pub back: u32,
    /// The times on these two lines, in nanoseconds; the lines' numbers where they have none.
    pub times: [i64; 2],
    /// How it ended.
    pub fate: Fate,
    /// What it did.
    pub action: Action,
}

/// What an operation did. Numbers are those of the history's tables; `None` is an answer that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Of a register: found this value.
    Read(Option<u32>),
    /// Of a register: set to this value.
    Write(u32),
    /// Of a register: from the one value to the other.
    Cas(u32, u32),
    /// Of a string: found this one.
    Get(Option<Place>),
    /// Of a string: set to this text.
    Put(u32),
    /// Of a string: this text at its end.
    Append(u32),
    /// Of a counter.
    Add(i64),
    /// Of a counter.
    Sum(Option<i64>),
    /// Of a set.
    Insert(u32),
    /// Of a set: what is in it, a list.
    Members(Option<u32>),
    /// Of a queue.
    Enqueue(u32),
    /// Of a queue: [`NULL`] found it empty.
    Dequeue(Option<u32>),
    /// Of a lock.
    Acquire,
    /// Of a lock.
    Release,
    /// Of a bank: one of the transfers.
    Transfer(u32),
    /// Of a bank: one of the balance sheets.
    Balances(Option<u32>),
    /// One of the transactions.
    Txn(u32),
}

/// Money from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transfer {
    /// Whose.
    pub from: u32,
    /// To whom.
    pub to: u32,
    /// How much.
    pub amount: i64,
}

/// A part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Micro {
    /// An element at the end of a list.
    Append(u32, u32),
    /// What was in a list, one of the lists; `None`: nobody knows, or nothing was in what it is.
    Read(u32, Option<u32>),
    /// A value into a register.
    Write(u32, u32),
    /// What was in a register.
    Found(u32, u32),
}

/// All operations in the order in which they began.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The operations.
    pub ops: Vec<Op>,
    /// Names of the processes, as in the file.
    pub processes: Names,
    /// The keys, as in the file; null for what has none.
    pub keys: Names,
    /// Values, elements, accounts, as canonical JSON; texts of a growing string as they are.
    pub values: Names,
    /// The strings that were read of each key.
    pub texts: Vec<Texts>,
    /// Elements of lists and sets, one list after the other.
    pub elements: Vec<u32>,
    /// Where each list ends in `elements`.
    pub lists: Vec<usize>,
    /// Transfers.
    pub transfers: Vec<Transfer>,
    /// Balance sheets: accounts and what was on them.
    pub sheets: Vec<Box<[(u32, i64)]>>,
    /// Transactions.
    pub txns: Vec<Box<[Micro]>>,
    /// Bytes that what is in balance sheets and transactions takes.
    pub boxed: u64,
    /// The state it begins in, as what a look at it would find; `None` is the model's own.
    pub init: Option<Action>,
    /// What was put right or left out, to be told.
    pub notes: Vec<String>,
    /// Whether the lines carried times.
    pub has_times: bool,
}

// === impl History ===

impl History {
    /// A list's elements.
    #[must_use]
    pub fn list(&self, number: u32) -> &[u32] {
        let at = number as usize;
        let from = if at == 0 { 0 } else { self.lists[at - 1] };
        &self.elements[from..self.lists[at]]
    }

    /// What is in a set or a queue first.
    #[must_use]
    pub fn first_list(&self) -> &[u32] {
        match self.init {
            Some(Action::Members(Some(list))) => self.list(list),
            _ => &[],
        }
    }

    /// The operations of each key, in the order in which they began.
    #[must_use]
    pub fn by_key(&self) -> Vec<Vec<u32>> {
        let mut keys = vec![Vec::new(); self.keys.count()];
        for (number, op) in self.ops.iter().enumerate() {
            keys[op.key as usize].push(number as u32);
        }
        keys
    }

    /// Bytes of memory that it holds, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let flat = self.ops.capacity() * size_of::<Op>()
            + self.elements.capacity() * 4
            + self.lists.capacity() * 8
            + self.transfers.capacity() * size_of::<Transfer>()
            + (self.sheets.capacity() + self.txns.capacity()) * 16;
        self.values.bytes() + self.keys.bytes() + self.processes.bytes() + self.boxed + flat as u64
    }

    /// What an operation is called in a file, and what it was told, for people.
    #[must_use]
    pub fn words(&self, op: &Op) -> (&'static str, String) {
        let value = |number: u32| shown(self.values.text(number));
        let seen = |number: Option<u32>, show: &dyn Fn(u32) -> String| number.map_or("?".to_owned(), show);
        match op.action {
            Action::Read(it) => ("read", seen(it, &value)),
            Action::Write(it) => ("write", value(it)),
            Action::Cas(old, new) => ("cas", format!("[{},{}]", value(old), value(new))),
            Action::Get(it) => ("get", it.map_or("?".to_owned(), |it| self.string(op.key, it))),
            Action::Put(it) => ("put", format!("\"{}\"", value(it))),
            Action::Append(it) => ("append", format!("\"{}\"", value(it))),
            Action::Add(it) => ("add", it.to_string()),
            Action::Sum(it) => ("read", it.map_or("?".to_owned(), |it| it.to_string())),
            Action::Insert(it) => ("add", value(it)),
            Action::Members(it) => ("read", seen(it, &|list| self.joined(list))),
            Action::Enqueue(it) => ("enqueue", value(it)),
            Action::Dequeue(it) => ("dequeue", seen(it, &value)),
            Action::Acquire => ("acquire", String::new()),
            Action::Release => ("release", String::new()),
            Action::Transfer(it) => {
                let Transfer { from, to, amount } = self.transfers[it as usize];
                ("transfer", format!("{} → {}: {amount}", value(from), value(to)))
            }
            Action::Balances(it) => ("read", seen(it, &|sheet| self.sheet(sheet))),
            Action::Txn(it) => ("txn", self.txn(it)),
        }
    }

    fn string(&self, key: u32, place: Place) -> String {
        let (tail, more) = self.texts[key as usize].tail(place, 48);
        format!("\"{}{}\"", if more { "…" } else { "" }, String::from_utf8_lossy(&tail))
    }

    fn joined(&self, list: u32) -> String {
        let all = self.list(list);
        let texts = all.iter().take(24).map(|it| shown(self.values.text(*it)));
        let more = if all.len() > 24 { format!(",… {} in all", all.len()) } else { String::new() };
        format!("[{}{more}]", texts.collect::<Vec<_>>().join(","))
    }

    fn sheet(&self, sheet: u32) -> String {
        let each = self.sheets[sheet as usize].iter().take(24);
        let texts = each.map(|(account, amount)| format!("{}: {amount}", shown(self.values.text(*account))));
        format!("{{{}}}", texts.collect::<Vec<_>>().join(", "))
    }

    fn txn(&self, txn: u32) -> String {
        let part = |micro: &Micro| match *micro {
            Micro::Append(key, value) => {
                format!("append {} {}", shown(self.values.text(key)), shown(self.values.text(value)))
            }
            Micro::Read(key, list) => {
                let list = list.map_or("?".to_owned(), |list| self.joined(list));
                format!("r {} {list}", shown(self.values.text(key)))
            }
            Micro::Write(key, value) => {
                format!("w {} {}", shown(self.values.text(key)), shown(self.values.text(value)))
            }
            Micro::Found(key, value) => {
                format!("r {} {}", shown(self.values.text(key)), shown(self.values.text(value)))
            }
        };
        self.txns[txn as usize].iter().take(16).map(part).collect::<Vec<_>>().join("; ")
    }
}

/// At most 60 characters of a text.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
