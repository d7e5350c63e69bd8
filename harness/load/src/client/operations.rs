//! Operations on objects of a Redis: commands whose meaning is known, and the history of what came of them.
//!
//! A connection is a process. One whose operation ended without an answer goes on under a new number, since the old one may
//! still be at it. `fail` is said only where nothing can have been done: nothing was sent, or the answer says so.

use std::cell::RefCell;

use shakedown_scenarios::workload::operations::{Operation, OperationModel, OperationsWorkload};

use crate::client::notebook::{Deed, Notebook};
use crate::client::redis::command;
use crate::client::redis::reply::{Kind as Of, Reply, ReplyReader};
use crate::client::{Client, ErrorClass, Reading};
use crate::history::{History, HistoryEnd, Kind};
use crate::mix::Ask;

/// Operations of a workload, and what they found so far.
#[derive(Debug)]
pub(crate) struct OperationsClient {
    model: OperationModel,
    operations_per_key: u32,
    retries: u32,
    /// What the names of all objects begin with.
    names: String,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    objects: Vec<Object>,
    /// The last value that was written: each is one above the one before.
    value: u64,
    notebook: Notebook,
}

/// The object that stands at one place at the moment.
#[derive(Clone, Copy, Debug, Default)]
struct Object {
    generation: u32,
    operations: u32,
    /// The value that was found or made last, by anybody; 0, which nobody writes, before.
    seen: u64,
}

/// The operation of a connection, and the state of reading its answer.
#[derive(Debug, Default)]
pub(crate) struct OperationsAnswer {
    reader: ReplyReader,
    begun: Option<Begun>,
    found: Found,
}

#[derive(Clone, Debug)]
struct Begun {
    operation: Operation,
    place: usize,
    generation: u32,
    key: String,
    value: u64,
    /// What a compare-and-set asks for.
    seen: u64,
    seat: usize,
    retries: u32,
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Found {
    /// Nothing that could be understood: the operation may have been done.
    #[default]
    Unknown,
    /// It was done.
    Done,
    /// It was done, and this was there, as JSON.
    Value(String),
    /// It was not done.
    NotDone,
}

/// Sets what is found to be the first argument to the second one.
const CAS: &[u8] = b"if redis.call('GET',KEYS[1])==ARGV[1] then redis.call('SET',KEYS[1],ARGV[2]) return 'OK' end return 'NO'";
/// All elements of a set in one text.
const ELEMENTS: &[u8] = b"return table.concat(redis.call('SMEMBERS',KEYS[1]),',')";

/// The longest list of elements that is taken in, in bytes.
const ELEMENTS_BYTES_MAX: usize = 1 << 20;
/// Any other answer is shorter than this.
const TEXT_BYTES_MAX: usize = 64;

/// Errors that a Redis answers instead of doing anything at all. Any other one may come from what stands between, or from the
/// middle of a script.
const REFUSALS: [&str; 14] = [
    "LOADING",
    "OOM",
    "READONLY",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "NOAUTH",
    "NOPERM",
    "WRONGTYPE",
    "BUSY",
    "MOVED",
    "ASK",
    "CLUSTERDOWN",
    "CROSSSLOT",
];

// === impl OperationsClient ===

impl OperationsClient {
    /// The operations of a workload, on objects whose names begin with this.
    pub(crate) fn new(workload: &OperationsWorkload, names: &str, history: Option<History>) -> Self {
        let objects = vec![Object::default(); workload.keys as usize];
        Self {
            model: workload.model,
            operations_per_key: workload.operations_per_key.max(1),
            retries: workload.retries,
            names: names.chars().filter(|it| it.is_ascii_alphanumeric() || "-_.:".contains(*it)).collect(),
            state: RefCell::new(State { objects, value: 0, notebook: Notebook::new(history) }),
        }
    }

    fn operation(&self, kind: u32) -> Operation {
        self.model.mix().get(kind as usize).map_or(Operation::Read, |(operation, _)| *operation)
    }

