//! Quantities as people write them: `250ms`, `500/s`, `1%`, `64MiB`, `1MB/s`.
//!
//! Every quantity parses from and prints to the form an experiment uses, and refuses what it cannot mean with a
//! sentence that names the right form. Nothing here knows where a quantity is used; ranges that depend on the
//! use (a share above 100 %, a phase of no length) are judged by `check`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time with nanosecond grain; written `250ms`, `1m 30s`, `48h`. The longest is 365 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

/// How often something happens; written `500/s`, `30/min`, `2/h`. Kept as events a second, 0 to 10 million.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// A part of a whole; written `1%`, `0.5%` or as a number from 0 to 1. Kept as that number; it may exceed 1 where
/// the use allows it (`150%` of a core).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Ratio(f64);

/// An amount of memory or data in bytes; written `64MiB`, `1.5GB`, `512KiB`, `100B`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

/// A data rate in bytes a second; written `1MB/s`, `64KiB/s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth(u64);

/// Why a quantity could not be read: what was expected, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found `{found}`")]
pub struct UnitError {
    /// What would have been right, with examples.
    pub expected: &'static str,
    /// The text that was found.
    pub found: String,
}

const SPAN_FORM: &str = "a length of time such as `250ms`, `10s` or `1m 30s` (at most 365d)";
const RATE_FORM: &str = "a rate such as `500/s`, `30/min` or `2/h` (at most 10000000/s)";
const RATIO_FORM: &str = "a ratio such as `1%`, `0.5%` or a number such as `0.01`";
const SIZE_FORM: &str = "a size such as `64MiB`, `1.5GB` or `100B` (at most 1EiB)";
const BANDWIDTH_FORM: &str = "a data rate such as `1MB/s` or `64KiB/s`";
const LONGEST: u64 = 365 * 24 * 3600 * 1_000_000_000;
const FASTEST: f64 = 10_000_000.0;

impl UnitError {
    fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: found.chars().take(60).collect() }
    }
}

// === impl Span ===

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole nanoseconds.
    #[must_use]
    pub const fn nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A span of whole microseconds.
    #[must_use]
    pub const fn micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A span of whole seconds.
    #[must_use]
    pub const fn secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// A span of seconds with a fraction; what is negative or not a number becomes zero.
    #[must_use]
    pub fn secs_f64(secs: f64) -> Self {
        // A float-to-integer `as` saturates and sends NaN to zero, which is what is wanted here.
        Self((secs * 1e9).round() as u64)
    }

    /// The whole nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The whole microseconds, rounded down.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// The seconds with their fraction.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The same length as the standard library's type.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// `self + other`, at most the largest representable span.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self - other`, at least zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(SPAN_FORM, text);
        let duration = humantime::parse_duration(text.trim()).map_err(|_| wrong())?;
        let nanos = u64::try_from(duration.as_nanos()).map_err(|_| wrong())?;
        if nanos > LONGEST { Err(wrong()) } else { Ok(Self(nanos)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&humantime::format_duration(self.duration()).to_string())
    }
}

// === impl Rate ===

impl Rate {
    /// A rate of so many events a second; `None` where that is negative, not a number or above 10 million.
    #[must_use]
    pub fn per_second(events: f64) -> Option<Self> {
        (events.is_finite() && (0.0..=FASTEST).contains(&events)).then_some(Self(events))
    }

    /// Events a second.
    #[must_use]
    pub const fn hertz(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(RATE_FORM, text);
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let seconds = match unit.trim() {
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        Self::per_second(number / seconds).ok_or_else(wrong)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The coarsest unit in which the number is whole reads best and parses back to the same value.
        for (unit, seconds) in [("s", 1.0), ("min", 60.0), ("h", 3600.0)] {
            let number = self.0 * seconds;
            if number == 0.0 || (number.fract() == 0.0 && number / seconds == self.0) {
                return f.pad(&format!("{number}/{unit}"));
            }
        }
        f.pad(&format!("{}/s", self.0))
    }
}

// === impl Ratio ===

impl Ratio {
    /// A ratio from a number; `None` where that is negative, not a number or above 10,000.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && (0.0..=10_000.0).contains(&value)).then_some(Self(value))
    }

    /// The number: 0.01 for `1%`.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl FromStr for Ratio {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(RATIO_FORM, text);
        let text_trimmed = text.trim();
        let value = match text_trimmed.strip_suffix('%') {
            Some(number) => number.trim().parse::<f64>().map_err(|_| wrong())? / 100.0,
            None => text_trimmed.parse::<f64>().map_err(|_| wrong())?,
        };
        Self::new(value).ok_or_else(wrong)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        // `0.07 * 100` is not 7: print the short form only where it reads back to the very same number.
        let short = format!("{}", (percent * 1e9).round() / 1e9);
        let exact = short.parse::<f64>().is_ok_and(|number| number / 100.0 == self.0);
        if exact { f.pad(&format!("{short}%")) } else { f.pad(&format!("{}", self.0)) }
    }
}

// === impl Size ===

impl Size {
    /// A size in bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(SIZE_FORM, text);
        let bytes = text.trim().parse::<bytesize::ByteSize>().map_err(|_| wrong())?.as_u64();
        if bytes > 1 << 60 { Err(wrong()) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&exact_bytes(self.0))
    }
}

// === impl Bandwidth ===

impl Bandwidth {
    /// A data rate in bytes a second.
    #[must_use]
    pub const fn bytes_per_second(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes a second.
    #[must_use]
    pub const fn as_bytes_per_second(self) -> u64 {
        self.0
    }
}

impl FromStr for Bandwidth {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(BANDWIDTH_FORM, text);
        let size = text.trim().strip_suffix("/s").ok_or_else(wrong)?;
        size.trim().parse::<Size>().map(|size| Self(size.0)).map_err(|_| wrong())
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", exact_bytes(self.0)))
    }
}

/// The largest unit in which the number of bytes is whole, so that nothing is lost in print.
fn exact_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 8] = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("kB", 1_000),
    ];
    let whole = UNITS.iter().find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

/// Quantities travel through serde as the text people write.
macro_rules! serde_as_text {
    ($($unit:ty),*) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(Span, Rate, Ratio, Size, Bandwidth);
