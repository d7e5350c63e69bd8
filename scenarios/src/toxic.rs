//! Toxics: what can be done to the connections of a link, and to whom, as words and numbers.
//!
//! This is vocabulary only: it says what is asked for and what is wrong with it. How a toxic decides about a chunk
//! of bytes is `shakedown-faults`' part.

mod aim;
mod problems;
mod profile;
mod words;

use serde::{Deserialize, Serialize};

use crate::target::Way;
use crate::units::{Bandwidth, Ratio, Size, Span};

pub use aim::{Aim, Network, NetworkError};
pub use problems::ToxicProblem;
pub use profile::{PROFILES, Profile};

/// A fault on the bytes of a link's connections, or on how its connections come about. Names are Toxiproxy's where it
/// has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Toxic {
    /// Nothing. It is there to be seen.
    Noop {},
    /// Every chunk is delivered later. Order is kept, and each chunk has a deadline of its own, so that delays never add
    /// up over queued chunks.
    Latency {
        /// The mean delay.
        delay: Span,
        /// How far delays spread around it; see [`Distribution`]. What would be below zero is zero.
        #[serde(default)]
        jitter: Span,
        /// How they spread.
        #[serde(default)]
        distribution: Distribution,
        /// How much a delay resembles the one before it, 0 to 1 (not 1): the correlation of an AR(1) process under
        /// the distribution (a Gaussian copula), so that the distribution itself stays what it is.
        #[serde(default)]
        correlation: Ratio,
    },
    /// A latency that rises and falls with time: from zero to `amplitude` and back in each `period`.
    Wave {
        /// Its course.
        shape: Shape,
        /// The most it delays.
        amplitude: Span,
        /// The length of one rise and fall.
        period: Span,
        /// Where in its period it begins.
        #[serde(default)]
        phase: Span,
    },
    /// Nothing passes for `hold`, again and again; what came meanwhile follows at once.
    Stall {
        /// From the beginning of one stall to that of the next. The first begins with the toxic.
        every: Span,
        /// How long each takes.
        hold: Span,
    },
    /// At most so many bytes a second pass.
    Bandwidth {
        /// The limit; zero stalls.
        rate: Bandwidth,
        /// Who shares it.
        #[serde(default)]
        per: Per,
        /// What may be saved up while nothing is sent.
        #[serde(default = "default_burst")]
        burst: Span,
    },
    /// Data is cut into small pieces.
    Slicer {
        /// The average size of a piece.
        average: Size,
        /// How far sizes spread around it, evenly.
        #[serde(default)]
        variation: Size,
        /// Pause between two pieces.
        #[serde(default)]
        delay: Span,
    },
    /// Small chunks wait for each other, as Nagle's algorithm makes them.
    Coalesce {
        /// The longest that a byte waits.
        window: Span,
        /// So many bytes do not wait any longer.
        #[serde(default = "default_coalesce")]
        size: Size,
    },
    /// After so many bytes a connection comes to its end.
    LimitData {
        /// The bytes that pass.
        bytes: Size,
        /// The end.
        #[serde(default)]
        then: Ending,
    },
    /// After so long a time a connection comes to its end, whether or not anything was sent.
    LimitTime {
        /// The time, from the connection's begin or the toxic's, whichever is later.
        after: Span,
        /// The end.
        #[serde(default)]
        then: Ending,
    },
    /// Bytes are taken and lost; connections are closed after a while, and when it heals.
    Timeout {
        /// The while, from the connection's begin or the toxic's, whichever is later; zero: it never ends by itself.
        #[serde(default)]
        after: Span,
    },
    /// Bytes vanish, or get stuck.
    Blackhole {
        /// Which of the two.
        #[serde(default)]
        mode: Blackhole,
    },
    /// Bytes stop, with back-pressure, and go on when it heals, as in a network that is cut and joined again.
    /// New connections are accepted but get nowhere.
    Partition {},
    /// The proxy reads slowly, so that the sender's own buffers fill up.
    SlowRead {
        /// Bytes read a second.
        rate: Bandwidth,
        /// The kernel's receive buffer is made so small; none: as it is.
        #[serde(default)]
        window: Option<Size>,
    },
    /// The end of a stream is passed on later than its bytes.
    SlowClose {
        /// How much later.
        delay: Span,
    },
    /// The end of a stream is not passed on: the other side is never told that nothing more will come.
    DropEnd {},
    /// Connections are reset (a RST), idle ones too; new ones as soon as their time has come.
    Reset {
        /// How long after the connection's begin or the toxic's, whichever is later.
        #[serde(default)]
        after: Span,
        /// Who gets the RST; the other side sees an orderly end.
        #[serde(default)]
        side: Side,
    },
    /// New connections are refused by the kernel; open ones stay.
    Refuse {},
    /// New connections are accepted and closed at once.
    CloseOnAccept {},
    /// New connections are accepted, and then nothing ever happens.
    HangOnAccept {},
    /// New connections get no answer at all: the kernel drops their SYN, as a dead host or a full backlog does.
    DropSyn {},
    /// Bytes are changed. A connection of which some were is reset when it heals: what came through is not what was sent.
    Corrupt {
        /// How likely.
        probability: Ratio,
        /// Of what.
        #[serde(default)]
        per: Grain,
        /// Into what.
        #[serde(default)]
        damage: Damage,
    },
    /// Chunks are sent twice. It breaks the stream: for tests of protocols. Connections that it broke are reset when it
    /// heals.
    Duplicate {
        /// How likely, for each chunk.
        probability: Ratio,
    },
    /// Chunks change places with the one behind them. It breaks the stream: for tests of protocols. Connections that it broke are reset when it
    /// heals.
    Reorder {
        /// How likely, for each chunk.
        probability: Ratio,
    },
    /// Chunks lose their second half. It breaks the stream: for tests of protocols. Connections that it broke are reset when it
    /// heals.
    Truncate {
        /// How likely, for each chunk.
        probability: Ratio,
    },
    /// Stalls such as lost packets cause in TCP: a chunk that is "lost" comes after a retransmission timeout, and all that
    /// follow wait for it. Losses come in bursts by the model of Gilbert and Elliott.
    Loss {
        /// p: how likely the good state turns bad, at each chunk.
        bad: Ratio,
        /// r: how likely the bad state turns good.
        #[serde(default = "certain")]
        good: Ratio,
        /// 1-h: how likely a chunk is lost in the bad state.
        #[serde(default = "certain")]
        loss_in_bad: Ratio,
        /// 1-k: how likely a chunk is lost in the good state.
        #[serde(default)]
        loss_in_good: Ratio,
        /// The first retransmission timeout; it doubles for each further loss of the same chunk (RFC 6298), six times at
        /// most.
        #[serde(default = "default_rto")]
        rto: Span,
    },
    /// What happens when the proxy connects to the target for a new connection.
    Dial {
        /// It connects so much later.
        #[serde(default)]
        delay: Span,
        /// And then?
        #[serde(default)]
        outcome: Dialled,
    },
}

