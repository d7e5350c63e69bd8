//! Quantities as people read them: with a unit, three digits, and moments as offsets into the run.

use serde::{Deserialize, Serialize};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Unit {
    /// Microseconds.
    Micros,
    /// Seconds.
    Seconds,
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Processor cores in use.
    Cores,
    /// A part of a whole, 0 to 1.
    Ratio,
    /// Bytes an hour.
    BytesPerHour,
    /// Things an hour.
    PerHour,
}

// === impl Unit ===

impl Unit {
    /// The unit of its growth over an hour.
    #[must_use]
    pub const fn per_hour(self) -> Self {
        match self {
            Self::Bytes => Self::BytesPerHour,
            _ => Self::PerHour,
        }
    }

    /// A value with its unit: `342 ms`, `1.21 GiB`, `0.12 %`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        if !value.is_finite() {
            return "not a number".into();
        }
        match self {
            Self::Micros => seconds(value / 1e6),
            Self::Seconds => seconds(value),
            Self::Count => count(value),
            Self::PerSecond => format!("{}/s", count(value)),
            Self::Bytes => bytes(value),
            Self::BytesPerSecond => format!("{}/s", bytes(value)),
            Self::Cores if value == 1.0 => "1 core".into(),
            Self::Cores => format!("{} cores", short(value)),
            Self::Ratio => format!("{} %", short(value * 100.0)),
            Self::BytesPerHour => format!("{}/h", bytes(value)),
            Self::PerHour => format!("{}/h", count(value)),
        }
    }
}

/// A value of a unit that somebody named; `bytes` are told as such, other words stand behind the number.
#[must_use]
pub fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "bytes" | "B" => Unit::Bytes.show(value),
        "seconds" | "s" => Unit::Seconds.show(value),
        "" => Unit::Count.show(value),
        other => format!("{} {other}", Unit::Count.show(value)),
    }
}

/// Three significant digits, without zeros at the end: `0.0123`, `12.3`, `1230`.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    let digits = (2.0 - size.log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// A whole number with its thousands apart (`12,345`); below a thousand with three digits.
#[must_use]
pub fn count(value: f64) -> String {
    if value.abs() < 1_000.0 {
        return short(value);
    }
    let whole = format!("{:.0}", value.abs());
    let mut text = String::with_capacity(whole.len() * 4 / 3 + 1);
    if value < 0.0 {
        text.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time: `850 µs`, `3.42 ms`, `1.21 s`, `4 min 10 s`, `47 h 59 min`.
#[must_use]
pub fn seconds(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0 s".into()
    } else if size < 0.000_999_5 {
        format!("{} µs", short(value * 1e6))
    } else if size < 0.999_5 {
        format!("{} ms", short(value * 1e3))
    } else if size < 119.5 {
        format!("{} s", short(value))
    } else if size < 7_200.0 {
        two_units(value.round(), "min", "s")
    } else {
        two_units((value / 60.0).round(), "h", "min")
    }
}

/// Sixty of the small unit are one of the large; nothing of the small one goes without saying.
fn two_units(small: f64, large_name: &str, small_name: &str) -> String {
    let (large, rest) = ((small / 60.0).trunc(), (small % 60.0).abs());
    if rest == 0.0 {
        format!("{large:.0} {large_name}")
    } else {
        format!("{large:.0} {large_name} {rest:.0} {small_name}")
    }
}

/// An amount of data: `512 B`, `1.21 GiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = value;
    let mut unit = 0;
    while value.abs() >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    format!("{} {}", short(value), UNITS[unit])
}

/// A moment as an offset from the start of the load: `01:34`, `26:01:34`; before it `-00:02`.
#[must_use]
pub fn offset(seconds: f64) -> String {
    clock(seconds, 0)
}

/// The same with tenths of a second: `01:34.2`.
#[must_use]
pub fn offset_tenths(seconds: f64) -> String {
    clock(seconds, 1)
}

fn clock(seconds: f64, decimals: usize) -> String {
    if !seconds.is_finite() {
        return "--:--".into();
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    // Rounded down, so that 59.97 s is 00:59 and never 00:60.
    let grain = 10f64.powi(decimals as i32);
    let seconds = (seconds.abs() * grain + 1e-6).floor() / grain;
    let (hours, minutes) = ((seconds / 3_600.0).floor(), (seconds / 60.0).floor() % 60.0);
    let rest = seconds % 60.0;
    let width = if decimals == 0 { 2 } else { 3 + decimals };
    if hours > 0.0 {
        format!("{sign}{hours:02.0}:{minutes:02.0}:{rest:0width$.decimals$}")
    } else {
        format!("{sign}{minutes:02.0}:{rest:0width$.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_well() {
        let cases = [
            (0.0, "0 s"),
            (0.000_850, "850 µs"),
            (0.003_42, "3.42 ms"),
            (0.999_9, "1 s"),
            (12.34, "12.3 s"),
            (250.0, "4 min 10 s"),
            (300.0, "5 min"),
            (172_740.0, "47 h 59 min"),
            (172_800.0, "48 h"),
        ];
        for (value, text) in cases {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn moments_are_offsets() {
        let cases = [
            (0.0, "00:00"),
            (94.99, "01:34"),
            (3_599.999, "59:59"),
            (93_694.0, "26:01:34"),
            (-2.0, "-00:02"),
        ];
        for (value, text) in cases {
            assert_eq!(offset(value), text);
        }
        assert_eq!(offset_tenths(94.26), "01:34.2");
        assert_eq!(offset_tenths(5.0), "00:05.0");
        assert_eq!(offset_tenths(34.2), "00:34.2");
        assert_eq!(offset(f64::NAN), "--:--");
    }

    #[test]
    fn amounts_have_three_digits_and_a_unit() {
        assert_eq!(Unit::Bytes.show(1.3e9), "1.21 GiB");
        assert_eq!(Unit::Bytes.show(0.0), "0 B");
        assert_eq!(Unit::Count.show(1_234_567.0), "1,234,567");
        assert_eq!(Unit::PerSecond.show(499.6), "500/s");
        assert_eq!(Unit::Ratio.show(0.00123), "0.123 %");
        assert_eq!(Unit::Cores.show(1.0), "1 core");
        assert_eq!(Unit::Count.show(f64::INFINITY), "not a number");
    }
}
