//! Quantities print to what reads back to the same quantity.

use proptest::prelude::*;
use shakedown_scenarios::units::{Bandwidth, Rate, Ratio, Size, Span, UnitError};

const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;

/// `parse(print(x)) == x`.
fn same<T>(value: T) -> Result<(), TestCaseError>
where
    T: std::str::FromStr<Err = UnitError> + std::fmt::Display + PartialEq + std::fmt::Debug,
{
    let printed = value.to_string();
    prop_assert_eq!(printed.parse::<T>(), Ok(value), "{}", printed);
    Ok(())
}

/// Numbers of all magnitudes, whole ones among them.
fn positive(most: f64) -> impl Strategy<Value = f64> {
    prop_oneof![
        (0.0..=1.0_f64).prop_map(move |share| share * most),
        (-12.0..0.0_f64).prop_map(move |exponent| 10_f64.powf(exponent) * most),
        (0..=1_000_u32).prop_map(f64::from),
        (0..=100_000_u32).prop_map(|whole| f64::from(whole) / 1_000.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn spans_read_back(nanos in prop_oneof![0..=YEAR, 0..5_000_000_000_u64, (0..=365_u64 * 24 * 3600).prop_map(|s| s * 1_000_000_000)]) {
        same(Span::nanos(nanos))?;
    }

    #[test]
    fn rates_read_back(rate in positive(10_000_000.0), seconds in prop_oneof![Just(1.0), Just(60.0), Just(3600.0)]) {
        same(Rate::per_second(rate / seconds).unwrap())?;
    }

    #[test]
    fn ratios_read_back(ratio in positive(10_000.0)) {
        same(Ratio::new(ratio.min(10_000.0)).unwrap())?;
    }

    #[test]
    fn sizes_and_bandwidths_read_back(number in 0..=1_u64 << 20, shift in 0_u32..=40, decimal in 0_u32..=12) {
        for bytes in [number << shift, number.saturating_mul(10_u64.pow(decimal)), (number << shift) + number] {
            let bytes = bytes.min(1 << 60);
            same(Size::bytes(bytes))?;
            same(Bandwidth::bytes_per_second(bytes))?;
        }
    }

    /// No text makes a quantity panic, and what is refused is told with what was found.
    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), "[0-9.eE+-]{0,8}[a-zA-Z%/ ]{0,5}"]) {
        let found = text.chars().take(60).collect::<String>();
        for told in [
            text.parse::<Span>().err(),
            text.parse::<Rate>().err(),
            text.parse::<Ratio>().err(),
            text.parse::<Size>().err(),
            text.parse::<Bandwidth>().err(),
        ].into_iter().flatten() {
            prop_assert_eq!(&told.found, &found);
            prop_assert!(told.to_string().starts_with("expected a"));
        }
    }
}

#[test]
fn quantities_mean_what_people_write() {
    fn check<T>(cases: &[(&str, Option<T>)])
    where
        T: std::str::FromStr + PartialEq + std::fmt::Debug + Copy,
    {
        for (text, expected) in cases {
            assert_eq!(text.parse::<T>().ok(), *expected, "{text}");
        }
    }
    check(&[
        ("250ms", Some(Span::millis(250))),
        ("1m 30s", Some(Span::secs(90))),
        ("48h", Some(Span::secs(48 * 3600))),
        ("0s", Some(Span::ZERO)),
        ("365d", Some(Span::secs(365 * 24 * 3600))),
        ("366d", None),
        ("10", None),
        ("-1s", None),
        ("1.5 parsecs", None),
        ("", None),
    ]);
    check(&[
        ("500/s", Rate::per_second(500.0)),
        ("30/min", Rate::per_second(0.5)),
        ("0.5 / s", Rate::per_second(0.5)),
        ("10000001/s", None),
        ("-1/s", None),
        ("nan/s", None),
        ("1/d", None),
        ("500", None),
    ]);
    check(&[
        ("1%", Ratio::new(0.01)),
        ("0.5", Ratio::new(0.5)),
        ("150 %", Ratio::new(1.5)),
        ("-1%", None),
        ("inf", None),
    ]);
    check(&[
        ("64MiB", Some(Size::bytes(64 << 20))),
        ("1.5GB", Some(Size::bytes(1_500_000_000))),
        ("100B", Some(Size::bytes(100))),
        ("1EiB", Some(Size::bytes(1 << 60))),
        ("2EiB", None),
        ("-1B", None),
        ("much", None),
    ]);
    check(&[("1MB/s", Some(Bandwidth::bytes_per_second(1_000_000))), ("1MB", None), ("/s", None)]);
}
