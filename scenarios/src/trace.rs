//! Recorded arrivals: a compact list of times, and how one is read from lines of text.
//!
//! A trace is read before the start (the file itself by the caller), at most [`MOST_ARRIVALS`] of them; it is part of the
//! plan from then on. Two or three bytes an arrival are kept. Times count from the first arrival, and what stands out of
//! order is sorted: servers write an access log by when they answered.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::units::Span;

mod access_log;
mod csv;

/// The most arrivals of one trace.
pub const MOST_ARRIVALS: usize = 1_000_000;
/// The most bytes of one line.
pub const LONGEST_LINE: usize = 64 * 1024;
/// How many wrong lines are told; how many more there are is told as a number.
pub const MOST_TOLD: usize = 10;
/// What a trace can be long at most: a year.
const LONGEST_MICROS: u64 = 365 * 24 * 3_600 * 1_000_000;

/// What the lines of a trace look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceFormat {
    /// Fields between commas, semicolons or tabs, of which one is a time: seconds such as `12.5`, or a moment such as
    /// `2024-05-01T12:00:00.250Z`. It is the column that a first line names `time`, `timestamp`, `seconds` or `at`, or else
    /// the first one.
    Csv,
    /// Common or combined log format, as nginx and Apache write it. It tells whole seconds: the requests of one second
    /// are spread evenly over it.
    AccessLog,
}

/// The times of recorded arrivals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// For each arrival the microseconds since the one before, seven bits a byte, the lowest first (LEB128).
    gaps: Arc<[u8]>,
    count: u64,
    micros: u64,
}

/// The times of a trace one after the other, in microseconds since its first arrival.
#[derive(Clone, Debug)]
pub struct Times {
    gaps: Arc<[u8]>,
    at: usize,
    now: u64,
}

/// Reads a trace line by line.
#[derive(Debug)]
pub struct TraceReader {
    format: TraceFormat,
    csv: csv::Csv,
    micros: Vec<u64>,
    line: u64,
    wrong: Vec<WrongLine>,
    /// How many are wrong beyond those.
    more: u64,
}

/// A line that is no part of a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct WrongLine {
    /// Its number, from 1.
    pub line: u64,
    /// What was expected, and what was found.
    pub why: String,
}

/// Why lines make no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// Some lines are wrong.
    #[error("{}{}", joined(.lines), and_more(*.more))]
    Lines {
        /// The first of them.
        lines: Vec<WrongLine>,
        /// How many more there are.
        more: u64,
    },
    /// There is no arrival.
    #[error("expected the time of at least one arrival, found none")]
    Empty,
    /// There are too many.
    #[error("expected at most {MOST_ARRIVALS} arrivals, found more: replay a part of the trace")]
    TooMany,
    /// It is too long.
    #[error("expected a trace of at most 365 days, found one of {0} days")]
    TooLong(u64),
}

fn joined(lines: &[WrongLine]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn and_more(more: u64) -> String {
    if more == 0 { String::new() } else { format!("\nand {more} more wrong lines") }
}

// === impl Trace ===

impl Trace {
    /// The trace of these moments, in microseconds from anywhere and in any order.
    ///
    /// # Errors
    ///
    /// None, too many, or some that lie too far apart.
    pub fn of(mut micros: Vec<u64>) -> Result<Self, TraceError> {
        if micros.len() > MOST_ARRIVALS {
            return Err(TraceError::TooMany);
        }
        micros.sort_unstable();
        let (Some(first), Some(last)) = (micros.first(), micros.last()) else {
            return Err(TraceError::Empty);
        };
        let length = last - first;
        if length > LONGEST_MICROS {
            return Err(TraceError::TooLong(length / (24 * 3_600 * 1_000_000)));
        }
        let mut gaps = Vec::with_capacity(2 * micros.len());
        let mut before = *first;
        for moment in &micros {
            put(moment - before, &mut gaps);
            before = *moment;
        }
        Ok(Self { gaps: gaps.into(), count: micros.len() as u64, micros: length })
    }

    /// How many arrivals there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none: the trace was not read yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// From the first arrival to the last.
    #[must_use]
    pub const fn length(&self) -> Span {
        Span::micros(self.micros)
    }

    /// The times, in microseconds since the first arrival, never falling.
    #[must_use]
    pub fn times(&self) -> Times {
        Times { gaps: Arc::clone(&self.gaps), at: 0, now: 0 }
    }

    /// The most arrivals of any whole second, counted from the first arrival.
    #[must_use]
    pub fn most_in_a_second(&self) -> u64 {
        let (mut second, mut count, mut most) = (0, 0, 0);
        for micros in self.times() {
            let now = micros / 1_000_000;
            count = if now == second { count + 1 } else { 1 };
            (second, most) = (now, most.max(count));
        }
        most
    }
}

/// In a plan a trace stands as the gaps in microseconds.
impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        let mut before = 0;
        for micros in self.times() {
            let space = if text.is_empty() { "" } else { " " };
            write!(text, "{space}{}", micros - before).expect("writing into a String cannot fail");
            before = micros;
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut now = 0_u64;
        let mut micros = Vec::new();
        for gap in text.split_ascii_whitespace().take(MOST_ARRIVALS + 1) {
            let gap: u64 = gap.parse().map_err(de::Error::custom)?;
            now = now.saturating_add(gap);
            micros.push(now);
        }
        if micros.is_empty() { Ok(Self::default()) } else { Self::of(micros).map_err(de::Error::custom) }
    }
}

