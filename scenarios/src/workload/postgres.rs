//! What is asked of a PostgreSQL: statements, alone or in transactions, and what a right result of each looks like.

use serde::{Deserialize, Serialize};

use super::{Arrivals, Destination, Habits, Tls, begun};
use crate::units::Span;

/// SQL on kept connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresWorkload {
    /// The path the load takes.
    pub to: Destination,
    /// When transactions are due.
    pub arrivals: Arrivals,
    /// A transaction that is not over this long after it was begun is an error of class `timeout`.
    pub timeout: Span,
    /// How many connections may be open at once, 1 to 10,000.
    pub connections: u32,
    /// How connections are used.
    #[serde(default)]
    pub habits: Habits,
    /// TLS on every connection, asked for in the clear as the protocol has it (`SSLRequest`). One that verifies is libpq's
    /// `sslmode=verify-full`, one that does not is `require`; it is never left out because a server has none. `None`: it is spoken in
    /// the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Who the connections log in as.
    pub user: String,
    /// The database they use.
    pub database: String,
    /// The environment variable of this program that holds the password (cleartext or SCRAM-SHA-256, as the server asks);
    /// `None`: the server trusts. Only its name is ever written anywhere.
    pub password_env: Option<String>,
    /// The mix; one is drawn for each arrival, by weight.
    pub transactions: Vec<SqlTransaction>,
}

/// One kind of transaction of a mix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlTransaction {
    /// Its isolation; `None`: one statement alone, without `BEGIN` and `COMMIT`.
    pub isolation: Option<Isolation>,
    /// The statements. Each waits for the result of the one before it, as a program's would; after one that is not right
    /// the transaction is rolled back.
    pub statements: Vec<SqlStatement>,
    /// Share of the mix, relative to the others; 1 to 1,000,000.
    pub weight: u32,
    /// `{n}` is drawn from 0 to `keys - 1`, once for the whole transaction.
    pub keys: u64,
}

/// How far a transaction is kept apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see what was committed before the first one.
    RepeatableRead,
    /// As if transactions came one after the other.
    Serializable,
}

/// One statement, prepared once on each connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlStatement {
    /// The statement, with `$1`, `$2`, … for its parameters.
    pub query: String,
    /// The parameters, as text. `{n}` becomes the number that was drawn.
    pub with: Vec<String>,
    /// What a right result looks like.
    pub expect: SqlExpect,
}

/// What a right result looks like. An error of the server is an error of class `conflict` where another transaction was in
/// the way (a deadlock or a failure to serialize), and else of class `status`. No row where there should be one is an error of
/// class `miss`, and any other result one of class `check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SqlExpect {
    /// Anything but an error.
    Any,
    /// So many rows, found or changed.
    Rows(u64),
    /// The first column of the first row has this text; `{n}` becomes the number that was drawn.
    Value(String),
}

// === impl Isolation ===

impl Isolation {
    /// As SQL calls it.
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

// === impl SqlTransaction ===

impl SqlTransaction {
    /// What reports call it: its first statement, and how many follow.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let first = self.statements.first().map(|statement| statement.query.as_str()).unwrap_or_default();
        let more = self.statements.len().saturating_sub(1);
        if more == 0 { begun(first) } else { begun(&format!("{first} and {more} more")) }
    }
}