    /// Writes the command of an operation.
    fn write(&self, begun: &Begun, out: &mut Vec<u8>) {
        let key = begun.key.as_bytes();
        let (value, seen) = (begun.value.to_string(), begun.seen.to_string());
        let (value, seen) = (value.as_bytes(), seen.as_bytes());
        match (self.model, begun.operation) {
            (OperationModel::Set, Operation::Read) => command(&[b"EVAL", ELEMENTS, b"1", key], out),
            (_, Operation::Read) => command(&[b"GET", key], out),
            (OperationModel::Set, Operation::Add) => command(&[b"SADD", key, value], out),
            (_, Operation::Add) => command(&[b"INCR", key], out),
            (_, Operation::Write) => command(&[b"SET", key, value], out),
            (_, Operation::Cas) => command(&[b"EVAL", CAS, b"1", key, seen, value], out),
            // Transactions have a client of their own.
            (_, Operation::Transfer | Operation::Txn) => {}
        }
    }

    /// What a reply means, and how it counts.
    fn judge(&self, operation: Operation, reply: &Reply) -> (Found, Result<(), ErrorClass>) {
        if reply.has_error {
            let code = String::from_utf8_lossy(&reply.text);
            let is_refusal = REFUSALS.iter().any(|it| code.split(' ').next() == Some(it));
            let found = if is_refusal { Found::NotDone } else { Found::Unknown };
            return (found, Err(ErrorClass::Status));
        }
        let found = match (operation, reply.kind) {
            (Operation::Read, Of::Nil) if self.model == OperationModel::Counter => {
                Found::Value("0".to_owned())
            }
            (Operation::Read, Of::Nil) if self.model != OperationModel::Set => {
                Found::Value("null".to_owned())
            }
            (Operation::Read, Of::Text) => self.value(reply),
            (Operation::Write, Of::Text) if reply.is_exactly(b"OK") => Found::Done,
            (Operation::Cas, Of::Text) if reply.is_exactly(b"OK") => Found::Done,
            (Operation::Cas, Of::Text) if reply.is_exactly(b"NO") => Found::NotDone,
            (Operation::Add, Of::Whole) => Found::Done,
            _ => Found::Unknown,
        };
        let verdict = if found == Found::Unknown { Err(ErrorClass::Check) } else { Ok(()) };
        (found, verdict)
    }

    /// A whole number, or the elements of a set, as JSON.
    fn value(&self, reply: &Reply) -> Found {
        let text = std::str::from_utf8(&reply.text).ok().filter(|_| reply.bytes == reply.text.len() as u64);
        let is_number = |text: &str| text.parse::<u64>().is_ok_and(|it| it.to_string() == text);
        match text {
            Some(text) if self.model == OperationModel::Set => {
                let is_list = text.is_empty() || text.split(',').all(is_number);
                if is_list { Found::Value(format!("[{text}]")) } else { Found::Unknown }
            }
            Some(text) if is_number(text) => Found::Value(text.to_owned()),
            _ => Found::Unknown,
        }
    }

    const fn keep(&self) -> usize {
        match self.model {
            OperationModel::Set => ELEMENTS_BYTES_MAX,
            _ => TEXT_BYTES_MAX,
        }
    }
}

impl Client for OperationsClient {
    type Answer = OperationsAnswer;

    fn answer(&self) -> OperationsAnswer {
        OperationsAnswer::default()
    }

    fn has_key(&self, _: usize) -> bool {
        true
    }

    fn begins(&self, ask: &Ask, answer: &mut OperationsAnswer, seat: usize, now: u64) {
        let state = &mut *self.state.borrow_mut();
        let operation = self.operation(ask.kind);
        let place = usize::try_from(ask.key).unwrap_or(0).min(state.objects.len() - 1);
        let object = &mut state.objects[place];
        let Object { generation, seen, .. } = *object;
        object.operations += 1;
        if object.operations >= self.operations_per_key {
            *object = Object { generation: generation.wrapping_add(1), ..Object::default() };
        }
        state.value += u64::from(operation != Operation::Read);
        let key = format!("{}:{place}:{generation}", self.names);
        let begun = Begun { operation, place, generation, key, value: state.value, seen, seat, retries: 0 };
        state.note(self.model, &begun, Kind::Invoke, None, now);
        *answer = OperationsAnswer { begun: Some(begun), ..OperationsAnswer::default() };
    }

    fn ask(&self, _: &Ask, answer: &mut OperationsAnswer, out: &mut Vec<u8>) {
        (answer.reader, answer.found) = (ReplyReader::default(), Found::Unknown);
        answer.reader.await_replies(1);
        if let Some(begun) = &answer.begun {
            self.write(begun, out);
        }
    }

