//! What an object is: the models, and what a history may say of them.

use std::fmt;

/// What the operations of a history act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// `read`, `write`.
    Register,
    /// `read`, `write`, `cas` [old, new].
    CasRegister,
    /// `get`, `put`, `cas` on each key.
    Kv,
    /// `get`, `put`, `append` of strings on each key.
    KvAppend,
    /// `add` of whole numbers, `read` of their sum.
    Counter,
    /// `add` of elements, `read` of all of them.
    Set,
    /// `enqueue`, `dequeue`; first in, first out. A dequeue of null found it empty.
    Queue,
    /// `acquire`, `release`, whoever holds it (Knossos' `mutex`).
    Lock,
    /// `transfer` {from, to, amount}, `read` {account: balance, …}.
    Bank,
    /// `txn` [["append", key, value], ["r", key, [values…]], …] of lists, or [["w", key, value], ["r", key, value], …] of
    /// registers; strictly serializable.
    ListAppend,
}

/// All models with their names.
pub const MODELS: [(&str, Model); 10] = [
    ("register", Model::Register),
    ("cas-register", Model::CasRegister),
    ("kv", Model::Kv),
    ("kv-append", Model::KvAppend),
    ("counter", Model::Counter),
    ("set", Model::Set),
    ("queue", Model::Queue),
    ("lock", Model::Lock),
    ("bank", Model::Bank),
    ("list-append", Model::ListAppend),
];

/// How a history is to be read.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the operations act upon.
    pub model: Model,
    /// The first state as JSON; `None` is the model's own (nil, nothing in it, zero, free; balances that nobody knows).
    pub init: Option<String>,
    /// A completed read of null says nothing (Knossos' convention), rather than that nothing was there.
    pub nil_is_any: bool,
    /// A failed compare-and-set says that the value differed, rather than only that it did not happen.
    pub fail_is_mismatch: bool,
    /// Bytes that the history and the search may take, about.
    pub memory: u64,
}

// === impl Model ===

impl Model {
    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        MODELS.iter().find(|(it, _)| *it == name).map(|(_, model)| *model)
    }

    /// The words that `f` may be.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Register => "read or write",
            Self::CasRegister => "read, write or cas",
            Self::Kv => "get, put or cas",
            Self::KvAppend => "get, put or append",
            Self::Counter | Self::Set => "add or read",
            Self::Queue => "enqueue or dequeue",
            Self::Lock => "acquire or release",
            Self::Bank => "transfer or read",
            Self::ListAppend => "txn",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = MODELS.iter().find(|(_, model)| model == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

// === impl Rules ===

impl Rules {
    /// Those of a model where nothing else is said, with 2 GiB of memory.
    #[must_use]
    pub const fn of(model: Model) -> Self {
        Self { model, init: None, nil_is_any: false, fail_is_mismatch: false, memory: 2 << 30 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_its_name() {
        for (name, model) in MODELS {
            assert_eq!((Model::named(name), model.to_string().as_str()), (Some(model), name));
        }
        assert_eq!(Model::named("registers"), None);
    }
}
