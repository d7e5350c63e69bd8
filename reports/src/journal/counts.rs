//! Histograms as they are stored and merged: counts in logarithmic buckets, 2 significant digits, 1 µs to 1 h.
//!
//! The buckets are those of HdrHistogram with 2 significant digits and a lowest value of 1: values below 256 stand
//! alone, and every further power of two is cut into 128 buckets, so that a bucket is never wider than 1/128 (0.8 %)
//! of its values. Merging is exact: the sum of two tallies is the tally of both. A quantile is answered as if the values of
//! its bucket were spread evenly over it: at most 0.8 % too large or too small, and not too large on the average, as the
//! bucket's upper end would be. The largest value is told as the upper end of its bucket.

use hdrhistogram::Histogram;

use super::varint;

/// The largest value that is told apart: one hour in microseconds. What is larger counts as this.
pub const LARGEST: u64 = 3_600_000_000;

/// Buckets in all: the index of [`LARGEST`] and those below it.
pub const BUCKETS: usize = index_of(LARGEST) + 1;

/// A histogram as a list of (bucket, count), ascending, without empty buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pairs: Vec<(u16, u64)>,
}

/// A histogram to add to. Grows only up to the largest bucket used; at most 27 KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<u64>,
    total: u64,
}

/// Why a stored histogram could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ascending (bucket, count) pairs below bucket {BUCKETS}, found {found} at byte {at}")]
pub struct CountsError {
    /// What was found instead.
    pub found: &'static str,
    /// Where in the blob.
    pub at: usize,
}

/// Values below this have a bucket each.
const LINEAR: u64 = 256;

const fn index_of(value: u64) -> usize {
    if value < LINEAR {
        return value as usize;
    }
    let shift = value.ilog2() - 7;
    (shift as usize) * 128 + (value >> shift) as usize
}

const fn upper_of(index: usize) -> u64 {
    if index < LINEAR as usize {
        return index as u64;
    }
    let shift = index / 128 - 1;
    (((index - shift * 128) as u64 + 1) << shift) - 1
}

/// The smallest value of a bucket.
const fn lower_of(index: usize) -> u64 {
    if index == 0 { 0 } else { upper_of(index - 1) + 1 }
}

/// The value of the `nth` of `count` values (from 1 on) that are spread evenly over a bucket.
fn spread(index: usize, nth: u64, count: u64) -> u64 {
    let (lower, upper) = (lower_of(index), upper_of(index));
    // A share of a bucket, which is at most 2^25 wide, is exact enough in a double.
    lower + ((upper - lower) as f64 * (nth as f64 / count as f64)).round() as u64
}

/// The value that `share` of the counts of `pairs` reach; `None` of nothing.
fn quantile(pairs: impl Iterator<Item = (usize, u64)>, total: u64, share: f64) -> Option<u64> {
    if total == 0 {
        return None;
    }
    let rank = ((share.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total);
    let mut seen = 0u64;
    for (index, count) in pairs {
        let before = seen;
        seen = seen.saturating_add(count);
        if seen >= rank {
            return Some(spread(index, rank - before, count));
        }
    }
    None
}

// === impl Counts ===

impl Counts {
    /// The counts of a histogram of microseconds; a finer one is rounded to these buckets.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let mut pairs: Vec<(u16, u64)> = Vec::new();
        for step in histogram.iter_recorded() {
            let index = index_of(step.value_iterated_to().min(LARGEST)) as u16;
            match pairs.last_mut() {
                Some((last, count)) if *last == index => *count += step.count_at_value(),
                _ => pairs.push((index, step.count_at_value())),
            }
        }
        Self { pairs }
    }

    /// The same as a histogram of 2 significant digits from 1 µs to 1 h.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram =
            Histogram::new_with_bounds(1, LARGEST, 2).expect("the bounds are constant and fit");
        for (index, count) in &self.pairs {
            histogram.saturating_record_n(upper_of(usize::from(*index)), *count);
        }
        histogram
    }

    /// As bytes: for each pair the distance from the last bucket, then the count, both as LEB128.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.pairs.len() * 3);
        let mut last = 0u64;
        for (index, count) in &self.pairs {
            varint::put(&mut bytes, u64::from(*index) - last);
            varint::put(&mut bytes, *count);
            last = u64::from(*index);
        }
        bytes
    }

    /// From bytes that [`Counts::encode`] made.
    ///
    /// # Errors
    ///
    /// Where the bytes end early, go down, or name a bucket that does not exist.
    pub fn decode(bytes: &[u8]) -> Result<Self, CountsError> {
        // A pair is two bytes at least.
        let mut pairs: Vec<(u16, u64)> = Vec::with_capacity(bytes.len() / 2);
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            let wrong = |found| CountsError { found, at: start };
            let step = varint::take(bytes, &mut at).ok_or_else(|| wrong("a torn number"))?;
            let count = varint::take(bytes, &mut at).ok_or_else(|| wrong("a torn number"))?;
            let last = pairs.last().map_or(0, |(index, _)| u64::from(*index));
            if step == 0 && !pairs.is_empty() {
                return Err(wrong("a bucket twice"));
            }
            let index = last.checked_add(step).filter(|index| *index < BUCKETS as u64);
            pairs.push((index.ok_or_else(|| wrong("a bucket too large"))? as u16, count));
        }
        Ok(Self { pairs })
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.pairs.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The value at or below which `share` (0 to 1) of all values lie, in microseconds; `None` of nothing.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        quantile(self.pairs.iter().map(|(index, count)| (usize::from(*index), *count)), self.total(), share)
    }
}

