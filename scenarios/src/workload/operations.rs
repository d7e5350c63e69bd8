//! Operations on objects: requests whose meaning is known, so that what came of them can be judged as a history.

use serde::{Deserialize, Serialize};

use super::postgres::Isolation;
use super::{Arrivals, Destination, Tls};
use crate::units::Span;

/// Operations on a few objects of a Redis (or of what speaks like one) or of a PostgreSQL, on kept connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationsWorkload {
    /// The path the load takes.
    pub to: Destination,
    /// When operations are due.
    pub arrivals: Arrivals,
    /// An operation that is not answered this long after it was sent is an error of class `timeout`: nobody knows whether it
    /// was done.
    pub timeout: Span,
    /// How many connections may be open at once, 1 to 10,000. Each is a process of the history.
    pub connections: u32,
    /// TLS on every connection; `None`: it is spoken in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// What the objects are.
    pub model: OperationModel,
    /// How many objects are used at the same time, 1 to 1,000.
    pub keys: u32,
    /// After so many operations an object is left, and a new one takes its place: what has to be judged together stays small.
    pub operations_per_key: u32,
    /// How often an operation is sent again that was sent and not answered. More than 0 is what a careless client does: a
    /// target that had done it does it once more. In the history it stays one operation.
    pub retries: u32,
    /// How a PostgreSQL is spoken to, for the models that need one; `None`: it is a Redis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<OperationsSql>,
}

/// Who asks a PostgreSQL, and how far its transactions are kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationsSql {
    /// The isolation of every transaction. What is weaker than serializable shows in the history.
    pub isolation: Isolation,
    /// Who the connections log in as.
    pub user: String,
    /// The database they use.
    pub database: String,
    /// The environment variable of this program that holds the password; `None`: the server trusts.
    pub password_env: Option<String>,
}

/// What the objects of [`OperationsWorkload`] are. Every value that is written is written once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationModel {
    /// `GET` and `SET`: half of each.
    Register,
    /// The same, and compare-and-set from the value that was last seen, by a script: two, one and one in four.
    CasRegister,
    /// `INCR` and `GET`: half of each.
    Counter,
    /// `SADD`, and all elements by a script: half of each.
    Set,
    /// Transfers between the accounts of a bank, each a transaction that reads two balances and then writes them, and looks at all
    /// of them: half of each. The accounts are rows of a PostgreSQL's table `accounts (bank text, account int, balance bigint,
    /// PRIMARY KEY (bank, account))`; one without a row has a balance of 0, and balances may go below that.
    Bank,
    /// Transactions of one to three steps, each of which appends to a list or reads one. The lists are rows of a PostgreSQL's table
    /// `lists (list text PRIMARY KEY, elements text)`.
    ListAppend,
}

/// An operation of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// What is there.
    Read,
    /// A new value.
    Write,
    /// A new value where the one that was last seen still is.
    Cas,
    /// One more; or a new element.
    Add,
    /// From one account to another.
    Transfer,
    /// Several reads and appends at once.
    Txn,
}

// === impl OperationsWorkload ===

impl OperationsWorkload {
    /// What is done, in words behind others: `, cas-register on 5 objects`.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { model, keys, retries, .. } = self;
        let noun = match (model, keys) {
            (OperationModel::Bank, _) => "accounts",
            (OperationModel::ListAppend, 1) => "list",
            (OperationModel::ListAppend, _) => "lists",
            (_, 1) => "object",
            _ => "objects",
        };
        let isolation = self
            .sql
            .as_ref()
            .map_or(String::new(), |sql| format!(", {}", sql.isolation.sql().to_lowercase()));
        let again = match retries {
            0 => String::new(),
            1 => ", sent again once where nobody answers".to_owned(),
            times => format!(", sent again up to {times} times where nobody answers"),
        };
        format!(", {} on {keys} {noun}{isolation}{again}", model.of_history())
    }
}

// === impl OperationModel ===

impl OperationModel {
    /// All models with the names that experiments use.
    pub const NAMES: [(&str, Self); 6] = [
        ("Register", Self::Register),
        ("CasRegister", Self::CasRegister),
        ("Counter", Self::Counter),
        ("Set", Self::Set),
        ("Bank", Self::Bank),
        ("ListAppend", Self::ListAppend),
    ];

    /// The name that `shakedown history --model` knows it by.
    #[must_use]
    pub const fn of_history(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::CasRegister => "cas-register",
            Self::Counter => "counter",
            Self::Set => "set",
            Self::Bank => "bank",
            Self::ListAppend => "list-append",
        }
    }

    /// The mix: operations with their weights.
    #[must_use]
    pub const fn mix(self) -> &'static [(Operation, u32)] {
        match self {
            Self::Register => &[(Operation::Read, 1), (Operation::Write, 1)],
            Self::CasRegister => &[(Operation::Read, 2), (Operation::Write, 1), (Operation::Cas, 1)],
            Self::Counter | Self::Set => &[(Operation::Read, 1), (Operation::Add, 1)],
            Self::Bank => &[(Operation::Read, 1), (Operation::Transfer, 1)],
            Self::ListAppend => &[(Operation::Txn, 1)],
        }
    }

    /// Whether its operations are transactions, which a PostgreSQL has and a Redis has not.
    #[must_use]
    pub const fn is_of_transactions(self) -> bool {
        matches!(self, Self::Bank | Self::ListAppend)
    }
}

// === impl Operation ===

impl Operation {
    /// The word of histories and reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Cas => "cas",
            Self::Add => "add",
            Self::Transfer => "transfer",
            Self::Txn => "txn",
        }
    }
}
