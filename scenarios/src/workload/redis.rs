//! What is asked of a Redis: commands, alone or in pipelines, and what a right reply to each looks like.

use serde::{Deserialize, Serialize};

use super::{Arrivals, Destination, Habits, Tls, begun};
use crate::units::Span;

/// Redis commands on kept connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisWorkload {
    /// The path the load takes.
    pub to: Destination,
    /// When commands are due.
    pub arrivals: Arrivals,
    /// A command (or a whole pipeline) that is not answered this long after it was sent is an error of class `timeout`.
    pub timeout: Span,
    /// How many connections may be open at once, 1 to 10,000.
    pub connections: u32,
    /// How connections are used.
    #[serde(default)]
    pub habits: Habits,
    /// TLS on every connection; `None`: it is spoken in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Which form of the protocol is spoken.
    pub protocol: Resp,
    /// Who the connections log in as; `None`: the default user, or nobody.
    pub user: Option<String>,
    /// The environment variable of this program that holds the password; `None`: connections do not log in. Only its name is
    /// ever written anywhere.
    pub password_env: Option<String>,
    /// The mix; one is drawn for each arrival, by weight.
    pub commands: Vec<RedisRequest>,
}

/// The forms of Redis's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resp {
    /// RESP2, which every Redis speaks.
    Resp2,
    /// RESP3: each connection asks for it by `HELLO 3` (Redis 6 and later).
    Resp3,
}

/// One kind of request of a mix: commands that are sent at once and answered in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisRequest {
    /// The commands; more than one is a pipeline. It is right when all its replies are.
    pub commands: Vec<RedisCommand>,
    /// Share of the mix, relative to the others; 1 to 1,000,000.
    pub weight: u32,
    /// `{n}` is drawn from 0 to `keys - 1`, once for the whole request.
    pub keys: u64,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisCommand {
    /// The command's name and its arguments. `{n}` becomes the number that was drawn.
    pub arguments: Vec<String>,
    /// What a right reply looks like.
    pub expect: RedisExpect,
}

/// What a right reply looks like. An error where none is expected is an error of class `status`, a nil where something
/// should be found one of class `miss`, and any other reply one of class `check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedisExpect {
    /// Anything but an error.
    Any,
    /// Neither an error nor nil. A share of hits is what is left by the errors of class `miss`.
    Found,
    /// A whole number.
    Whole,
    /// This text; `{n}` becomes the number that was drawn.
    Text(String),
    /// Nil, or this text: a cache may forget, and must not answer wrongly.
    NilOr(String),
    /// An error that begins with this, such as `WRONGTYPE`: a clean refusal.
    Error(String),
}

// === impl RedisRequest ===

impl RedisRequest {
    /// What reports call it: its first command, `GET item:{n}`, and how many follow in a pipeline.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let first = self.commands.first().map(|command| command.arguments.join(" ")).unwrap_or_default();
        let more = self.commands.len().saturating_sub(1);
        if more == 0 { begun(&first) } else { begun(&format!("{first} and {more} more")) }
    }
}
