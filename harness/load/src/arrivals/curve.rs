//! A rate over time in straight pieces, its integral, and the inverse of that.
//!
//! A constant rate is a curve of one piece without an end. This knows neither spacing nor chance.

use shakedown_scenarios::workload::{Arrivals, Stage};

/// A piecewise linear rate from the start of a load on; the last piece never ends.
#[derive(Clone, Debug)]
pub struct Curve {
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where it begins, in seconds.
    from: f64,
    /// How many arrivals were to come before it.
    before: f64,
    /// The rate at its beginning, in arrivals a second.
    rate: f64,
    /// How the rate changes, in arrivals a second per second.
    slope: f64,
    /// Its length in seconds; infinite for the last one.
    length: f64,
}

// === impl Curve ===

impl Curve {
    /// The rate over time of these arrivals; in the closed model nothing comes by itself.
    #[must_use]
    pub fn new(arrivals: &Arrivals) -> Self {
        match arrivals {
            Arrivals::Constant(rate) | Arrivals::Poisson(rate) => Self::of(&[], rate.hertz()),
            Arrivals::Stages { stages, .. } => {
                Self::of(stages, stages.last().map_or(0.0, |stage| stage.rate.hertz()))
            }
            Arrivals::Closed { .. } => Self::of(&[], 0.0),
        }
    }

    fn of(stages: &[Stage], last: f64) -> Self {
        let mut pieces = Vec::with_capacity(stages.len() + 1);
        let (mut from, mut before) = (0.0, 0.0);
        let mut rate = stages.first().map_or(last, |stage| stage.rate.hertz());
        for stage in stages {
            let (length, to) = (stage.over.as_secs_f64(), stage.rate.hertz());
            if length > 0.0 {
                let piece = Piece { from, before, rate, slope: (to - rate) / length, length };
                (from, before) = (from + length, before + length * (rate + to) / 2.0);
                pieces.push(piece);
            }
            rate = to;
        }
        pieces.push(Piece { from, before, rate: last, slope: 0.0, length: f64::INFINITY });
        Self { pieces }
    }

    /// How many arrivals are to come in the first `seconds`.
    #[must_use]
    pub fn integral(&self, seconds: f64) -> f64 {
        let piece = self.last_where(|piece| piece.from <= seconds);
        let inside = (seconds - piece.from).max(0.0);
        piece.before + inside * (piece.rate + piece.slope * inside / 2.0)
    }

    /// The latest moment, in seconds, up to which no more than `count` arrivals are to come; `None` where there never
    /// come more. Over a plateau without arrivals this is its end: the rate there is what the next arrival belongs to.
    #[must_use]
    pub fn moment(&self, count: f64) -> Option<f64> {
        let piece = self.last_where(|piece| piece.before <= count);
        piece.after(count - piece.before).map(|inside| piece.from + inside)
    }

    /// The highest rate, in arrivals a second.
    #[must_use]
    pub fn peak(&self) -> f64 {
        // A straight piece is highest at one of its ends, and the end of each is the beginning of another or a step.
        let ends = self.pieces.iter().flat_map(|piece| {
            let length = if piece.length.is_finite() { piece.length } else { 0.0 };
            [piece.rate, piece.rate + piece.slope * length]
        });
        ends.fold(0.0, f64::max)
    }

    fn last_where(&self, holds: impl Fn(&Piece) -> bool) -> Piece {
        let count = self.pieces.partition_point(holds);
        self.pieces[count.saturating_sub(1)]
    }
}

// === impl Piece ===

impl Piece {
    /// How far into the piece `count` arrivals have come, in seconds: the root of `rate·s + slope·s²/2 = count`, in the
    /// form that does not cancel when the slope is small (*Numerical Recipes*, section 5.6).
    fn after(&self, count: f64) -> Option<f64> {
        if self.slope == 0.0 {
            return (self.rate > 0.0).then(|| (count / self.rate).min(self.length));
        }
        if count <= 0.0 {
            return Some(0.0);
        }
        let root = (self.rate * self.rate + 2.0 * count * self.slope).max(0.0).sqrt();
        Some((2.0 * count / (self.rate + root)).min(self.length))
    }
}

#[cfg(test)]
mod tests {
    use shakedown_scenarios::units::{Rate, Span};
    use shakedown_scenarios::workload::Spacing;

    use super::*;

    fn curve(stages: &[(f64, u64)]) -> Curve {
        let stage = |(hertz, secs): &(f64, u64)| Stage {
            rate: Rate::per_second(*hertz).unwrap(),
            over: Span::secs(*secs),
        };
        Curve::new(&Arrivals::Stages { spacing: Spacing::Even, stages: stages.iter().map(stage).collect() })
    }

    #[test]
    fn the_first_stage_holds_its_rate_and_the_last_one_holds_to_the_end() {
        let curve = curve(&[(10.0, 2), (30.0, 2)]);
        assert_eq!([2.0, 4.0, 5.0].map(|seconds| curve.integral(seconds)), [20.0, 60.0, 90.0]);
        assert_eq!(curve.peak(), 30.0);
    }

    #[test]
    fn a_stage_of_no_length_is_a_step() {
        let curve = curve(&[(10.0, 1), (100.0, 0), (100.0, 1), (1.0, 0)]);
        assert_eq!([1.0, 2.0, 12.0].map(|seconds| curve.integral(seconds)), [10.0, 110.0, 120.0]);
        assert_eq!(curve.peak(), 100.0);
    }

    #[test]
    fn a_ramp_from_nothing_and_back_is_inverted_exactly() {
        let curve = curve(&[(0.0, 0), (10.0, 10), (0.0, 10)]);
        // Up: s²/2 arrivals after s seconds. Down: the same seen from its end.
        assert_eq!([0.0, 2.0, 8.0, 50.0].map(|count| curve.moment(count).unwrap()), [0.0, 2.0, 4.0, 10.0]);
        assert_eq!(curve.moment(98.0), Some(18.0));
        assert_eq!(curve.moment(100.5), None);
    }

    #[test]
    fn no_stage_is_no_load() {
        assert_eq!((curve(&[]).moment(0.0), curve(&[]).peak()), (None, 0.0));
    }
}
