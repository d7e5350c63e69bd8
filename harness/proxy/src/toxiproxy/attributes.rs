//! Toxiproxy's toxics: their names, their attributes and what they mean in our words.
//!
//! Every attribute is a whole number of 64 bits, zero where nothing is said. What can be meant is narrower than what
//! Toxiproxy accepts: a value that would have killed it, or that means nothing, is refused with the reason. Zero stays
//! allowed where its clients use it (`rate: 0` stalls, `latency: 0` does nothing until it is updated).

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use shakedown_scenarios::toxic::{Distribution, Ending, Per, Side, Toxic};
use shakedown_scenarios::units::{Bandwidth, Size, Span};

use super::json::Fields;
use crate::error::ApiError;

/// The type of a toxic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Noop,
    /// Later.
    Latency,
    /// Slower.
    Bandwidth,
    /// Ends of streams later.
    SlowClose,
    /// Lost, and closed after a while.
    Timeout,
    /// Reset.
    ResetPeer,
    /// In pieces.
    Slicer,
    /// Closed after so many bytes.
    LimitData,
}

/// A toxic's type and the values of its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    kind: Kind,
    /// In the order of the kind's words; more than it has are zero.
    values: [i64; 3],
}

/// An attribute: its name, and the most that it may be.
type Attribute = (&'static str, i64);

/// As for delays of our own: no sum of delays leaves the range of a span.
const DAY_MILLIS: i64 = 24 * 3600 * 1_000;
const YEAR_MILLIS: i64 = 365 * DAY_MILLIS;
const DAY_MICROS: i64 = DAY_MILLIS * 1_000;
/// A terabyte a second, in kB/s.
const FASTEST: i64 = 1_000_000_000;
const LARGEST: i64 = 1 << 60;
/// Toxiproxy's kilobyte.
const KILOBYTE: i64 = 1_000;

const KINDS: [Kind; 8] = [
    Kind::Noop,
    Kind::Latency,
    Kind::Bandwidth,
    Kind::SlowClose,
    Kind::Timeout,
    Kind::ResetPeer,
    Kind::Slicer,
    Kind::LimitData,
];

// === impl Kind ===

impl Kind {
    /// The type of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.word() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Latency => "latency",
            Self::Bandwidth => "bandwidth",
            Self::SlowClose => "slow_close",
            Self::Timeout => "timeout",
            Self::ResetPeer => "reset_peer",
            Self::Slicer => "slicer",
            Self::LimitData => "limit_data",
        }
    }

    const fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::Noop => &[],
            Self::Latency => &[("latency", DAY_MILLIS), ("jitter", DAY_MILLIS)],
            Self::Bandwidth => &[("rate", FASTEST)],
            Self::SlowClose => &[("delay", DAY_MILLIS)],
            Self::Timeout | Self::ResetPeer => &[("timeout", YEAR_MILLIS)],
            Self::Slicer => &[("average_size", LARGEST), ("size_variation", LARGEST), ("delay", DAY_MICROS)],
            Self::LimitData => &[("bytes", LARGEST)],
        }
    }
}

// === impl Attributes ===

impl Attributes {
    /// All zero.
    #[must_use]
    pub const fn zero(kind: Kind) -> Self {
        Self { kind, values: [0; 3] }
    }

    /// The toxic's type.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// With those values that fields say something about; unknown fields are ignored.
    ///
    /// # Errors
    /// If a value is no whole number, or cannot be meant.
    pub fn with(mut self, fields: &Fields) -> Result<Self, ApiError> {
        for ((name, _), value) in self.kind.attributes().iter().zip(&mut self.values) {
            *value = fields.int(name)?.unwrap_or(*value);
        }
        self.check().map(|()| self)
    }

