//! Small robust statistics. Values are finite; sorting is by [`f64::total_cmp`].

/// The median; 0 of nothing.
pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// A quantile, between neighbours; 0 of nothing. Reorders the values.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let place = part.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (_, low, rest) = values.select_nth_unstable_by(place as usize, f64::total_cmp);
    let low = *low;
    let next = rest.iter().copied().reduce(f64::min).unwrap_or(low);
    low + (next - low) * place.fract()
}

/// The mean of the middle half: as robust as a quarter of outliers asks for, and finer than a median on counts
/// (F. Mosteller, J. W. Tukey, *Data Analysis and Regression*, 1977). Reorders the values.
pub fn midmean(values: &mut [f64]) -> f64 {
    match values.len() {
        0 => 0.0,
        1 | 2 => values.iter().sum::<f64>() / values.len() as f64,
        many => {
            values.sort_unstable_by(f64::total_cmp);
            let cut = many / 4;
            let middle = &values[cut..many - cut];
            middle.iter().sum::<f64>() / middle.len() as f64
        }
    }
}

/// Of the normal distribution: a median of absolute values times this estimates a standard deviation.
pub const MAD: f64 = 1.4826;

/// The spread of values around zero, as a standard deviation, from the median of their sizes.
pub fn spread(values: impl Iterator<Item = f64>) -> f64 {
    let mut sizes: Vec<f64> = values.map(f64::abs).collect();
    MAD * median(&mut sizes)
}

/// The distribution function of the normal distribution (W. J. Cody's bounds are finer; W. H. Press et al., *Numerical
/// Recipes*, 6.2: relative error below 1.2e-7).
pub fn normal(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let terms = [
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let sum = terms.iter().rev().fold(0.0, |sum, term| sum * t + term);
    let tail = 0.5 * t * (-x * x - 1.265_512_23 + t * sum).exp();
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// The distribution function of Student's t (D. L. Wallace, *Bounds on normal approximations to Student's*, 1959).
pub fn student(t: f64, degrees: f64) -> f64 {
    let degrees = degrees.max(1.0);
    let z = (degrees * (t * t / degrees).ln_1p()).sqrt()
        * (1.0 - 3.0 / (4.0 * degrees + 3.0) / 1.0_f64.max(degrees));
    normal(if t < 0.0 { -z } else { z })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distributions_are_those_of_the_tables() {
        for (z, expected) in [(0.0, 0.5), (1.96, 0.975), (-1.645, 0.05), (3.0, 0.998_65)] {
            assert!((normal(z) - expected).abs() < 2e-4, "{z}: {}", normal(z));
        }
        for (t, degrees, expected) in [(2.776, 4.0, 0.975), (2.228, 10.0, 0.975), (-1.984, 100.0, 0.025)] {
            assert!((student(t, degrees) - expected).abs() < 6e-3, "{t}: {}", student(t, degrees));
        }
    }

    #[test]
    fn middles_do_not_see_outliers() {
        assert_eq!(median(&mut [3.0, 1.0, 1e9]), 3.0);
        assert_eq!(quantile(&mut [4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
        assert_eq!(midmean(&mut [1.0, 2.0, 3.0, 1e9]), 2.5);
        assert_eq!(midmean(&mut []), 0.0);
    }
}