// === impl Tally ===

impl Tally {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, counts: &Counts) {
        let Some((largest, _)) = counts.pairs.last() else { return };
        self.reach(usize::from(*largest) + 1);
        for (index, count) in &counts.pairs {
            let slot = &mut self.counts[usize::from(*index)];
            *slot = slot.saturating_add(*count);
            self.total = self.total.saturating_add(*count);
        }
    }

    /// Counts one value, in microseconds.
    pub fn record(&mut self, value: u64) {
        let index = index_of(value.min(LARGEST));
        self.reach(index + 1);
        self.counts[index] = self.counts[index].saturating_add(1);
        self.total = self.total.saturating_add(1);
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        self.reach(other.counts.len());
        for (slot, count) in self.counts.iter_mut().zip(&other.counts) {
            *slot = slot.saturating_add(*count);
        }
        self.total = self.total.saturating_add(other.total);
    }

    fn reach(&mut self, length: usize) {
        if self.counts.len() < length {
            self.counts.resize(length, 0);
        }
    }

    /// Forgets everything, and keeps its memory.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// How many values were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The value at or below which `share` (0 to 1) of all values lie, in microseconds; `None` of nothing.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let pairs = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        quantile(pairs.map(|(index, count)| (index, *count)), self.total, share)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, LARGEST, 2).unwrap();
        for value in values {
            histogram.saturating_record(*value);
        }
        histogram
    }

    #[test]
    fn buckets_follow_one_another_without_a_hole() {
        for index in 0..BUCKETS - 1 {
            assert_eq!(index_of(upper_of(index)), index);
            assert_eq!(index_of(upper_of(index) + 1), index + 1);
        }
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Counts::default().quantile(0.5), None);
        assert_eq!(Tally::default().quantile(1.0), None);
    }

    #[test]
    fn a_quantile_of_many_values_is_as_good_as_if_each_had_been_kept() {
        // Buckets of 4,096 and 8,192 µs.
        let mut tally = Tally::default();
        (700_000..900_000).step_by(10).for_each(|value| tally.record(value));
        for (share, truth) in [(0.1, 720_000.0), (0.5, 800_000.0), (0.75, 850_000.0), (0.99, 898_000.0)] {
            let told = tally.quantile(share).unwrap() as f64;
            assert!((told / truth - 1.0).abs() < 0.002, "{share}: {told} for {truth}");
        }
        let mut one = Tally::default();
        one.record(700_000);
        assert_eq!(one.quantile(0.5), Some(upper_of(index_of(700_000))), "one alone is never told too small");
    }

    #[test]
    fn a_blob_that_names_no_bucket_is_refused() {
        assert!(Counts::decode(&[0xff, 0xff, 0x7f, 1]).is_err());
        assert!(Counts::decode(&[5]).is_err());
        assert!(Counts::decode(&[5, 1, 0, 1]).is_err());
    }

    proptest! {
        // What is stored comes back, and agrees with the library that recorded it.
        #[test]
        fn stored_counts_are_the_histogram(values in prop::collection::vec(0..LARGEST, 0..200), share in 0.0..1.0f64) {
            let histogram = histogram(&values);
            let counts = Counts::of(&histogram);
            prop_assert_eq!(&Counts::decode(&counts.encode()).unwrap(), &counts);
            prop_assert_eq!(&Counts::of(&counts.histogram()), &counts);
            prop_assert_eq!(counts.total(), values.len() as u64);
            if !values.is_empty() {
                let (told, largest) = (counts.quantile(share).unwrap(), histogram.value_at_quantile(share));
                prop_assert!(told <= largest && histogram.equivalent(told, largest), "{} {}", told, largest);
                prop_assert!(told <= counts.quantile(1.0).unwrap());
            }
        }

        // Merging in any cut is the same as counting in one go.
        #[test]
        fn a_tally_of_parts_is_the_tally_of_the_whole(values in prop::collection::vec(0..LARGEST, 1..200), cut in 0usize..200) {
            let cut = cut.min(values.len());
            let mut parts = Tally::default();
            parts.add(&Counts::of(&histogram(&values[..cut])));
            parts.add(&Counts::of(&histogram(&values[cut..])));
            let mut whole = Tally::default();
            whole.add(&Counts::of(&histogram(&values)));
            prop_assert_eq!(&parts, &whole);
            let mut twice = parts.clone();
            twice.merge(&whole);
            parts.add(&Counts::of(&histogram(&values)));
            prop_assert_eq!(twice, parts);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(counts) = Counts::decode(&bytes) {
                let mut tally = Tally::default();
                tally.add(&counts);
                let _ = tally.quantile(0.99);
                let _ = counts.histogram();
            }
        }
    }
}
