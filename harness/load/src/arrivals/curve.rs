//! A rate over time in straight pieces, its integral, and the inverse of that.
//!
//! A constant rate is a curve of one piece without an end; a sine is one of many short ones that comes again and again.
//! This knows neither spacing nor chance.

use std::f64::consts::TAU;

use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{Arrivals, Stage};

/// A piecewise linear rate from the start of a load on.
#[derive(Clone, Debug)]
pub struct Curve {
    pieces: Vec<Piece>,
    /// After the pieces the first one comes again; `None`: the last one never ends.
    lap: Option<Lap>,
}

/// All pieces of a curve that repeats.
#[derive(Clone, Copy, Debug)]
struct Lap {
    /// Seconds.
    length: f64,
    /// Arrivals.
    count: f64,
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
    /// The rate over time of these arrivals. What has no rate of its own (bursts, replays, the closed model) has a curve
    /// on which nothing comes.
    #[must_use]
    pub fn new(arrivals: &Arrivals) -> Self {
        match arrivals {
            Arrivals::Constant(rate) | Arrivals::Poisson(rate) => Self::of(&[], rate.hertz()),
            Arrivals::Stages { stages, .. } => {
                Self::of(stages, stages.last().map_or(0.0, |stage| stage.rate.hertz()))
            }
            Arrivals::Spikes { base, peak, every, hold, ramp, .. } => {
                Self::repeated(&spike(*base, *peak, (*every, *hold, *ramp)))
            }
            Arrivals::Sine { mean, amplitude, period, .. } => {
                Self::repeated(&sine(mean.hertz(), amplitude.hertz(), period.as_secs_f64()))
            }
            Arrivals::Daily { rates, day, .. } => Self::repeated(&hours(rates, *day)),
            Arrivals::Bursts { .. } | Arrivals::Replay { .. } | Arrivals::Closed { .. } => Self::of(&[], 0.0),
        }
    }

    fn of(stages: &[Stage], last: f64) -> Self {
        let first = stages.first().map_or(last, |stage| stage.rate.hertz());
        let legs = stages.iter().scan(first, |rate, stage| {
            let from = std::mem::replace(rate, stage.rate.hertz());
            Some(Leg { from, to: *rate, length: stage.over.as_secs_f64() })
        });
        let (mut pieces, end) = joined(legs);
        pieces.push(Piece {
            from: end.length,
            before: end.count,
            rate: last,
            slope: 0.0,
            length: f64::INFINITY,
        });
        Self { pieces, lap: None }
    }

    fn repeated(legs: &[Leg]) -> Self {
        let (pieces, lap) = joined(legs.iter().copied());
        // Nothing ever comes on a curve of no length, or without a rate.
        if lap.length > 0.0 && lap.count > 0.0 { Self { pieces, lap: Some(lap) } } else { Self::of(&[], 0.0) }
    }

    /// How many arrivals are to come in the first `seconds`.
    #[must_use]
    pub fn integral(&self, seconds: f64) -> f64 {
        let (before, seconds) = self.lap.map_or((0.0, seconds), |lap| {
            let laps = (seconds / lap.length).floor();
            (laps * lap.count, laps.mul_add(-lap.length, seconds))
        });
        let piece = self.last_where(|piece| piece.from <= seconds);
        let inside = (seconds - piece.from).max(0.0);
        before + piece.before + inside * (piece.rate + piece.slope * inside / 2.0)
    }

