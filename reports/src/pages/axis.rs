//! Axes: which range a panel shows, where its marks stand, and where a value lies. Every range is finite and not empty,
//! whatever the values are.

use crate::show::{self, Unit};

/// The vertical axis of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values that are marked, with their text.
    pub marks: Vec<(f64, String)>,
}

/// Marks on the axis of time: value in seconds and text.
pub type TimeMarks = Vec<(f64, String)>;

/// No axis reaches further; plots of larger numbers would tell nothing anyway.
const LARGEST: f64 = 1e18;
/// Nor does any begin lower: nothing here is measured more finely.
const SMALLEST: f64 = 1e-6;

// === impl Axis ===

impl Axis {
    /// From zero to a little above `largest`, with two to five round marks.
    #[must_use]
    pub fn linear(largest: Option<f64>, unit: Unit) -> Self {
        let largest =
            largest.filter(|value| value.is_finite() && *value > 0.0).unwrap_or(1.0).clamp(SMALLEST, LARGEST);
        let step = step_for(largest / 3.0, unit);
        // A little air above the highest line, and at least one mark above zero.
        let high = (largest * 1.06).max(step);
        let marks = (0..=(high / step) as u32).map(|index| f64::from(index) * step);
        let marks = marks.map(|value| (value, unit.show(value))).collect();
        Self { low: 0.0, high, logarithmic: false, marks }
    }

    /// Whole powers of ten around the values; at least one.
    #[must_use]
    pub fn logarithmic(smallest: Option<f64>, largest: Option<f64>, unit: Unit) -> Self {
        let positive = |value: Option<f64>| value.filter(|value| value.is_finite() && *value > 0.0);
        let high = positive(largest).unwrap_or(1_000.0).clamp(SMALLEST, LARGEST);
        let low = positive(smallest).unwrap_or(high / 10.0).clamp(SMALLEST, high);
        let from = low.log10().floor();
        let to = high.log10().ceil().max(from + 1.0);
        let marks =
            (from as i32..=to as i32).map(|power| 10f64.powi(power)).map(|value| (value, unit.show(value)));
        Self { low: 10f64.powf(from), high: 10f64.powf(to), logarithmic: true, marks: marks.collect() }
    }

    /// Where a value lies: 0 at the bottom, 1 at the top; what is outside lies at the edge.
    #[must_use]
    pub fn share(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low).log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// A round step of at least `least`: 1, 2, 5 times a power of ten; for bytes 1, 2, 4… times a power of 1,024.
fn step_for(least: f64, unit: Unit) -> f64 {
    if matches!(unit, Unit::Bytes | Unit::BytesPerSecond) && least >= 1.0 {
        return 2f64.powf(least.log2().ceil());
    }
    let power = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= least * 0.999);
    let step = step.unwrap_or(10.0 * power);
    // There is no half a descriptor.
    if unit == Unit::Count { step.max(1.0) } else { step }
}

/// At most a dozen marks on an axis of so many seconds.
#[must_use]
pub fn time_marks(seconds: f64) -> TimeMarks {
    const STEPS: [f64; 20] = [
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        900.0,
        1_800.0,
        3_600.0,
        7_200.0,
        10_800.0,
        21_600.0,
        43_200.0,
        86_400.0,
        604_800.0,
        2_592_000.0,
    ];
    let seconds = if seconds.is_finite() { seconds.clamp(1.0, LARGEST) } else { 1.0 };
    let step = STEPS.into_iter().find(|step| seconds / step <= 12.0).unwrap_or(seconds / 12.0);
    (0..=12)
        .map(|index| f64::from(index) * step)
        .take_while(|at| *at <= seconds)
        .map(|at| (at, show::offset(at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_round() {
        let texts = |axis: Axis| axis.marks.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(Axis::linear(Some(190.0), Unit::PerSecond)), ["0/s", "100/s", "200/s"]);
        assert_eq!(texts(Axis::linear(Some(9e7), Unit::Bytes)), ["0 B", "32 MiB", "64 MiB"]);
        assert_eq!(
            texts(Axis::logarithmic(Some(5e3), Some(2e5), Unit::Micros)),
            ["1 ms", "10 ms", "100 ms", "1 s"]
        );
        assert_eq!(time_marks(80.0).len(), 9);
        assert_eq!(time_marks(172_800.0).last().unwrap().1, "48:00:00");
    }

    proptest! {
        // No value, however odd, makes an axis without end.
        #[test]
        fn every_axis_is_finite(low in any::<f64>(), high in any::<f64>(), value in any::<f64>()) {
            for unit in [Unit::Count, Unit::Bytes, Unit::Micros, Unit::Ratio] {
                for axis in [Axis::linear(Some(high), unit), Axis::logarithmic(Some(low), Some(high), unit)] {
                    prop_assert!(axis.marks.len() <= 26);
                    prop_assert!((0.0..=1.0).contains(&axis.share(value)));
                }
            }
            prop_assert!(time_marks(high).len() <= 13);
        }
    }
}