fn put(mut gap: u64, gaps: &mut Vec<u8>) {
    while gap >= 0x80 {
        gaps.push(gap as u8 | 0x80);
        gap >>= 7;
    }
    gaps.push(gap as u8);
}

// === impl Times ===

impl Iterator for Times {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let mut gap = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.gaps.get(self.at)?;
            self.at += 1;
            gap |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        self.now += gap;
        Some(self.now)
    }
}

// === impl TraceReader ===

impl TraceReader {
    /// A reader before the first line.
    #[must_use]
    pub const fn new(format: TraceFormat) -> Self {
        let csv = csv::Csv::new();
        Self { format, csv, micros: Vec::new(), line: 0, wrong: Vec::new(), more: 0 }
    }

    /// Reads the next line, with or without its end. Empty lines, and those of a CSV that begin with `#`, are passed over.
    ///
    /// # Errors
    ///
    /// Too many arrivals: the rest need not be read. What is wrong with a line is told by [`Self::finish`].
    pub fn line(&mut self, bytes: &[u8]) -> Result<(), TraceError> {
        self.line += 1;
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim();
        let read = match self.format {
            _ if text.is_empty() => Ok(None),
            _ if bytes.len() > LONGEST_LINE => {
                Err(format!("expected at most {LONGEST_LINE} bytes, found {}", bytes.len()))
            }
            TraceFormat::Csv => self.csv.line(text),
            TraceFormat::AccessLog => access_log::line(text).map(Some),
        };
        match read {
            Ok(None) => {}
            Ok(Some(_)) if self.micros.len() == MOST_ARRIVALS => return Err(TraceError::TooMany),
            Ok(Some(micros)) => self.micros.push(micros),
            Err(why) if self.wrong.len() < MOST_TOLD => {
                self.wrong.push(WrongLine { line: self.line, why });
            }
            Err(_) => self.more += 1,
        }
        Ok(())
    }

    /// The trace of all lines.
    ///
    /// # Errors
    ///
    /// Wrong lines, or what [`Trace::of`] refuses.
    pub fn finish(mut self) -> Result<Trace, TraceError> {
        if !self.wrong.is_empty() {
            return Err(TraceError::Lines { lines: self.wrong, more: self.more });
        }
        if self.format == TraceFormat::AccessLog {
            self.micros.sort_unstable();
            spread_seconds(&mut self.micros);
        }
        Trace::of(self.micros)
    }
}

/// Spreads what stands at one moment evenly over the second that follows it. The moments are sorted, whole seconds.
fn spread_seconds(micros: &mut [u64]) {
    for second in micros.chunk_by_mut(|one, other| one == other) {
        let count = second.len() as u64;
        for (number, moment) in (0..).zip(second) {
            *moment += number * 1_000_000 / count;
        }
    }
}

/// What is quoted of a wrong text.
fn quoted(text: &str) -> String {
    format!("`{}`", crate::syntax::shortened(text))
}

#[cfg(test)]
mod tests;