/// How delays spread. Each but `Constant` has the mean and the standard deviation that are asked for, `Uniform` the
/// whole width.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Distribution {
    /// Every delay is `delay`.
    Constant,
    /// Evenly from `delay - jitter` to `delay + jitter`.
    #[default]
    Uniform,
    /// The normal distribution; the standard deviation is `jitter`.
    Normal,
    /// The lognormal distribution: a long tail.
    LogNormal,
    /// The Pareto distribution: a heavy tail.
    Pareto,
    /// A quarter normal and three quarters Pareto, as `tc netem` mixes them.
    ParetoNormal,
    /// `delay - jitter` and an exponentially distributed time with mean `jitter`.
    Exponential,
    /// Drawn evenly from delays that were measured somewhere, 1 to 10,000 of them; `delay` is added.
    Trace(Vec<Span>),
}

/// The course of a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// A sine.
    Sine,
    /// Nothing for half a period, everything for the other half.
    Square,
    /// It rises and falls down.
    Saw,
    /// It rises and falls evenly.
    Triangle,
}

/// Who shares a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Per {
    /// Nobody: each way of each connection has its own.
    #[default]
    Connection,
    /// All connections of a link, each way for itself.
    Link,
    /// All connections from one address, each way for itself.
    Client,
}

/// How a connection is ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Both sides are closed in order.
    #[default]
    Close,
    /// Both sides are reset.
    Reset,
    /// It stays open, and nothing passes any more.
    Stall,
}

/// What a black hole does with bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blackhole {
    /// They are read and lost, ends of streams too; connections that lost some are reset when it heals.
    #[default]
    Drop,
    /// They are not read any more: the sender's buffers fill up. Nothing is lost.
    Hold,
}

/// One side of a connection, or either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Both.
    #[default]
    Both,
    /// The client.
    Client,
    /// The target.
    Server,
}

/// What a probability is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grain {
    /// Of each byte.
    #[default]
    Byte,
    /// Of each chunk, of which one byte is changed then.
    Chunk,
}

/// What becomes of a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Damage {
    /// One of its bits is turned over.
    #[default]
    FlipBit,
    /// It is zero.
    Zero,
    /// It is any other byte.
    Random,
}

/// What comes of a connect to the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialled {
    /// It succeeds as it would have.
    #[default]
    Connect,
    /// It fails: the client is reset, as by a target that refuses.
    Fail,
    /// It never comes to an answer, until the proxy gives up after its dial timeout.
    Hang,
    /// The target's name is not found: the client is closed in order, as a proxy without DNS does.
    NoName,
    /// It goes to another address, `host:port`.
    Elsewhere(String),
}

const fn default_burst() -> Span {
    Toxic::BURST
}

const fn default_coalesce() -> Size {
    Toxic::COALESCED
}