    /// The latest moment, in seconds, up to which no more than `count` arrivals are to come; `None` where there never
    /// come more. Over a plateau without arrivals this is its end: the rate there is what the next arrival belongs to.
    #[must_use]
    pub fn moment(&self, count: f64) -> Option<f64> {
        let (from, count) = self.lap.map_or((0.0, count), |lap| {
            let laps = (count / lap.count).floor();
            (laps * lap.length, laps.mul_add(-lap.count, count))
        });
        let piece = self.last_where(|piece| piece.before <= count);
        piece.after(count - piece.before).map(|inside| from + piece.from + inside)
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

/// A stretch of a curve before its place is known.
#[derive(Clone, Copy, Debug)]
struct Leg {
    /// The rate at its beginning.
    from: f64,
    /// The rate at its end.
    to: f64,
    /// Seconds.
    length: f64,
}

/// Legs one behind the other, and how long and how many arrivals they are together. Legs of no length are steps.
fn joined(legs: impl IntoIterator<Item = Leg>) -> (Vec<Piece>, Lap) {
    let mut pieces = Vec::new();
    let mut end = Lap { length: 0.0, count: 0.0 };
    for Leg { from: rate, to, length } in legs {
        if length > 0.0 {
            let slope = (to - rate) / length;
            pieces.push(Piece { from: end.length, before: end.count, rate, slope, length });
            end = Lap { length: end.length + length, count: end.count + length * (rate + to) / 2.0 };
        }
    }
    (pieces, end)
}

fn spike(base: Rate, peak: Rate, (every, hold, ramp): (Span, Span, Span)) -> [Leg; 4] {
    let (base, peak) = (base.hertz(), peak.hertz());
    let calm = every.minus(hold).minus(ramp).minus(ramp).as_secs_f64();
    let (hold, ramp) = (hold.as_secs_f64(), ramp.as_secs_f64());
    [
        Leg { from: base, to: base, length: calm },
        Leg { from: base, to: peak, length: ramp },
        Leg { from: peak, to: peak, length: hold },
        Leg { from: peak, to: base, length: ramp },
    ]
}

/// Straight pieces of one swing. Between two points a chord leaves the sine by at most 1 - cos(π/360), 0.004 % of the
/// amplitude, and over the whole swing nothing is gained or lost.
const SINE_PIECES: u32 = 360;

fn sine(mean: f64, amplitude: f64, period: f64) -> Vec<Leg> {
    // Not the standard library's sine: due times are to be the same on every machine.
    let rate = |point: u32| {
        let turn = f64::from(point % SINE_PIECES) / f64::from(SINE_PIECES);
        amplitude.mul_add(libm::sin(TAU * turn), mean).max(0.0)
    };
    let length = period / f64::from(SINE_PIECES);
    (0..SINE_PIECES).map(|point| Leg { from: rate(point), to: rate(point + 1), length }).collect()
}

fn hours(rates: &[Rate], day: Span) -> Vec<Leg> {
    let length = day.as_secs_f64() / rates.len().max(1) as f64;
    let next = rates.iter().cycle().skip(1);
    rates.iter().zip(next).map(|(from, to)| Leg { from: from.hertz(), to: to.hertz(), length }).collect()
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

    fn rate(hertz: f64) -> Rate {
        Rate::per_second(hertz).unwrap()
    }

    #[test]
    fn a_spike_ends_its_stretch_and_comes_again() {
        let curve = Curve::new(&Arrivals::Spikes {
            spacing: Spacing::Even,
            base: rate(10.0),
            peak: rate(100.0),
            every: Span::secs(10),
            hold: Span::secs(2),
            ramp: Span::secs(1),
        });
        // 6 s of base, a ramp of 55, 2 s of peak, a ramp of 55.
        let lap = 60.0 + 55.0 + 200.0 + 55.0;
        let integrals = [6.0, 7.0, 9.0, 10.0, 16.0, 29.0].map(|seconds| curve.integral(seconds));
        assert_eq!(integrals, [60.0, 115.0, 315.0, lap, lap + 60.0, 2.0 * lap + 315.0]);
        assert_eq!(
            [60.0, lap, 3.0 * lap + 60.0].map(|count| curve.moment(count).unwrap()),
            [6.0, 10.0, 36.0]
        );
        assert_eq!(curve.peak(), 100.0);
    }

    #[test]
    fn a_sine_has_the_integral_of_a_sine() {
        let (mean, amplitude, period) = (50.0, 50.0, 40.0);
        let span = Span::secs(40);
        let curve = Curve::new(&Arrivals::Sine {
            spacing: Spacing::Even,
            mean: rate(mean),
            amplitude: rate(amplitude),
            period: span,
        });
        for step in 0..500 {
            let seconds = f64::from(step) * 0.25;
            let swing = amplitude * period / TAU * (1.0 - (TAU * seconds / period).cos());
            let truth = mean.mul_add(seconds, swing);
            assert!((curve.integral(seconds) - truth).abs() <= 0.02, "at {seconds} s");
        }
        // Whole swings are exact.
        assert!((curve.integral(120.0) - 6_000.0).abs() < 1e-6);
        assert!((curve.peak() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_day_goes_from_hour_to_hour_and_begins_again() {
        let mut rates = vec![rate(0.0); 24];
        (rates[0], rates[1], rates[23]) = (rate(24.0), rate(12.0), rate(12.0));
        let daily = |day| Arrivals::Daily { spacing: Spacing::Even, rates: rates.clone(), day };
        let curve = Curve::new(&daily(Span::secs(24 * 3_600)));
        let hour = 3_600.0;
        // From 24/s to 12/s, to nothing, then nothing, up to 12/s, and to the 24/s of the next day.
        let integrals = [1.0, 2.0, 22.0, 23.0, 24.0, 25.0].map(|hours| curve.integral(hours * hour) / hour);
        assert_eq!(integrals, [18.0, 24.0, 24.0, 30.0, 48.0, 66.0]);
        let short = Curve::new(&daily(Span::secs(24)));
        assert_eq!(short.integral(25.0), 66.0);
        assert_eq!(short.moment(48.0), Some(24.0));
    }

    #[test]
    fn what_repeats_without_a_rate_or_a_length_is_no_load() {
        let daily =
            |hertz, day| Arrivals::Daily { spacing: Spacing::Even, rates: vec![rate(hertz); 24], day };
        for arrivals in [daily(0.0, Span::secs(9)), daily(5.0, Span::ZERO)] {
            assert_eq!(Curve::new(&arrivals).moment(0.0), None);
        }
    }

    #[test]
    fn no_stage_is_no_load() {
        assert_eq!((curve(&[]).moment(0.0), curve(&[]).peak()), (None, 0.0));
    }
}
