//! One object of each model, as simple as can be: what operations do to it one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

/// An object.
#[derive(Clone, Debug)]
pub enum Real {
    Register(Value),
    Text(String),
    Counter(i64),
    Set(BTreeSet<u64>),
    Queue(VecDeque<u64>),
    Lock(bool),
    Bank(BTreeMap<String, i64>),
    Lists(BTreeMap<u64, Vec<u64>>),
    Registers(BTreeMap<u64, Value>),
}

/// Accounts of a bank, and what is on each first.
pub const ACCOUNTS: usize = 4;
pub const FIRST: i64 = 10;

// === impl Real ===

impl Real {
    /// The first state.
    pub fn of(model: &str) -> Self {
        match model {
            "register" | "cas-register" | "kv" => Self::Register(Value::Null),
            "kv-append" => Self::Text(String::new()),
            "counter" => Self::Counter(0),
            "set" => Self::Set(BTreeSet::new()),
            "queue" => Self::Queue(VecDeque::new()),
            "lock" => Self::Lock(false),
            "bank" => Self::Bank((0..ACCOUNTS).map(|it| (it.to_string(), FIRST)).collect()),
            "txn-registers" => Self::Registers(BTreeMap::new()),
            _ => Self::Lists(BTreeMap::new()),
        }
    }

    /// Does it, and says what is told to the client; `None` if it cannot be done now.
    pub fn act(&mut self, f: &str, argument: &Value) -> Option<Value> {
        let number = || argument.as_u64().unwrap_or_default();
        match (self, f) {
            (Self::Register(value), "read" | "get") => return Some(value.clone()),
            (Self::Register(value), "cas") if *value != argument[0] => return None,
            (Self::Register(value), "cas") => *value = argument[1].clone(),
            (Self::Register(value), _) => *value = argument.clone(),
            (Self::Text(text), "get") => return Some(json!(text)),
            (Self::Text(text), "append") => text.push_str(argument.as_str().unwrap_or_default()),
            (Self::Text(text), _) => *text = argument.as_str().unwrap_or_default().to_owned(),
            (Self::Counter(sum), "read") => return Some(json!(sum)),
            (Self::Counter(sum), _) => *sum += argument.as_i64().unwrap_or_default(),
            (Self::Set(set), "read") => return Some(json!(set)),
            (Self::Set(set), _) => _ = set.insert(number()),
            (Self::Queue(queue), "dequeue") => {
                return Some(queue.pop_front().map_or(Value::Null, Value::from));
            }
            (Self::Queue(queue), _) => queue.push_back(number()),
            (Self::Lock(held), _) if *held == (f == "acquire") => return None,
            (Self::Lock(held), _) => *held = !*held,
            (Self::Bank(accounts), "read") => return Some(json!(accounts)),
            (Self::Bank(accounts), _) => {
                let amount = argument["amount"].as_i64().unwrap_or_default();
                *accounts.entry(argument["from"].to_string()).or_default() -= amount;
                *accounts.entry(argument["to"].to_string()).or_default() += amount;
            }
            (Self::Registers(registers), _) => return Some(registers_txn(registers, argument)),
            (Self::Lists(lists), _) => return Some(txn(lists, argument)),
        }
        Some(argument.clone())
    }
}

fn registers_txn(registers: &mut BTreeMap<u64, Value>, parts: &Value) -> Value {
    let mut told = Vec::new();
    for part in parts.as_array().into_iter().flatten() {
        let register = registers.entry(part[1].as_u64().unwrap_or_default()).or_default();
        if part[0] == "w" {
            *register = part[2].clone();
        }
        told.push(json!([part[0], part[1], register]));
    }
    Value::Array(told)
}

fn txn(lists: &mut BTreeMap<u64, Vec<u64>>, parts: &Value) -> Value {
    let mut told = Vec::new();
    for part in parts.as_array().into_iter().flatten() {
        let list = lists.entry(part[1].as_u64().unwrap_or_default()).or_default();
        if part[0] == "append" {
            list.push(part[2].as_u64().unwrap_or_default());
            told.push(part.clone());
        } else {
            told.push(json!([part[0], part[1], list]));
        }
    }
    Value::Array(told)
}
