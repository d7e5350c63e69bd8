//! The normal distribution, the same on every machine.
//!
//! By Karney's method ("Sampling exactly from the normal distribution", 2016, algorithm N), which builds it from von
//! Neumann's trick for e^-x: comparisons of even numbers, and no logarithm, root or cosine, whose last bits differ
//! between two systems' mathematics libraries. What arithmetic there is, is exactly rounded.

use shakedown_scenarios::seed::Chance;

/// A number drawn from the normal distribution of mean 0 and standard deviation 1. Some 17 draws of the stream on
/// average.
///
/// ```
/// use shakedown_scenarios::seed::Streams;
///
/// let mut chance = Streams::new(42).stream("docs");
/// let drawn: Vec<f64> = (0..1_000).map(|_| shakedown_datagram_faults::normal::standard(&mut chance)).collect();
/// let within_one = drawn.iter().filter(|number| number.abs() < 1.0).count();
/// assert!((630..730).contains(&within_one));
/// ```
pub fn standard(chance: &mut Chance) -> f64 {
    loop {
        // The whole part k comes with e^(-k/2), which is e^(-k²/2) once the next line has let it by.
        let mut whole = 0_u64;
        while happens(chance, 0.5) {
            whole += 1;
        }
        if !(0..whole * whole.saturating_sub(1)).all(|_| happens(chance, 0.5)) {
            continue;
        }
        let (part, floor) = (chance.unit(), whole as f64);
        // The fraction x is let by with e^(-x(2k + x)/2): k + 1 times with a part of that exponent, which is below 1.
        let exponent = part * (2.0 * floor + part) / (2.0 * floor + 2.0);
        if (0..=whole).all(|_| happens(chance, exponent)) {
            let size = floor + part;
            return if chance.u64() >> 63 == 0 { size } else { -size };
        }
    }
}

/// True with probability e^-x, for x from 0 to 1: a run of numbers that fall from x on has an even length so often.
fn happens(chance: &mut Chance, x: f64) -> bool {
    let (mut last, mut even) = (x, true);
    loop {
        let next = chance.unit();
        if next >= last {
            return even;
        }
        (last, even) = (next, !even);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::seed::Streams;

    // Computed by a second implementation in another language (ChaCha8 and this method), not copied from the output of
    // this one.
    #[test]
    fn a_stream_yields_its_golden_vector() {
        let mut chance = Streams::new(42).stream("normal");
        let drawn: Vec<u64> = (0..6).map(|_| standard(&mut chance).to_bits()).collect();
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 6] = [
        0xbffd_6624_ed76_4950,
        0xbfc5_04ae_489a_285c,
        0xbfe2_78d5_c568_1180,
        0xbfe4_84c1_3c84_d43b,
        0x3fe4_67b0_0da6_36a7,
        0x3fd6_ddea_b441_0456,
    ];

    #[test]
    fn a_run_falls_with_the_exponential_of_its_start() {
        let mut chance = Streams::new(3).stream("happens");
        for (x, expected) in [(0.0, 100_000), (0.5, 60_653), (1.0, 36_788)] {
            let count = (0..100_000).filter(|_| happens(&mut chance, x)).count() as i64;
            assert!((count - expected).abs() < 700, "{x}: {count}");
        }
    }

    #[test]
    fn mean_spread_and_tails_are_those_of_the_normal_distribution() {
        const COUNT: usize = 100_000;
        let mut chance = Streams::new(1).stream("normal");
        let drawn: Vec<f64> = (0..COUNT).map(|_| standard(&mut chance)).collect();
        let mean = drawn.iter().sum::<f64>() / COUNT as f64;
        let variance = drawn.iter().map(|number| number * number).sum::<f64>() / COUNT as f64;
        assert!(mean.abs() < 0.015, "{mean}");
        assert!((0.98..1.02).contains(&variance), "{variance}");
        // Shares of a hundred thousand below these points, from the distribution's table.
        for (point, share) in
            [(-2.0, 2_275), (-1.0, 15_866), (0.0, 50_000), (0.5, 69_146), (1.0, 84_134), (3.0, 99_865)]
        {
            let below = drawn.iter().filter(|number| **number < point).count() as i64;
            assert!((below - share).abs() < 600, "{point}: {below}");
        }
    }
}
