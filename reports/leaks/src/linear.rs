//! Series as vectors.

/// The sum of products.
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// Leaves of a series only what is at right angles to all of the basis.
pub fn take_out(series: &mut [f64], basis: &[Vec<f64>]) {
    for vector in basis {
        let size = dot(series, vector);
        series.iter_mut().zip(vector).for_each(|(value, part)| *value -= size * part);
    }
}

/// Adds a column to a basis of unit vectors at right angles; one that says nothing new is left out.
pub fn join(basis: &mut Vec<Vec<f64>>, mut column: Vec<f64>) {
    let before = dot(&column, &column);
    take_out(&mut column, basis);
    let left = dot(&column, &column);
    if left > before * 1e-9 {
        let scale = left.sqrt().recip();
        column.iter_mut().for_each(|value| *value *= scale);
        basis.push(column);
    }
}