    fn asks_again(&self, answer: &mut OperationsAnswer, class: ErrorClass) -> bool {
        let is_unanswered = matches!(class, ErrorClass::Timeout | ErrorClass::Reset | ErrorClass::Closed);
        let Some(begun) = answer.begun.as_mut().filter(|begun| is_unanswered && begun.retries < self.retries)
        else {
            return false;
        };
        begun.retries += 1;
        true
    }

    fn ends(&self, answer: &mut OperationsAnswer, was_sent: bool, now: u64) {
        let Some(begun) = answer.begun.take() else { return };
        let state = &mut *self.state.borrow_mut();
        let (kind, found) = match std::mem::take(&mut answer.found) {
            // What was sent before and not answered may have been done, whatever is said of it when it is sent again.
            Found::NotDone if begun.retries > 0 => (Kind::Info, None),
            Found::NotDone => (Kind::Fail, None),
            Found::Unknown if !was_sent => (Kind::Fail, None),
            Found::Unknown => (Kind::Info, None),
            Found::Done => (Kind::Ok, None),
            Found::Value(value) => (Kind::Ok, Some(value)),
        };
        let seen = match (&found, kind) {
            (Some(value), _) => value.parse().ok(),
            (None, Kind::Ok) => Some(begun.value),
            _ => None,
        };
        let object = &mut state.objects[begun.place];
        if let Some(seen) = seen.filter(|_| object.generation == begun.generation) {
            object.seen = seen;
        }
        state.note(self.model, &begun, kind, found.as_deref(), now);
    }

    fn second(&self) {
        self.state.borrow_mut().notebook.flush();
    }

    fn finish(&self) -> Option<HistoryEnd> {
        self.state.borrow_mut().notebook.finish()
    }

    fn whole_at_once(&self, _: &OperationsAnswer) -> bool {
        false
    }

    fn read(&self, answer: &mut OperationsAnswer, bytes: &[u8], _: &mut Vec<u8>) -> Reading {
        let mut rest = bytes;
        let mut verdict = Err(ErrorClass::Protocol);
        while !rest.is_empty() {
            match answer.reader.read(&mut rest, self.keep()) {
                Ok(true) => {
                    let operation = answer.begun.as_ref().map_or(Operation::Read, |begun| begun.operation);
                    (answer.found, verdict) = self.judge(operation, answer.reader.reply());
                }
                Ok(false) => {}
                // What is wrong behind the reply is not its fault, but nothing may follow it.
                Err(_) => return Reading::Whole { verdict, keep: false },
            }
        }
        if answer.reader.is_answered() { Reading::Whole { verdict, keep: true } } else { Reading::More }
    }

    fn why(&self, answer: &OperationsAnswer, class: ErrorClass) -> Option<String> {
        match class {
            ErrorClass::Protocol => Some("expected a reply in RESP, found something else".to_owned()),
            ErrorClass::Status | ErrorClass::Check => Some(format!(
                "expected the operation to be done or not, found {}",
                answer.reader.reply().told()
            )),
            _ => None,
        }
    }

    fn closed(&self, _: &mut OperationsAnswer) -> Result<(), ErrorClass> {
        Err(ErrorClass::Closed)
    }

    fn unasked(&self, _: &mut OperationsAnswer, _: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
        // Nothing may come that was not asked for: an answer would be taken for that of another operation.
        false
    }
}

// === impl State ===

impl State {
    fn note(&mut self, model: OperationModel, begun: &Begun, kind: Kind, found: Option<&str>, time: u64) {
        let Begun { seat, operation, value, seen, key, .. } = begun;
        self.notebook.note(*seat, kind, time, || {
            let value = match (operation, found) {
                (Operation::Read, found) => found.unwrap_or("null").to_owned(),
                (Operation::Add, _) if model == OperationModel::Counter => "1".to_owned(),
                (Operation::Add | Operation::Write, _) => value.to_string(),
                (Operation::Cas, _) => format!("[{seen},{value}]"),
                (Operation::Transfer | Operation::Txn, _) => "null".to_owned(),
            };
            Deed { f: operation.word(), key, value }
        });
    }
}

#[cfg(test)]
mod tests;
