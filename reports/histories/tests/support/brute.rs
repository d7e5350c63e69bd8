//! All orders, one after the other, against the real object: slow, and so short that there is nothing to get wrong.

use serde_json::Value;

use super::made::{End, Made};
use super::real::Real;

/// Whether some order of these operations is one that the object allows.
pub fn is_consistent(model: &str, ops: &[Made], fail_is_mismatch: bool) -> bool {
    let mut keys: Vec<usize> = ops.iter().map(|made| made.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().all(|key| {
        let says = |made: &&Made| made.end != End::Fail || fail_is_mismatch && made.f == "cas";
        let of_key: Vec<&Made> = ops.iter().filter(|made| made.key == key).filter(says).collect();
        orders(&Real::of(model), &of_key)
    })
}

fn orders(real: &Real, left: &[&Made]) -> bool {
    if left.iter().all(|made| made.end == End::Info) {
        return true;
    }
    let first_back = left.iter().filter(|made| made.end != End::Info).map(|made| made.back).min();
    let first_back = first_back.unwrap_or(usize::MAX);
    left.iter().enumerate().filter(|(_, made)| made.call < first_back).any(|(at, made)| {
        let mut after = real.clone();
        let told = after.act(made.f, &made.argument);
        let fits = match made.end {
            End::Ok => told.as_ref() == Some(&made.result),
            End::Fail => told.is_none(),
            End::Info => told.is_some(),
        };
        let mut rest = left.to_vec();
        rest.remove(at);
        let state = if made.end == End::Fail { real } else { &after };
        fits && orders(state, &rest)
    })
}

/// Whether it only, or also, says what it found.
pub fn is_look(made: &Made) -> bool {
    (made.argument == Value::Null || made.f == "txn") && made.f != "acquire" && made.f != "release"
}

/// Whether it came back with what it found.
pub fn looks(made: &Made) -> bool {
    made.end == End::Ok && is_look(made)
}