const fn default_rto() -> Span {
    Toxic::RTO
}

fn certain() -> Ratio {
    Ratio::new(1.0).unwrap_or_default()
}

// === impl Toxic ===

impl Toxic {
    /// What a bandwidth lets be saved up if nothing else is said: enough to make up for a timer that wakes late, and far
    /// below what a client would feel as a burst.
    pub const BURST: Span = Span::millis(20);

    /// When coalesced bytes go without waiting if nothing else is said: a TCP segment on an Ethernet.
    pub const COALESCED: Size = Size::bytes(1_460);

    /// The retransmission timeout if nothing else is said: the least that Linux uses (`TCP_RTO_MIN`).
    pub const RTO: Span = Span::millis(200);

    /// The names of all toxics, as they stand in a file.
    pub const KINDS: [&'static str; 25] = [
        "Latency",
        "Wave",
        "Stall",
        "Bandwidth",
        "Slicer",
        "Coalesce",
        "LimitData",
        "LimitTime",
        "Timeout",
        "Blackhole",
        "Partition",
        "SlowRead",
        "SlowClose",
        "DropEnd",
        "Reset",
        "Refuse",
        "CloseOnAccept",
        "HangOnAccept",
        "DropSyn",
        "Corrupt",
        "Duplicate",
        "Reorder",
        "Truncate",
        "Loss",
        "Dial",
    ];

    /// The name of this toxic, one of [`Toxic::KINDS`], or `Noop`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Noop {} => "Noop",
            Self::Latency { .. } => "Latency",
            Self::Wave { .. } => "Wave",
            Self::Stall { .. } => "Stall",
            Self::Bandwidth { .. } => "Bandwidth",
            Self::Slicer { .. } => "Slicer",
            Self::Coalesce { .. } => "Coalesce",
            Self::LimitData { .. } => "LimitData",
            Self::LimitTime { .. } => "LimitTime",
            Self::Timeout { .. } => "Timeout",
            Self::Blackhole { .. } => "Blackhole",
            Self::Partition {} => "Partition",
            Self::SlowRead { .. } => "SlowRead",
            Self::SlowClose { .. } => "SlowClose",
            Self::DropEnd {} => "DropEnd",
            Self::Reset { .. } => "Reset",
            Self::Refuse {} => "Refuse",
            Self::CloseOnAccept {} => "CloseOnAccept",
            Self::HangOnAccept {} => "HangOnAccept",
            Self::DropSyn {} => "DropSyn",
            Self::Corrupt { .. } => "Corrupt",
            Self::Duplicate { .. } => "Duplicate",
            Self::Reorder { .. } => "Reorder",
            Self::Truncate { .. } => "Truncate",
            Self::Loss { .. } => "Loss",
            Self::Dial { .. } => "Dial",
        }
    }

    /// A constant latency.
    #[must_use]
    pub fn latency(delay: Span) -> Self {
        Self::jittery(delay, Span::ZERO)
    }

    /// A latency that spreads evenly from `delay - jitter` to `delay + jitter`.
    #[must_use]
    pub fn jittery(delay: Span, jitter: Span) -> Self {
        Self::Latency { delay, jitter, distribution: Distribution::Uniform, correlation: Ratio::default() }
    }

    /// A limit for each way of each connection.
    #[must_use]
    pub const fn bandwidth(rate: Bandwidth) -> Self {
        Self::Bandwidth { rate, per: Per::Connection, burst: Self::BURST }
    }

    /// A RST for both sides, at once.
    #[must_use]
    pub const fn reset() -> Self {
        Self::Reset { after: Span::ZERO, side: Side::Both }
    }

    /// Whether the whole door of a link is meant, so that it cannot be aimed at some of its connections.
    #[must_use]
    pub const fn shuts_the_door(&self) -> bool {
        matches!(self, Self::Refuse {} | Self::DropSyn {})
    }

    /// Whether it does something to the bytes of a way, so that it matters which.
    #[must_use]
    pub const fn has_ways(&self) -> bool {
        !self.is_about_connecting() && !matches!(self, Self::Reset { .. } | Self::LimitTime { .. })
    }

    /// The way that is meant where none is said: both for what cuts a connection, downstream for what
    /// changes its pace or its bytes, as in Toxiproxy.
    #[must_use]
    pub const fn usual_way(&self) -> Way {
        match self {
            Self::Timeout { .. } | Self::Blackhole { .. } | Self::Partition {} => Way::Both,
            _ if self.has_ways() => Way::Downstream,
            _ => Way::Both,
        }
    }

    /// Whether it is about connections that come about and leaves their bytes alone.
    #[must_use]
    pub const fn is_about_connecting(&self) -> bool {
        matches!(
            self,
            Self::Refuse {}
                | Self::DropSyn {}
                | Self::CloseOnAccept {}
                | Self::HangOnAccept {}
                | Self::Dial { .. }
        )
    }
}
