//! What is said of a history.

/// Is it consistent?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    True,
    /// It is not.
    False,
    /// Time or memory did not suffice.
    Unknown,
}

/// Why a history is not consistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The key of it, a number among the history's keys.
    pub key: u32,
    /// The operation that cannot be.
    pub stuck: u32,
    /// The operations that show it, in the order in which they began; empty where only a search found it:
    /// [`explain`](crate::explain) finds them.
    pub shown_by: Vec<u32>,
    /// In words.
    pub what: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Is it?
    pub verdict: Verdict,
    /// Why not.
    pub failure: Option<Failure>,
    /// Why nobody knows.
    pub why: Option<String>,
}

/// The shortest run of lines that shows a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The operations in it, in the order in which they began.
    pub ops: Vec<u32>,
    /// It fails whatever the state before it was; else it begins with the history.
    pub from_any_state: bool,
    /// Operations from before it that were never known to have ended, and may have happened in it.
    pub open_before: usize,
}

// === impl Verdict ===

impl Verdict {
    /// The word that scripts read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}