    fn check(&self) -> Result<(), ApiError> {
        for ((name, most), value) in self.kind.attributes().iter().zip(self.values) {
            if !(0..=*most).contains(&value) {
                return Err(wrong(format!("{name} is {value}; allowed are 0 to {most}")));
            }
        }
        match (self.kind, self.values) {
            (Kind::Slicer, [0, ..]) => {
                Err(wrong("average_size is 0; pieces have at least 1 byte".to_owned()))
            }
            (Kind::Slicer, [average, variation, _]) if variation > average => {
                let why = "with average_size";
                Err(wrong(format!(
                    "size_variation is {variation}; allowed are 0 to {average} {why} {average}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// What it means in our words.
    #[must_use]
    pub fn toxic(&self) -> Toxic {
        let [first, second, third] = self.values.map(i64::unsigned_abs);
        match self.kind {
            Kind::Latency if first + second > 0 => Toxic::jittery(Span::millis(first), Span::millis(second)),
            Kind::SlowClose if first > 0 => Toxic::SlowClose { delay: Span::millis(first) },
            Kind::Noop | Kind::Latency | Kind::SlowClose => Toxic::Noop {},
            Kind::Bandwidth => {
                Toxic::bandwidth(Bandwidth::bytes_per_second(first.saturating_mul(KILOBYTE.unsigned_abs())))
            }
            Kind::Timeout => Toxic::Timeout { after: Span::millis(first) },
            Kind::ResetPeer => Toxic::Reset { after: Span::millis(first), side: Side::Both },
            // A piece of no bytes is none: a variation as large as the average is taken as one less.
            Kind::Slicer => Toxic::Slicer {
                average: Size::bytes(first),
                variation: Size::bytes(second.min(first.saturating_sub(1))),
                delay: Span::micros(third),
            },
            Kind::LimitData => Toxic::LimitData { bytes: Size::bytes(first), then: Ending::Close },
        }
    }

    /// A toxic of ours in Toxiproxy's words; `None` where these do not say all of it.
    #[must_use]
    pub fn of(toxic: &Toxic) -> Option<Self> {
        let (kind, values) = match toxic {
            Toxic::Noop {} => (Kind::Noop, [0; 3]),
            Toxic::Latency { delay, jitter, distribution: Distribution::Uniform, correlation }
                if correlation.value() == 0.0 =>
            {
                (Kind::Latency, [millis(*delay)?, millis(*jitter)?, 0])
            }
            Toxic::Bandwidth { rate, per: Per::Connection, burst } if *burst == Toxic::BURST => {
                (Kind::Bandwidth, [whole(rate.as_bytes_per_second(), KILOBYTE)?, 0, 0])
            }
            Toxic::SlowClose { delay } => (Kind::SlowClose, [millis(*delay)?, 0, 0]),
            Toxic::Timeout { after } => (Kind::Timeout, [millis(*after)?, 0, 0]),
            Toxic::Reset { after, side: Side::Both } => (Kind::ResetPeer, [millis(*after)?, 0, 0]),
            Toxic::Slicer { average, variation, delay } => {
                let sizes = [*average, *variation].map(Size::as_bytes);
                let delay = whole(delay.as_nanos(), 1_000)?;
                (Kind::Slicer, [whole(sizes[0], 1)?, whole(sizes[1], 1)?, delay])
            }
            Toxic::LimitData { bytes, then: Ending::Close } => {
                (Kind::LimitData, [whole(bytes.as_bytes(), 1)?, 0, 0])
            }
            _ => return None,
        };
        let attributes = Self { kind, values };
        attributes.check().is_ok().then_some(attributes)
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attributes = self.kind.attributes();
        let mut map = serializer.serialize_map(Some(attributes.len()))?;
        for ((name, _), value) in attributes.iter().zip(self.values) {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

fn wrong(what: String) -> ApiError {
    ApiError::Value(what)
}

fn millis(span: Span) -> Option<i64> {
    whole(span.as_nanos(), 1_000_000)
}

/// How often a unit is in an amount, if nothing is left over.
fn whole(amount: u64, unit: i64) -> Option<i64> {
    let amount = i64::try_from(amount).ok()?;
    (amount % unit == 0).then_some(amount / unit)
}

#[cfg(test)]
mod tests {
    use shakedown_scenarios::toxic::Aim;

    use super::*;
    use crate::toxiproxy::json;

    fn parse(kind: &str, attributes: &str) -> Result<Attributes, String> {
        let zero = Attributes::zero(Kind::find(kind).unwrap());
        zero.with(&json::read(attributes).unwrap()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn means(kind: &str, attributes: &str, expected: Toxic) {
        let attributes = parse(kind, attributes).unwrap();
        assert_eq!(attributes.toxic(), expected, "{kind}");
        assert_eq!(attributes.toxic().problems(&Aim::default()), [], "{kind}");
    }

    #[test]
    fn units_are_those_of_toxiproxy() {
        let ms = Span::millis;
        means("noop", "{}", Toxic::Noop {});
        means("latency", r#"{"latency":100,"jitter":20}"#, Toxic::jittery(ms(100), ms(20)));
        means("bandwidth", r#"{"rate":2}"#, Toxic::bandwidth(Bandwidth::bytes_per_second(2_000)));
        means("slow_close", r#"{"delay":7}"#, Toxic::SlowClose { delay: ms(7) });
        means("timeout", r#"{"timeout":500}"#, Toxic::Timeout { after: ms(500) });
        means("reset_peer", r#"{"timeout":5}"#, Toxic::Reset { after: ms(5), side: Side::Both });
        let (average, variation) = (Size::bytes(100), Size::bytes(20));
        let slicer = Toxic::Slicer { average, variation, delay: Span::micros(30) };
        means("slicer", r#"{"average_size":100,"size_variation":20,"delay":30}"#, slicer);
        means(
            "limit_data",
            r#"{"bytes":9}"#,
            Toxic::LimitData { bytes: Size::bytes(9), then: Ending::Close },
        );
    }

    #[test]
    fn zero_is_allowed_where_clients_use_it() {
        for (kind, expected) in [
            ("latency", Toxic::Noop {}),
            ("slow_close", Toxic::Noop {}),
            ("bandwidth", Toxic::bandwidth(Bandwidth::default())),
            ("timeout", Toxic::Timeout { after: Span::ZERO }),
            ("reset_peer", Toxic::reset()),
            ("limit_data", Toxic::LimitData { bytes: Size::default(), then: Ending::Close }),
        ] {
            means(kind, "{}", expected);
        }
    }

    #[test]
    fn what_killed_toxiproxy_is_refused_with_the_reason() {
        let refused = |kind, attributes, why: &str| {
            assert_eq!(parse(kind, attributes), Err(format!("invalid value: {why}")), "{attributes}");
        };
        refused("bandwidth", r#"{"rate":-1}"#, "rate is -1; allowed are 0 to 1000000000");
        refused("slicer", "{}", "average_size is 0; pieces have at least 1 byte");
        refused(
            "slicer",
            r#"{"average_size":10,"size_variation":11}"#,
            "size_variation is 11; allowed are 0 to 10 with average_size 10",
        );
        refused(
            "latency",
            r#"{"jitter":4611686018427387904}"#,
            "jitter is 4611686018427387904; allowed are 0 to 86400000",
        );
    }

    #[test]
    fn what_toxiproxy_can_say_is_said_in_its_words() {
        for (kind, attributes) in [
            ("latency", r#"{"latency":100,"jitter":20}"#),
            ("bandwidth", r#"{"rate":2}"#),
            ("slow_close", r#"{"delay":7}"#),
            ("timeout", r#"{"timeout":500}"#),
            ("reset_peer", r#"{"timeout":5}"#),
            ("slicer", r#"{"average_size":100,"size_variation":20,"delay":30}"#),
            ("limit_data", r#"{"bytes":9}"#),
        ] {
            let parsed = parse(kind, attributes).unwrap();
            assert_eq!(Attributes::of(&parsed.toxic()), Some(parsed));
            assert_eq!(serde_json::to_string(&parsed).unwrap(), attributes);
        }
        assert_eq!(Attributes::of(&Toxic::Partition {}), None);
        assert_eq!(Attributes::of(&Toxic::latency(Span::micros(1))), None);
    }

    #[test]
    fn an_update_changes_what_it_names() {
        let first = parse("latency", r#"{"latency":100,"jitter":20}"#).unwrap();
        let second = first.with(&json::read(r#"{"Jitter":5,"rate":"x"}"#).unwrap()).unwrap();
        assert_eq!(serde_json::to_string(&second).unwrap(), r#"{"latency":100,"jitter":5}"#);
    }
}
